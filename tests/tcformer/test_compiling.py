"""The quick forms of a model, against the model itself."""

import copy
import warnings

import pytest
import torch
from torch import nn

import tcformer
from tcformer import Classifier, build_pose_model, compiling
from tcformer.kernels import onednn
from tcformer.kernels.onednn import PackedConv, PackedLinear

SMALL = {"widths": (8, 16, 24, 32), "depths": (1, 2, 1, 1), "neck_channels": 16, "neck_heads": 2}


@pytest.fixture
def small():
    torch.manual_seed(0)
    return build_pose_model("tcformer_light", 17, **SMALL).eval()


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max().item())


@pytest.mark.parametrize("size", [(64, 48), (100, 76), (65, 35), (32, 32)])
def test_prepared_is_the_same_function(small, size):
    image = torch.randn(2, 3, *size)
    fast = tcformer.compile(small)
    with torch.no_grad():
        close(fast(image), small(image))
    assert fast.path == "prepared"


def test_prepared_serves_any_batch_and_size_after_the_first(small):
    fast = tcformer.compile(small)
    for batch, size in ((1, (64, 48)), (3, (64, 48)), (2, (96, 64)), (1, (64, 48))):
        image = torch.randn(batch, 3, *size)
        with torch.no_grad():
            close(fast(image), small(image))


@pytest.mark.parametrize("fold", [0, 1e9])
def test_prepared_attention_with_and_without_folding(small, fold, monkeypatch):
    monkeypatch.setattr("tcformer.prepared.FOLD", fold)
    image = torch.randn(2, 3, 64, 48)
    with torch.no_grad():
        close(tcformer.compile(small)(image), small(image))


def test_prepared_where_the_build_lacks_onednn(small, monkeypatch):
    monkeypatch.setattr(onednn, "AVAILABLE", False)
    image = torch.randn(1, 3, 64, 48)
    with torch.no_grad():
        close(tcformer.compile(small)(image), small(image))


def test_prepared_classifier():
    torch.manual_seed(0)
    model = Classifier(10, widths=(8, 16, 24, 32), depths=(1, 1, 1, 1)).eval()
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        close(tcformer.compile(model)(image), model(image))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["light", pytest.param("large", marks=pytest.mark.slow)])
def test_prepared_gives_the_golden_heat_maps(golden, near, name):
    model = build_pose_model({"light": "tcformer_light", "large": "tcformer_large"}[name])
    for module in (model.backbone, model.neck, model.keypoint_head.final_layer):
        golden.fill(module)
    image = golden.draw(f"{name}.image", 1, 3, *((384, 288) if name == "large" else (256, 192)))
    near(tcformer.compile(model)(image)[:, ::7], golden.load(name)["heatmap"])


def test_the_model_is_left_as_it_was(small):
    before = copy.deepcopy(small.state_dict())
    small.train()
    image = torch.randn(1, 3, 64, 48)
    fast = tcformer.compile(small)
    first = fast(image)
    assert small.training
    assert all(parameter.requires_grad for parameter in small.parameters())
    assert all(torch.equal(value, before[key]) for key, value in small.state_dict().items())
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.zero_()
    assert torch.equal(fast(image), first), "and what happens to it later does not matter"


def test_equal_inputs_give_bit_equal_maps(small):
    image = torch.randn(2, 3, 64, 48)
    fast = tcformer.compile(small)
    assert torch.equal(fast(image), fast(image))


def test_training_is_refused(small):
    with pytest.raises(RuntimeError, match=r"tcformer\.compile"):
        tcformer.compile(small).train()


def test_half_precision_on_the_cpu_is_plain_and_says_so(small):
    with pytest.warns(UserWarning, match="bfloat16"):
        fast = tcformer.compile(small, torch.bfloat16)
    out = fast(torch.randn(1, 3, 64, 48))
    assert fast.path == "plain"
    assert out.dtype == torch.float32
    assert next(fast.run.parameters()).dtype == torch.bfloat16


def test_unknown_forms_are_named(small):
    with pytest.raises(ValueError, match=r"'captured'.*prepared, compiled, plain"):
        tcformer.compile(small, path="captured")


