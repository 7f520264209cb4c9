"""Every rule of counting against sizes worked out by hand, through a traced graph."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from harness.profiling.operations.conventions import CONVENTIONS, FLOPS, FVCORE, HRNET, MACS, MMCV, TCFORMER
from harness.profiling.operations.counting import CALLS, count
from harness.profiling.operations.rules import KINDS, PRODUCTS, RULES
from harness.profiling.operations.sizes import NAMES, ceil_log2


class Function(nn.Module):
    """Calls a function on the image (1, 3, 8, 4), outside of any submodule."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, image):
        return self.function(image)


def sizes(module, operator):
    """What is read off the only operator of that name."""
    module = module if isinstance(module, nn.Module) else Function(module)
    found = count(module, width=4, height=8).modules[""][operator]
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(("layer", "products", "at_output", "bias"), [
    (nn.Conv2d(3, 6, 3, padding=1, bias=False), 32 * 6 * 3 * 9, 32 * 6 * 3 * 9, 0),
    (nn.Conv2d(3, 6, 3, stride=2, padding=1), 8 * 6 * 3 * 9, 8 * 6 * 3 * 9, 8 * 6),
    (nn.Conv2d(3, 6, 1, groups=3), 32 * 6, 32 * 6, 32 * 6),
    (nn.Conv2d(3, 3, 3, dilation=2, padding=2, groups=3, bias=False), 32 * 3 * 9, 32 * 3 * 9, 0),
    # 8 x 4 to 16 x 8: each input element meets the kernel once, each output element a quarter of it
    (nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1), 32 * 3 * 5 * 16, 128 * 3 * 5 * 16, 128 * 5),
])
def test_convolutions(layer, products, at_output, bias):
    found = sizes(layer, "_convolution")
    assert (found["products"], found["products_at_output"], found.get("bias", 0)) == (products, at_output, bias)


@pytest.mark.parametrize(("function", "operator", "products"), [
    (lambda x: x @ x.transpose(2, 3), "matmul", 3 * 8 * 8 * 4),
    (lambda x: torch.ones(5, 8) @ x, "matmul", 3 * 5 * 8 * 4),  # broadcast: the second factor has the batch
    (lambda x: torch.bmm(x[0], x[0].transpose(1, 2)), "bmm", 3 * 8 * 8 * 4),
    (lambda x: torch.mm(x[0, 0], x[0, 0].t()), "mm", 8 * 8 * 4),
    (lambda x: torch.addmm(torch.ones(8), x[0, 0], x[0, 0].t()), "addmm", 8 * 8 * 4),
    (lambda x: torch.baddbmm(torch.ones(3, 8, 8), x[0], x[0].transpose(1, 2)), "baddbmm", 3 * 8 * 8 * 4),
    (lambda x: torch.einsum("bchw,bcgw->bchg", x, x), "einsum", 3 * 8 * 8 * 4),
    (lambda x: torch.cdist(x[0], x[0, :, :5]), "cdist", 3 * 8 * 5 * 4),
    (lambda x: torch.addcmul(x, x, x), "addcmul", 96),
    (lambda x: F.scaled_dot_product_attention(x, x[:, :, :5], x[:, :, :5, :2]),
     "scaled_dot_product_attention", 3 * 8 * 5 * (4 + 2)),
    (lambda x: F.embedding_bag(torch.tensor([0, 2, 1, 1, 0]), x[0, 0], torch.tensor([0, 3]), mode="sum",
                               per_sample_weights=torch.ones(5)), "embedding_bag", 5 * 4),
])
def test_products(function, operator, products):
    assert sizes(function, operator)["products"] == products


def test_a_linear_layer():
    found = sizes(nn.Linear(4, 7), "linear")
    assert (found["products"], found["bias"]) == (3 * 8 * 4 * 7, 3 * 8 * 7)
    assert "bias" not in sizes(nn.Linear(4, 7, bias=False), "linear")


