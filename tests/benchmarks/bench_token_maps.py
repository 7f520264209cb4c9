"""Transfers between tokens and maps, on tokens that DPC-KNN made: clusters of drawn people, uneven in size.

Of eight images one by one, whose arrays lie in places of their own: where one array lies changes times by a fifth.
"""

import pytest
import torch

from tcformer.ctm import merge_features
from tcformer.mixing import Groups
from tcformer.tokens import Assignment, Tokens, map_to_token, token_to_map, token_to_token
from tests.benchmarks.inputs import STEADY, merges, timed

pytestmark = [pytest.mark.benchmark(group="token maps", **STEADY), pytest.mark.usefixtures("one_thread")]

IMAGES = 8
SIZE = (32, 24)
"""Of stage 2's map; a pixel is 2 x 2 cells of the initial grid."""


@pytest.fixture(scope="module")
def two_merges(one_thread):
    return merges(2, IMAGES)


@pytest.fixture(scope="module")
def tokens(two_merges) -> list[Tokens]:
    """768 tokens of 128 channels, for each image."""
    return alone(two_merges[0].after)


@pytest.fixture(scope="module")
def maps():
    """(1, 128, 32, 24), channels last as convolutions of tokens leave them, for each image."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(1, *SIZE, 128, generator=generator).permute(0, 3, 1, 2) for _ in range(IMAGES)]


def alone(tokens: Tokens) -> list[Tokens]:
    """Each image's tokens, with nothing kept of earlier transfers, as a forward pass finds them."""
    return [Tokens(tokens.x[i:i + 1].clone(), fresh(tokens.assignment, slice(i, i + 1)), tokens.size)
            for i in range(IMAGES)]


def fresh(assignment: Assignment, images: slice = slice(None)) -> Assignment:
    grid = Assignment.of_grid(assignment.grid.size, torch.device("cpu")).grid
    groups = Groups(assignment.token.index[images].clone(), assignment.token.count)
    return Assignment(grid, groups, assignment.weight[images].clone())


def cells_of(tokens):
    """The features of each cell's token, (B, cells, C)."""
    return tokens.x.gather(1, tokens.index[..., None].expand(-1, -1, tokens.x.shape[2]))


def map_of(tokens):
    """The tokens' map by its definition: every pixel the mean of its 2 x 2 cells."""
    cells = cells_of(tokens).unflatten(1, (SIZE[0], 2, SIZE[1], 2))
    return cells.mean(dim=(2, 4)).permute(0, 3, 1, 2)


def tokens_of(image, tokens):
    """A map's tokens by their definition: every token the mean of its cells' pixels."""
    cells = image.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3).flatten(2).mT
    return means(cells, tokens.index, tokens.x.shape[1])


def means(cells, index, count, weight=None):
    """Weighted means over the cells (B, cells, C) of each index, (B, count, C)."""
    weight = torch.ones(index.shape) if weight is None else weight
    total = torch.zeros(len(cells), count, cells.shape[2])
    total.scatter_add_(1, index[..., None].expand_as(cells), cells * weight[..., None])
    return total / torch.zeros(len(cells), count).scatter_add_(1, index, weight)[..., None]


def check(found, expected):
    assert len(found) == len(expected) == IMAGES
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4)


def test_tokens_to_map(benchmark, tokens):
    """As all transfers of a stage but the first."""
    with torch.inference_mode():
        found = timed(benchmark, lambda: [token_to_map(one.x, one.assignment, SIZE) for one in tokens])
    check(found, [map_of(one) for one in tokens])


def test_map_to_tokens(benchmark, tokens, maps):
    with torch.inference_mode():
        found = timed(benchmark, lambda: [map_to_token(image, one.assignment)
                                          for image, one in zip(maps, tokens, strict=True)])
    check(found, [tokens_of(image, one) for image, one in zip(maps, tokens, strict=True)])


def test_first_transfers_of_a_stage(benchmark, tokens):
    """There and back, and making what later transfers find ready."""

    def there_and_back(one):
        assignment = fresh(one.assignment)
        return map_to_token(token_to_map(one.x, assignment, SIZE), assignment)

    with torch.inference_mode():
        found = timed(benchmark, lambda: [there_and_back(one) for one in tokens])
    check(found, [tokens_of(map_of(one), one) for one in tokens])


def test_gradient_of_tokens_to_map(benchmark, tokens, maps):
    """Forward and backward, as in a training step; what is made once a step is ready."""
    leaves = [one.x.clone().requires_grad_() for one in tokens]
    assignments = [fresh(one.assignment) for one in tokens]

    def gradient(x, assignment, image):
        x.grad = None
        token_to_map(x, assignment, SIZE).backward(image)
        return x.grad

    found = timed(benchmark, lambda: list(map(gradient, leaves, assignments, maps)))
    # Every token gets a quarter of the gradient of each of its cells' pixels.
    check(found, [tokens_of(image, one) * torch.zeros(1, one.x.shape[1]).scatter_add_(
        1, one.index, torch.ones(one.index.shape))[..., None] / 4 for image, one in zip(maps, tokens, strict=True)])


def test_tokens_to_finer_tokens(benchmark, two_merges):
    """As in the neck: from the second merge's tokens to the first's."""
    fine, coarse = (alone(merge.after) for merge in two_merges)
    with torch.inference_mode():
        found = timed(benchmark, lambda: [token_to_token(of.x, of.assignment, to.assignment)
                                          for of, to in zip(coarse, fine, strict=True)])
    check(found, [means(cells_of(of), to.index, to.x.shape[1], to.weight)
                  for of, to in zip(coarse, fine, strict=True)])


def test_merging(benchmark, two_merges):
    """The weighted mean of every cluster of the second merge."""
    merge = two_merges[1]
    before, after = alone(merge.before), alone(merge.after)
    count = merge.after.x.shape[1]
    weights = [score[None].exp() for score in merge.score]
    labels = [torch.zeros(1, old.x.shape[1], dtype=torch.int64).scatter_(1, old.index, new.index)
              for old, new in zip(before, after, strict=True)]

    def merged():
        return [merge_features(old.x, Groups(label, count), weight)
                for old, label, weight in zip(before, labels, weights, strict=True)]

    with torch.inference_mode():
        found = timed(benchmark, merged)
    check([x for x, _ in found], [new.x for new in after])
    totals = [torch.zeros(1, count).scatter_add_(1, label, weight[..., 0])
              for label, weight in zip(labels, weights, strict=True)]
    check([share for _, share in found], [weight[..., 0] / total.gather(1, label)
                                          for label, weight, total in zip(labels, weights, totals, strict=True)])