def test_what_is_no_tcformer_or_no_type_or_no_batch_is_named(small):
    with pytest.raises(TypeError, match="Linear is neither"):
        tcformer.compile(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="Fast is neither"):
        tcformer.compile(tcformer.compile(small))
    for dtype in ("bf16", torch.int8):
        with pytest.raises(ValueError, match="floating type"):
            tcformer.compile(small, dtype)
    for shape in ((3, 64, 48), (0, 3, 64, 48)):
        with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
            tcformer.compile(small)(torch.zeros(shape))


def test_double_stays(small):
    with pytest.warns(UserWarning, match="float64"):
        fast = tcformer.compile(small.double())
    assert fast(torch.randn(1, 3, 64, 48)).dtype == torch.float64


def test_a_form_that_fails_gives_way_to_the_next(small, monkeypatch):
    def broken(model):
        raise RuntimeError("no such processor\nand more")

    monkeypatch.setitem(compiling.FORMS, "prepared", broken)
    image = torch.randn(1, 3, 64, 48)
    fast = tcformer.compile(small)
    with pytest.warns(UserWarning, match=r"not be prepared: no such processor$"):
        out = fast(image)
    assert fast.path == "plain"
    with torch.no_grad():
        assert torch.equal(out, small(image))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast(image)
    with pytest.raises(RuntimeError, match="no such processor"):
        tcformer.compile(small, path="prepared")(image)


def test_the_whole_model_is_one_graph(small):
    """No break, forward and backward; `aot_eager` traces as inductor does and compiles nothing."""
    torch.compiler.reset()
    compiled = torch.compile(small, fullgraph=True, dynamic=False, backend="aot_eager")
    image = torch.randn(2, 3, 64, 48)
    gradients = []
    for model in (compiled, small):
        small.zero_grad()
        out = model(image)
        out.square().mean().backward()
        gradients.append([out.detach(), *(parameter.grad for parameter in small.parameters())])
    for ours, theirs in zip(*gradients, strict=True):
        close(ours, theirs)


@pytest.mark.slow
def test_compiled():
    torch.compiler.reset()
    torch.manual_seed(0)
    model = build_pose_model("tcformer_light", 17, **SMALL | {"depths": (1, 1, 1, 1)}).eval()
    image = torch.randn(1, 3, 64, 48)
    fast = tcformer.compile(model, path="compiled")
    with torch.no_grad():
        close(fast(image), model(image))
    assert fast.path == "compiled"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("path", ["captured", "compiled", "auto"])
def test_on_a_gpu(small, path):
    small.cuda()
    fast = tcformer.compile(small, path=path)
    for batch in (1, 3, 1):
        image = torch.randn(batch, 3, 64, 48, device="cuda")
        with torch.no_grad():
            close(fast(image), small(image))
    assert fast.path == ("compiled" if path == "auto" else path)


@pytest.mark.parametrize("available", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_packed_layers(available, dtype, monkeypatch):
    monkeypatch.setattr(onednn, "AVAILABLE", available and onednn.AVAILABLE)
    layer = nn.Linear(12, 7).to(dtype)
    packed = PackedLinear(layer.weight, layer.bias)
    for rows in ((5,), (2, 9)):
        x, add = torch.randn(*rows, 12, dtype=dtype), torch.randn(*rows, 7, dtype=dtype)
        with torch.no_grad():
            torch.testing.assert_close(packed(x), layer(x))
            torch.testing.assert_close(packed(x, add=add.clone()), layer(x) + add)


@pytest.mark.parametrize("available", [True, False])
@pytest.mark.parametrize("gelu", [True, False])
def test_packed_convolutions(available, gelu, monkeypatch):
    monkeypatch.setattr(onednn, "AVAILABLE", available and onednn.AVAILABLE)
    for layer in (
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 4, 3, stride=2, padding=1),
        nn.Conv2d(8, 6, 2, 2),
    ):
        packed = PackedConv(layer.weight, layer.bias, layer.stride[0], layer.padding[0], layer.groups, gelu=gelu)
        for size in ((6, 5), (4, 4)):
            image = torch.randn(2, 8, *size)
            with torch.no_grad():
                wanted = layer(image)
                found = packed(image)
            torch.testing.assert_close(found, nn.functional.gelu(wanted) if gelu else wanted)
            assert found.is_contiguous(memory_format=torch.channels_last)