@pytest.mark.parametrize(("layer", "operator", "affine", "fvcore", "mmcv", "flops"), [
    (nn.BatchNorm2d(3), "batch_norm", 96, 2 * 96, 2 * 96, 2 * 96),
    (nn.BatchNorm2d(3, affine=False), "batch_norm", 0, 96, 96, 2 * 96),
    (nn.LayerNorm(4), "layer_norm", 96, 5 * 96, 2 * 96, 7 * 96),
    (nn.LayerNorm(4, elementwise_affine=False), "layer_norm", 0, 4 * 96, 96, 5 * 96),
    (nn.GroupNorm(3, 3), "group_norm", 96, 5 * 96, 2 * 96, 7 * 96),
])
def test_norms(layer, operator, affine, fvcore, mmcv, flops):
    found = sizes(layer, operator)
    assert found.get("affine", 0) == affine
    assert [c.value(RULES[operator].kind, found) for c in (FVCORE, MMCV, FLOPS)] == [fvcore, mmcv, flops]


@pytest.mark.parametrize(("function", "operator", "flops"), [
    (lambda x: x.topk(2, dim=3).values, "topk", 96 * 2),  # log2(2 + 1), rounded up
    (lambda x: x.sort(dim=2).values, "sort", 96 * 2),  # the last axis has 4 elements
    (lambda x: x.gather(2, torch.zeros(1, 3, 2, 4, dtype=torch.int64)), "gather", 0),
    (lambda x: x[:, :, torch.tensor([0, 3])], "index", 0),
    (lambda x: F.interpolate(x, scale_factor=2.0, mode="nearest"), "upsample_nearest2d", 0),
    (lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"), "upsample_bilinear2d", 7 * 4 * 96),
    (lambda x: F.max_pool2d(x, 2), "max_pool2d", 24 * 4),
    (lambda x: F.max_pool2d(x, 3, 2, 1), "max_pool2d", 24 * 9),
    (lambda x: F.avg_pool2d(x, (2, 4)), "avg_pool2d", 12 * 8),
    (lambda x: F.adaptive_avg_pool2d(x, 1), "adaptive_avg_pool2d", 96),
    (lambda x: F.gelu(x), "gelu", 5 * 96),
    (lambda x: x.softmax(dim=3), "softmax", 5 * 96),
    (lambda x: x.sum(dim=2), "sum", 96),
    (lambda x: x + 1, "add", 96),
    (lambda x: torch.arange(5) + torch.ones(5, dtype=torch.int64), "add", 0),  # of indices
    (lambda x: torch.zeros(4, 4).index_add_(0, torch.zeros(8, dtype=torch.int64), x[0, 0]), "index_add_", 32),
    (lambda x: F.scaled_dot_product_attention(x, x, x), "scaled_dot_product_attention",
     3 * 64 * (2 * (4 + 4) + 6)),
    (lambda x: torch.cdist(x[0], x[0]), "cdist", 3 * 64 * (3 * 4 + 1)),
])
def test_floating_point_operations(function, operator, flops):
    assert FLOPS.value(RULES[operator].kind, sizes(function, operator)) == flops


def test_calls_are_counted():
    assert sizes(lambda x: x.relu().relu(), "relu")[CALLS] == 2


def test_ceil_log2():
    assert [ceil_log2(value) for value in (1, 2, 3, 4, 5, 8, 9)] == [0, 1, 2, 2, 3, 3, 4]


def test_conventions_name_kinds_and_sizes_that_exist():
    for convention in CONVENTIONS.values():
        assert set(convention.worth) <= set(KINDS)
        assert {size for worth in convention.worth.values() for size in worth} <= set(NAMES)
    assert set(MACS.worth) == set(PRODUCTS)


def test_a_transposed_convolution_by_convention():
    found = sizes(nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1, bias=False), "_convolution")
    right = 32 * 3 * 5 * 16
    assert [c.value("convolution", found) for c in (MACS, FVCORE, MMCV, TCFORMER, FLOPS)] == [right] * 4 + [2 * right]
    assert HRNET.value("convolution", found) == 4 * right
    assert HRNET.figure(2**30) == 1.0
