"""Shapes, sizes, initial weights and refusals of SBL and HRNet."""

import math

import pytest
import torch
from timm.models.hrnet import HighResolutionNet, cfg_cls

from baselines import build_hrnet, build_sbl

SMALL_MODELS = {
    "sbl": lambda k=5: build_sbl(18, k, deconv_channels=(16, 16, 16), stage_channels=(8, 16, 24, 32)),
    "hrnet": lambda k=5: build_hrnet(8, k, small=True),
}


@pytest.fixture(params=SMALL_MODELS)
def build(request):
    return SMALL_MODELS[request.param]


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (128, 96), (160, 224)])
def test_heat_maps_are_a_quarter(build, size):
    height, width = size
    with torch.inference_mode():
        maps = build(7).eval()(torch.randn(2, 3, height, width))
    assert maps.shape == (2, 7, height // 4, width // 4)
    assert torch.isfinite(maps).all()


@pytest.mark.parametrize(("size", "named"), [((100, 96), "96x100"), ((64, 48), "48x64"), ((0, 32), "32x0")])
def test_a_size_that_does_not_divide_is_named(build, size, named):
    with pytest.raises(ValueError, match=rf"{named}.*multiples of 32"):
        build()(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (3, 32, 32)])
def test_images_of_another_shape_are_refused(build, shape):
    with pytest.raises(ValueError, match=r"must be \(B, 3, H, W\)"):
        build()(torch.zeros(shape))


# The large ones are mmpose's sizes, counted in its own models (tests/parity compares them again).
@pytest.mark.parametrize(
    ("build", "millions"),
    [
        (lambda: build_sbl(50), 34.029509),
        (lambda: build_sbl(101), 53.021637),
        (lambda: build_sbl(152), 68.665285),
        (lambda: build_hrnet(32), 28.539941),
        (lambda: build_hrnet(48), 63.601429),
        (lambda: build_hrnet(8, small=True), 0.193373),
    ],
)
def test_parameter_counts(build, millions):
    with torch.device("meta"):
        model = build()
    assert sum(parameter.numel() for parameter in model.parameters()) == round(millions * 1e6)


@pytest.mark.parametrize("name", ["hrnet_w32", "hrnet_w48"])
def test_what_the_lower_resolutions_need_is_dropped(name):
    """78 entries of the state dict, all of the last exchange block, and nothing else."""
    with torch.device("meta"):
        whole = set(HighResolutionNet(dict(cfg_cls[name]), head="").state_dict())
        ours = set(build_hrnet(name).backbone.state_dict())
        by_number = set(build_hrnet(int(name[-2:])).backbone.state_dict())
    assert ours == by_number
    assert len(whole - ours) == 78
    assert not ours - whole
    assert all(key.startswith(("stage4.2.fuse_layers.1", "stage4.2.fuse_layers.2", "stage4.2.fuse_layers.3"))
               for key in whole - ours)  # fmt: skip


def test_a_timm_name_gives_timms_network():
    """Same weights, same first branch as timm's own features."""
    reference = HighResolutionNet(dict(cfg_cls["hrnet_w18_small"]), head="").eval()
    model = build_hrnet("hrnet_w18_small", 3).eval()
    model.backbone.load_state_dict(
        {key: value for key, value in reference.state_dict().items() if key in model.backbone.state_dict()}
    )
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = model.head(reference.forward_features(images)[0])
        torch.testing.assert_close(model(images), expected)


def test_building_leaves_timms_configurations_alone():
    before = repr(cfg_cls)
    build_hrnet("hrnet_w18_small")
    build_hrnet(8, small=True)
    assert repr(cfg_cls) == before


def test_every_parameter_is_trained(build):
    """No part hangs loose: each parameter gets a gradient (distributed training would stumble over others)."""
    model = build()
    model(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_initial_weights():
    """Heads: normal, deviation 0.001, no bias. Backbones: Kaiming over the fan-out, batch norms at one."""
    model = build_sbl(18)
    layers = [model.head.deconv_layers[0], model.head.deconv_layers[3], model.head.final_layer]
    for layer in [*layers, build_hrnet(32).head.final_layer]:
        assert layer.weight.std().item() == pytest.approx(0.001, rel=0.05)
    assert not model.head.final_layer.bias.any()
    conv = model.backbone.layer2[0].conv2.weight
    assert conv.std().item() == pytest.approx(math.sqrt(2 / (conv.shape[0] * 9)), rel=0.05)
    scales = [m.weight for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(scales) == 20 + 3
    assert all(bool((scale == 1).all()) for scale in scales)


def test_training_repeats_bit_by_bit(build):
    def train():
        torch.manual_seed(3)
        model = build()
        optimiser = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(3):
            images, target = torch.randn(4, 3, 64, 64), torch.rand(4, 5, 16, 16)
            optimiser.zero_grad()
            (model(images) - target).square().mean().backward()
            optimiser.step()
        return torch.cat([value.double().flatten() for value in model.state_dict().values()])

    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(train(), train())
    finally:
        torch.use_deterministic_algorithms(before)


@pytest.mark.parametrize("call", ["trace", "export"])
def test_models_can_be_traced(build, call):
    """The counting of operations traces a model."""
    model, images = build().eval(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        if call == "trace":
            again = torch.jit.trace(model, images)
        else:
            again = torch.export.export(model, (images,)).module()
        torch.testing.assert_close(again(images), model(images))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: build_sbl(20), r"depth 20 is not known \(choices: 18, 34, 50, 101, 152\)"),
        (lambda: build_sbl(18, 5, (64, 64)), "three positive numbers, not .64, 64."),
        (lambda: build_sbl(18, 5, stage_channels=(8, 16)), "four positive numbers"),
        (lambda: build_sbl(18, 0), "num_keypoints is 0"),
        (lambda: build_hrnet("hrnet_w33"), "'hrnet_w33' is not known .choices: a number, hrnet_w18_small"),
        (lambda: build_hrnet("hrnet_w18_small", small=True), "fixed sizes: small needs a number"),
        (lambda: build_hrnet("hrnet_w18_small", blocks=1), "fixed sizes: blocks needs a number"),
        (lambda: build_hrnet(0), "must be positive.* width=0"),
        (lambda: build_hrnet(8, modules=(1, 1)), r"modules three numbers: .*modules=\(1, 1\)"),
    ],
)
def test_impossible_requests_are_refused(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()


def test_an_argument_that_does_not_exist_is_refused():
    with pytest.raises(TypeError, match="widths"):
        build_hrnet(8, widths=3)
