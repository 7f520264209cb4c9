"""DPC-KNN on features of drawn people."""

import math

import pytest
import torch

from tcformer.clustering import dpc_knn
from tests.benchmarks.inputs import STEADY, merges, timed

pytestmark = [pytest.mark.benchmark(group="clustering", **STEADY), pytest.mark.usefixtures("one_thread")]


def cluster(benchmark, x):
    """Time the clustering of tokens (B, N, C) into a quarter as many, and check what must hold of the result."""
    count = math.ceil(x.shape[1] / 4)
    with torch.inference_mode():
        found = timed(benchmark, dpc_knn, x, count)
    assert found.label.shape == x.shape[:2]
    for tokens, label, centre in zip(x, found.label, found.centre, strict=True):
        assert len(set(centre.tolist())) == count
        assert label[centre].equal(torch.arange(count))
        # Every token is with the nearest centre, up to the rounding of products of some hundreds.
        away = torch.cdist(tokens.double(), tokens[centre].double()).square()
        assert (away.gather(1, label[:, None])[:, 0] <= away.amin(dim=1) + 1e-3).all()


def test_3072_tokens_to_768(benchmark):
    """The first merge of a 256 x 192 input."""
    cluster(benchmark, merges(1, images=1)[0].before.x)


def test_6912_tokens_to_1728(benchmark):
    """The first merge of a 384 x 288 input."""
    cluster(benchmark, merges(1, images=1, height=384, width=288)[0].before.x)


def test_768_tokens_to_192(benchmark):
    """The second merge of a 256 x 192 input, four images."""
    cluster(benchmark, merges(2, images=4)[1].before.x)
