"""Clustering of pictures with few tokens, all distances at once."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tcformer import clustering
from tcformer.kernels import plain, small, tiled

quick = settings(max_examples=40, deadline=None)


@st.composite
def features(draw):
    shape = draw(st.integers(1, 5)), draw(st.integers(1, small.MOST)), draw(st.integers(1, 6))
    return torch.randn(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 2**31))), dtype=torch.float64)


@quick
@given(features(), st.integers(1, 8), st.booleans(), st.data())
def test_it_is_the_plain_one(x, k, with_noise, data):
    assume(min(k, x.shape[1]) != 2)  # mutual neighbours tie, and rounding decides
    clusters = data.draw(st.integers(1, x.shape[1]))
    added = 1e-3 * torch.rand(x.shape[:2], generator=torch.Generator().manual_seed(k)) if with_noise else None
    ours, theirs = small.dpc_knn(x, clusters, k, added), plain.dpc_knn(x, clusters, k, added=added)
    for mine, his in zip(ours, theirs, strict=True):
        assert torch.equal(mine, his)


@pytest.mark.parametrize("tokens", [1, 2, 7, 48, 192, small.MOST])
def test_a_picture_is_clustered_alike_alone_and_in_any_batch(tokens, monkeypatch):
    x = torch.randn(9, tokens, 24, generator=torch.Generator().manual_seed(0))
    label, centre = small.dpc_knn(x, max(1, tokens // 4), 5)
    monkeypatch.setattr(small, "TILE", 4 * tokens**2)  # other groups
    for one in (small.dpc_knn(x, max(1, tokens // 4), 5),
                tuple(map(torch.cat, zip(*(small.dpc_knn(p[None], max(1, tokens // 4), 5) for p in x), strict=True)))):
        assert torch.equal(one[0], label)
        assert torch.equal(one[1], centre)


def test_equal_tokens_go_by_index():
    x = torch.randn(1, 40, 24, generator=torch.Generator().manual_seed(0)).repeat(1, 2, 1)
    rank = small.dpc_knn(x, 80, 5)[1].argsort(dim=1)[0]
    assert torch.equal(rank[40:], rank[:40] + 1)


@pytest.mark.parametrize(("tokens", "module"), [(small.MOST, small), (small.MOST + 1, tiled)])
def test_the_number_of_tokens_chooses(tokens, module, monkeypatch):
    chosen = []
    for one in (small, tiled):
        monkeypatch.setattr(one, "dpc_knn", lambda *a, one=one, f=one.dpc_knn: chosen.append(one) or f(*a))
    clustering.dpc_knn(torch.randn(1, tokens, 4), 8)
    assert chosen == [module]
