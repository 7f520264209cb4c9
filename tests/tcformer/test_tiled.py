"""The tiled clustering of the CPU, part by part, with tiles and lanes small enough that every path is taken."""

import pytest
import torch
from hypothesis import given, settings
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
def tokens(draw, most=300):
    """Random tokens (N, C) in fp64, now and then with equals among them."""
    n, channels = draw(st.integers(1, most)), draw(st.integers(1, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    x = torch.randn(n, channels, generator=generator, dtype=torch.float64)
    return x.round() if draw(st.booleans()) else x


def distances(x):
    return plain.squared_distances(x[None])[0]


@quick
@given(tokens(), st.integers(0, 8))
def test_nearest(x, others):
    others = min(others, len(x) - 1)
    found, neighbour = tiled.nearest(tiled.Points(x), others)
    distance = distances(x).fill_diagonal_(torch.inf)
    torch.testing.assert_close(found, distance.sort(dim=1).values[:, :others])
    torch.testing.assert_close(distance.gather(1, neighbour), found)
    assert all(len(set(row)) == others for row in neighbour.tolist()), "no token twice"


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
@given(tokens(), st.integers(1, 6))
def test_scores(x, k):
    points, k = tiled.Points(x), min(k, len(x))
    density = torch.randint(1, 9, (len(x),), generator=torch.Generator().manual_seed(k)) / 8.0  # many ties
    score = tiled.peak_scores(points, density.double(), *tiled.nearest(points, k - 1))
    denser = density[None, :] > density[:, None]
    gap = torch.where(denser, distances(x), torch.inf).amin(dim=1)
    torch.testing.assert_close(score, torch.where(gap.isinf(), torch.inf, gap.sqrt() * density), atol=1e-6, rtol=1e-6)


@quick
@given(tokens(), st.integers(1, 6), st.data())
def test_assignment(x, k, data):
    points = tiled.Points(x)
    clusters = data.draw(st.integers(1, len(x)))
    centre = torch.randperm(len(x), generator=torch.Generator().manual_seed(k))[:clusters]
    label = tiled.assign(points, centre, *tiled.nearest(points, min(k, len(x)) - 1))
    to_centre = distances(x)[:, centre]
    assert torch.equal(label[centre], torch.arange(clusters))
    torch.testing.assert_close(to_centre.gather(1, label[:, None])[:, 0], to_centre.amin(dim=1))


@quick
@given(tokens(), st.integers(1, 8), st.data())
def test_the_whole_is_the_plain_one(x, k, data):
    x = torch.randn(x.shape, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
    if k == 2:
        k = 3  # with 2 mutual neighbours tie, and rounding decides
    clusters = data.draw(st.integers(1, len(x)))
    ours, theirs = tiled.dpc_knn(x[None], clusters, k), plain.dpc_knn(x[None], clusters, k)
    for mine, his in zip(ours, theirs, strict=True):
        assert torch.equal(mine, his)
