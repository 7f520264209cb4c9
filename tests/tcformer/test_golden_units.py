"""Every part of the model against the published one, on small inputs."""

import pytest
import torch

from tcformer.blocks import Block
from tcformer.clustering import dpc_knn
from tcformer.ctm import CTM, merge_features
from tcformer.mixing import Groups
from tcformer.tokens import Assignment, Tokens, map_to_token, token_to_map, token_to_token

pytestmark = pytest.mark.shared
GRID = (12, 8)


@pytest.fixture
def units(golden):
    return golden.load("units")


@pytest.fixture
def x(golden):
    return golden.draw("unit.x", 2, 96, 32)


@pytest.fixture
def cells():
    return Assignment.of_grid(GRID, torch.device("cpu"))


@pytest.fixture
def merged(golden, units, x, cells):
    """The 24 merged tokens, and what they are assigned to."""
    groups = Groups(units["dpc_knn.idx_cluster"], 24)
    features, share = merge_features(x, groups, golden.draw("unit.score", 2, 96, 1).exp())
    return features, cells.merged(groups, share)


def test_dpc_knn(units, x, match):
    match(dpc_knn(x, 24).label, units["dpc_knn.idx_cluster"])


def test_dpc_knn_numbers_clusters_by_rank(units, x):
    assert torch.equal(dpc_knn(x, 24).label, units["dpc_knn.idx_cluster"])


def test_dpc_knn_with_empty_tokens(units, x):
    mask = torch.arange(96).expand(2, -1) < 80
    assert torch.equal(dpc_knn(x, 24, mask=mask).label, units["dpc_knn.masked"])


def test_merge(units, merged, near):
    features, assignment = merged
    near(features, units["merge.x"])
    near(assignment.weight[..., None], units["merge.agg_weight"])
    assert torch.equal(assignment.token.index, units["merge.idx_token"])


def test_token_to_map(units, merged, near):
    near(token_to_map(merged[0], merged[1], (6, 4)), units["token2map.sparse"])


def test_map_to_token(golden, units, merged, near):
    near(map_to_token(golden.draw("unit.map", 2, 32, 6, 4), merged[1]), units["map2token"])


def test_second_merge_and_token_to_token(golden, units, merged, near):
    features, assignment = merged
    label = dpc_knn(features, 6).label
    assert torch.equal(label, units["dpc_knn2.idx_cluster"])
    groups = Groups(label, 6)
    coarse, share = merge_features(features, groups, golden.draw("unit.score2", 2, 24, 1).exp())
    coarse_assignment = assignment.merged(groups, share)
    near(coarse, units["merge2.x"])
    near(coarse_assignment.weight[..., None], units["merge2.agg_weight"])
    assert torch.equal(coarse_assignment.token.index, units["merge2.idx_token"])
    near(token_to_token(coarse, coarse_assignment, assignment), units["downup"])


def test_ctm_and_token_block(golden, units, x, cells, near):
    ctm = CTM(32, 48)
    golden.fill(ctm)
    tokens, before, score = ctm(Tokens(x, cells, GRID))
    assert tokens.size == before.size == (6, 4)
    assert torch.equal(tokens.index, units["ctm.idx_token"])
    near(tokens.x, units["ctm.x"])
    near(tokens.weight[..., None], units["ctm.agg_weight"])
    near(score, units["ctm.token_score"])
    for pool, name in ((False, "tcblock.x"), (True, "tcblock.avgpool.x")):
        block = Block(48, heads=4, mlp_ratio=4, reduction=2, pool=pool)
        golden.fill(block)
        near(block(tokens, before, score).x, units[name])
