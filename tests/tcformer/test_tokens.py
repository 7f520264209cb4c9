import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tcformer import build_pose_model, kernels
from tcformer.ctm import CTM, merge_features
from tcformer.mixing import EPSILON, Groups, Mixer, padded_pairs, pair_keys, short_pairs
from tcformer.tokens import Assignment, Grid, Tokens, map_to_token, token_to_map, token_to_token

quick = settings(max_examples=30, deadline=None)
CPU = torch.device("cpu")


@st.composite
def assignments(draw, batch=2):
    """Tokens of a random grid, odd sizes among them, and the map size after one or two halvings."""
    size = draw(st.tuples(st.integers(1, 13), st.integers(1, 13)))
    cells = Assignment.of_grid(size, CPU)
    n = size[0] * size[1]
    count = draw(st.integers(1, n))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    index = torch.stack([torch.randperm(n, generator=generator) % count for _ in range(batch)])
    share = torch.rand(batch, n, generator=generator) + 0.1
    halvings = draw(st.integers(0, 2))
    return cells.merged(Groups(index, count), share), tuple(-(-side // 2**halvings) for side in size)


@quick
@given(assignments())
def test_constant_features_stay_constant(drawn):
    assignment, size = drawn
    x = torch.full((2, assignment.token.count, 3), 2.5)
    image = token_to_map(x, assignment, size)
    assert image.shape == (2, 3, *size)
    close = {"rtol": 1e-4, "atol": 0}  # of the epsilon in every mean
    torch.testing.assert_close(image, torch.full_like(image, 2.5), **close)
    torch.testing.assert_close(map_to_token(image, assignment), x, **close)
    everything = assignment.merged(
        Groups(torch.zeros(2, assignment.token.count, dtype=torch.int64), 1), torch.ones(2, x.shape[1])
    )
    torch.testing.assert_close(token_to_token(x, assignment, everything), x[:, :1], **close)


@pytest.mark.parametrize("size", [(8, 6), (5, 7), (1, 1)])
def test_identity_tokens_survive_the_map(size):
    assignment = Assignment.of_grid(size, CPU)
    x = torch.randn(2, size[0] * size[1], 4)
    image = token_to_map(x, assignment, size)
    assert torch.equal(image.flatten(2).mT, x)
    assert torch.equal(map_to_token(image, assignment), x)


def test_cells_fall_into_pixels_by_floor():
    grid = Grid((5, 3), CPU)
    pixels = grid.pixels((3, 2))
    expected = [[r * 3 // 5 * 2 + c * 2 // 3 for c in range(3)] for r in range(5)]
    assert pixels.index.view(5, 3).tolist() == expected
    assert grid.pixels((3, 2)) is pixels


def plain_mix(x, source, target, weight):
    """The definition, cell by cell."""
    out = torch.zeros(len(x), target.count, x.shape[2], dtype=x.dtype)
    total = torch.full((len(x), target.count, 1), EPSILON, dtype=x.dtype)
    for b in range(len(x)):
        for cell in range(weight.shape[1]):
            to = target.index.expand(len(x), -1)[b, cell]
            out[b, to] += weight[b, cell] * x[b, source.index.expand(len(x), -1)[b, cell]]
            total[b, to] += weight[b, cell]
    return out / total


@pytest.fixture(params=["auto", "off"], scope="module")
def form(request):
    """The quick form of the transfers, and the plain one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernels.VARIABLE, request.param)
        yield


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.usefixtures("form")
@quick
@given(assignments(), st.integers(0, 1000))
def test_mixer_and_its_gradient(weighted, drawn, seed):
    assignment, size = drawn
    torch.manual_seed(seed)
    pixels = assignment.grid.pixels(size)
    for source, target in ((assignment.token, pixels), (pixels, assignment.token)):
        x = torch.randn(2, source.count, 3, requires_grad=True)
        mixer = Mixer(source, target, assignment.weight if weighted else None)
        theirs = plain_mix(x, source, target, assignment.weight if weighted else torch.ones_like(assignment.weight))
        ours = mixer(x)
        torch.testing.assert_close(ours, theirs)
        upstream = torch.randn_like(ours)
        (mine,) = torch.autograd.grad(ours, x, upstream)
        (his,) = torch.autograd.grad(theirs, x, upstream)
        torch.testing.assert_close(mine, his)


@quick
@given(assignments())
def test_cells_of_one_pair_of_groups_are_one_entry(drawn):
    assignment, size = drawn
    pixels, token = assignment.grid.pixels(size), assignment.token
    bags = Mixer(token, pixels).bags(2, True)
    pixel = pixels.index[0].tolist()
    pairs = {(b, p, t) for b, row in enumerate(token.index.tolist()) for p, t in zip(pixel, row, strict=True)}
    assert bags.offset[-1] == len(pairs)
    found = set()
    for bag in range(2 * pixels.count):
        for entry in range(bags.offset[bag], bags.offset[bag + 1]):
            picture, row = divmod(int(bags.row[entry]), token.count)
            assert picture == bag // pixels.count
            found.add((picture, bag % pixels.count, row))
    assert found == pairs


@pytest.mark.usefixtures("form")
@settings(max_examples=40, deadline=None)
@given(assignments(), st.integers(1, 3))
def test_pairs_with_and_without_padding_are_the_same(drawn, batch):
    token, pixels = drawn[0].token, drawn[0].grid.pixels((2, 3))
    token = Groups(token.index[:1].expand(batch, -1), token.count)
    key = pair_keys(token, pixels, batch).sort().values
    short, padded = (make(key, token, pixels, batch) for make in (short_pairs, padded_pairs))
    assert torch.equal(short.offset, padded.offset)
    entries = len(short.row)
    for name in ("row", "owner", "cells"):
        assert getattr(short, name).dtype == getattr(padded, name).dtype
        assert torch.equal(getattr(short, name), getattr(padded, name)[:entries])
    assert not padded.cells[entries:].any()


def test_keys_are_sorted_alike_by_numpy_and_by_torch(monkeypatch):
    key = torch.randint(2**40, (5000,), generator=torch.Generator().manual_seed(0))
    by_numpy = kernels.sort_keys(key)
    monkeypatch.setenv("TCFORMER_KERNELS", "off")
    assert not kernels.by_numpy(key)
    assert torch.equal(kernels.sort_keys(key), by_numpy)


def test_groups_without_cells_get_zero():
    source, target = Groups.cells(4, CPU), Groups(torch.tensor([[0, 0, 2, 2]]), 4)
    out = Mixer(source, target)(torch.ones(2, 4, 1))
    torch.testing.assert_close(out[..., 0], torch.tensor([[1.0, 0, 1, 0]]).expand(2, -1))


def test_weights_and_assignments_take_no_gradient():
    grid = Assignment.of_grid((4, 4), CPU)
    weight = torch.rand(1, 16, requires_grad=True)
    groups = Groups(torch.arange(16)[None] // 4, 4)
    fine = Assignment(grid.grid, groups, weight)
    x = torch.randn(1, 16, 2, requires_grad=True)
    token_to_token(x, grid, fine).sum().backward()
    assert x.grad is not None
    assert weight.grad is None


def test_merging_is_a_weighted_mean_with_gradient_to_the_weights():
    groups = Groups(torch.tensor([[0, 0, 1]]), 2)
    x = torch.tensor([[[1.0], [3.0], [5.0]]], requires_grad=True)
    weight = torch.tensor([[[1.0], [3.0], [2.0]]], requires_grad=True)
    merged, share = merge_features(x, groups, weight)
    torch.testing.assert_close(merged, torch.tensor([[[2.5], [5.0]]]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(share, torch.tensor([[0.25, 0.75, 1.0]]), rtol=1e-5, atol=1e-5)
    assert not share.requires_grad
    merged[0, 0, 0].backward()
    torch.testing.assert_close(weight.grad[0, :2, 0], torch.tensor([-0.375, 0.125]), rtol=1e-4, atol=1e-5)


def test_shares_add_up_to_one_in_every_token():
    ctm = CTM(8, 8)
    tokens, before, score = ctm(Tokens(torch.randn(2, 35, 8), Assignment.of_grid((5, 7), CPU), (5, 7)))
    assert tokens.x.shape == (2, 9, 8)
    assert tokens.size == before.size == (3, 4)
    assert score.shape == (2, 35, 1)
    total = torch.zeros(2, 9).scatter_add_(1, tokens.index, tokens.weight)
    torch.testing.assert_close(total, torch.ones(2, 9), rtol=1e-4, atol=1e-4)


def test_plain_and_quick_kernels_agree_in_a_model(monkeypatch):
    model = build_pose_model("tcformer_light", 5, widths=(8, 8, 16, 16), neck_channels=8, neck_heads=2).eval()
    image = torch.randn(2, 3, 64, 48)
    gradients, maps = [], []
    for value in ("auto", "off"):
        monkeypatch.setenv(kernels.VARIABLE, value)
        model.zero_grad()
        maps.append(model(image))
        maps[-1].square().mean().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-4, atol=1e-5)
    for quick_one, plain_one in zip(*gradients, strict=True):
        torch.testing.assert_close(quick_one, plain_one, rtol=1e-3, atol=1e-6)
