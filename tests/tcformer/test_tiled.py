"""The tiled clustering of the CPU, part by part, with tiles and lanes small enough that every path is taken."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tcformer.kernels import plain, tiled

quick = settings(max_examples=40, deadline=None)


@pytest.fixture(autouse=True, scope="module", params=[(64, 8, 8), (2**20, 96, 64)], ids=["small tiles", "as it is"])
def sizes(request):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(("TILE", "LANES", "FEW"), request.param, strict=True):
            patch.setattr(tiled, name, value)
        yield


@st.composite
def pictures(draw, most=300):
    """Random tokens (B, N, C) in fp64, now and then with equals among them."""
    shape = draw(st.integers(1, 4)), draw(st.integers(1, most)), draw(st.integers(1, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    return x.round() if draw(st.booleans()) else x


def distances(x):
    """Of every row to its picture's tokens, (B N, N), from the definition."""
    return plain.squared_distances(x).flatten(0, 1)


@quick
@given(pictures(), st.integers(0, 8))
def test_nearest(x, others):
    batch, n, _ = x.shape
    others = min(others, n - 1)
    found, neighbour = tiled.nearest(tiled.Points(x), others)
    row = torch.arange(batch * n)
    assert ((neighbour // n) == (row // n)[:, None]).all(), "of the same picture"
    distance = distances(x)
    distance[row, row % n] = torch.inf
    torch.testing.assert_close(found, distance.sort(dim=1).values[:, :others])
    torch.testing.assert_close(distance.gather(1, neighbour % n), found)
    assert all(len(set(mine)) == others for mine in neighbour.tolist()), "no token twice"


@quick
@given(pictures(), st.integers(1, 40), st.data())
def test_every_row_is_in_one_tile_and_pictures_are_cut_alike(x, columns, data):
    points = tiled.Points(x)
    rows = len(points.x)
    row = torch.tensor(sorted(data.draw(st.sets(st.integers(0, rows - 1)))), dtype=torch.int64)
    tiles = list(points.tiles(columns, row))
    assert torch.equal(torch.cat([row[:0], *(part for tile in tiles for _, part in tile)]), row)
    for tile in tiles:
        assert 0 < sum(len(part) for _, part in tile) <= max(16, tiled.TILE // columns)
        assert all((part // points.tokens == picture).all() for picture, part in tile)
    for picture in range(len(x)):
        mine = row[row // points.tokens == picture]
        alone = list(points.tiles(columns, mine))
        parts = [part for tile in tiles for number, part in tile if number == picture]
        assert [part.tolist() for part in parts] == [part.tolist() for tile in alone for _, part in tile]


@quick
@given(st.integers(1, 20), st.integers(1, 200), st.integers(0, 6), st.integers(0, 1000))
def test_smallest(rows, columns, count, seed):
    values = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)).mul(50).floor()  # ties
    count = min(count, columns)
    found, column = tiled.smallest(values.clone(), count)
    assert torch.equal(found, values.sort(dim=1).values[:, :count])
    assert torch.equal(values.gather(1, column), found)
    assert all(len(set(row)) == count for row in column.tolist())


@quick
@given(pictures(), st.integers(1, 6))
def test_scores(x, k):
    batch, n, _ = x.shape
    points, k = tiled.Points(x), min(k, n)
    density = torch.randint(1, 9, (batch, n), generator=torch.Generator().manual_seed(k)) / 8.0  # many ties
    density = density.double()
    score = tiled.peak_scores(points, density.flatten(), density.flatten(), *tiled.nearest(points, k - 1))
    denser = density[:, None, :] > density[:, :, None]
    gap = torch.where(denser.flatten(0, 1), distances(x), torch.inf).amin(dim=1)
    wanted = torch.where(gap.isinf(), torch.inf, gap.sqrt() * density.flatten())
    torch.testing.assert_close(score, wanted, atol=1e-6, rtol=1e-6)


@quick
@given(pictures(), st.integers(1, 6), st.data())
def test_assignment(x, k, data):
    batch, n, _ = x.shape
    points = tiled.Points(x)
    clusters = data.draw(st.integers(1, n))
    generator = torch.Generator().manual_seed(k)
    centre = torch.stack([torch.randperm(n, generator=generator)[:clusters] for _ in x])
    label = tiled.assign(points, centre, *tiled.nearest(points, min(k, n) - 1)).view(batch, n)
    assert torch.equal(label.gather(1, centre), torch.arange(clusters).expand_as(centre))
    to_centre = plain.squared_distances(x).gather(2, centre[:, None, :].expand(-1, n, -1))
    torch.testing.assert_close(to_centre.gather(2, label[..., None])[..., 0], to_centre.amin(dim=2))


@quick
@given(pictures(), st.integers(1, 8), st.data())
def test_the_whole_is_the_plain_one(x, k, data):
    assume(min(k, x.shape[1]) != 2)  # mutual neighbours tie, and rounding decides
    x = torch.randn(x.shape, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
    clusters = data.draw(st.integers(1, x.shape[1]))
    ours, theirs = tiled.dpc_knn(x, clusters, k), plain.dpc_knn(x, clusters, k)
    for mine, his in zip(ours, theirs, strict=True):
        assert torch.equal(mine, his)
