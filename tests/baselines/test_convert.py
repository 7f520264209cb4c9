"""Key conversion, on state dicts made up from our own models in the forms other code bases write."""

import pytest
import torch
from timm.models.hrnet import HighResolutionNet, cfg_cls

from baselines import build_hrnet, build_sbl, convert_mmpose, convert_timm

BUILD = {
    "sbl": lambda: build_sbl(18, 4, (8, 8, 8), (8, 8, 16, 16)),
    "hrnet": lambda: build_hrnet(8, 4, small=True),
}


@pytest.fixture(params=BUILD)
def kind(request):
    return request.param


def old_style(state):
    return {key.replace("head.", "keypoint_head.", 1): value for key, value in state.items()}


@pytest.mark.parametrize("style", [dict, old_style])
def test_mmpose_there_and_back(kind, style):
    source, target = BUILD[kind](), BUILD[kind]()
    theirs = style(source.state_dict())
    target.load_state_dict(convert_mmpose(theirs, kind), strict=True)
    for key, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], value), key


def test_what_is_no_weight_is_dropped_and_the_rest_named(kind):
    state = {**BUILD[kind]().state_dict(), "data_preprocessor.mean": torch.zeros(3)}
    model = BUILD[kind]()
    model.load_state_dict(convert_mmpose(state, kind), strict=True)
    with pytest.raises(RuntimeError, match=r"Unexpected key.*teacher\.weight"):
        model.load_state_dict(convert_mmpose({**state, "teacher.weight": torch.zeros(1)}, kind), strict=True)
    state.pop("backbone.conv1.weight")
    with pytest.raises(RuntimeError, match=r"Missing key.*backbone\.conv1\.weight"):
        model.load_state_dict(convert_mmpose(state, kind), strict=True)


@pytest.mark.parametrize("prefix", ["keypoint_head.", "head."])
def test_openmmlab_kind_only_renames_the_head(prefix):
    state = {"backbone.stage4.0.fuse_layers.1.weight": torch.ones(1), prefix + "final_layer.bias": torch.ones(2)}
    assert list(convert_mmpose(state, "openmmlab")) == [
        "backbone.stage4.0.fuse_layers.1.weight",
        "head.final_layer.bias",
    ]


@pytest.mark.parametrize("counters", [True, False], ids=["", "before PyTorch 0.4.1"])
def test_a_resnet_file_fits_the_backbone(counters):
    """torchvision and timm name a ResNet's parts alike; old files lack the batch norms' counters."""
    source, model = BUILD["sbl"](), BUILD["sbl"]()
    file = {k: v for k, v in source.backbone.state_dict().items() if counters or "num_batches" not in k}
    file |= {"fc.weight": torch.zeros(1000, 16), "fc.bias": torch.zeros(1000)}
    converted = convert_timm(file, "sbl")
    assert set(converted) == set(model.backbone.state_dict())
    model.backbone.load_state_dict(converted, strict=True)
    assert torch.equal(model.backbone.layer4[1].conv2.weight, source.backbone.layer4[1].conv2.weight)


def test_an_imagenet_hrnet_file_fits_the_backbone():
    """The classifier and, in the last exchange block only, the fusions into lower resolutions go."""
    classifier = HighResolutionNet(dict(cfg_cls["hrnet_w18_small_v2"]))
    file = classifier.state_dict()
    assert any(key.startswith("incre_modules.") for key in file)
    model = build_hrnet("hrnet_w18_small_v2", 4)
    converted = convert_timm(file, "hrnet")
    assert set(converted) == set(model.backbone.state_dict())
    assert any(key.startswith("stage4.0.fuse_layers.3") for key in converted)
    model.backbone.load_state_dict(converted, strict=True)
    images = torch.randn(1, 3, 64, 64)
    classifier.eval(), model.eval()
    with torch.inference_mode():
        x = classifier.act1(classifier.bn1(classifier.conv1(images)))
        x = classifier.act2(classifier.bn2(classifier.conv2(x)))
        torch.testing.assert_close(model(images), model.head(classifier.stages(x)[0]))


def test_another_sizes_file_does_not_load():
    file = HighResolutionNet(dict(cfg_cls["hrnet_w18_small"])).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch"):
        build_hrnet("hrnet_w18_small_v2", 4).backbone.load_state_dict(convert_timm(file, "hrnet"), strict=True)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: convert_mmpose({"backbone.w": torch.ones(1)}, "resnet"), "'resnet' .choices: sbl, hrnet, openmmlab"),
        (lambda: convert_timm({"conv1.weight": torch.ones(1)}, "openmmlab"), "'openmmlab' .choices: sbl, hrnet"),
        (lambda: convert_mmpose({"conv1.weight": torch.ones(1)}, "sbl"), "begins with 'backbone.*conv1.weight"),
        (lambda: convert_mmpose({}, "sbl"), "it is empty"),
        (lambda: convert_timm({"backbone.conv1.weight": torch.ones(1)}, "sbl"), "no 'conv1.weight'"),
        (lambda: convert_mmpose({"state_dict": {}, "meta": {}}, "sbl"), "state_dict, meta hold no tensors"),
        (
            lambda: convert_mmpose(
                {"backbone.a": torch.ones(1), "head.b": torch.ones(1), "keypoint_head.b": torch.ones(1)}, "sbl"
            ),
            "both 'keypoint_head.' and 'head.'",
        ),
    ],
)
def test_what_cannot_be_converted_is_refused(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()
