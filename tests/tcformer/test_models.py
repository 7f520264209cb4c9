import copy
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch

import tcformer
from tcformer import VARIANTS, Backbone, Classifier, build_pose_model

SMALL = {"widths": (8, 16, 24, 32), "depths": (1, 1, 1, 1), "neck_channels": 16, "neck_heads": 2}


@pytest.fixture
def small():
    torch.manual_seed(0)
    return build_pose_model("tcformer_light", 17, **SMALL)


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.fixture
def deterministic():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def test_parameters_of_the_imagenet_models():
    with torch.device("meta"):
        assert count(timm.create_model("tcformer_light")) == 13_718_659 + 513_000
        assert count(timm.create_model("tcformer")) == 25_594_731
        assert count(timm.create_model("tcformer_large")) == 62_305_923 + 513_000
        assert count(Classifier(depths=(3, 3, 6, 3))) == 24_991_083, "Table S1 as printed"


def test_parameters_of_the_pose_models():
    with torch.device("meta"):
        head = 133 * 256 + 133
        for name, backbone in zip(VARIANTS, (13_718_659, 25_081_731, 62_305_923), strict=True):
            assert count(build_pose_model(name)) == backbone + 2_666_240 + head


def test_published_settings():
    with torch.device("meta"):
        backbone = Backbone()
    for number, (heads, reduction, ratio) in enumerate(zip((1, 2, 5, 8), (8, 4, 2, 1), (8, 8, 4, 4), strict=True), 1):
        block = backbone.get_submodule(f"block{number}.0")
        assert (block.attn.heads, block.attn.reduction) == (heads, reduction)
        assert block.mlp.fc1.out_features == ratio * block.mlp.fc1.in_features


def test_state_prefixes(small):
    heads = {key.rsplit(".", 1)[0] for key in small.state_dict() if not key.startswith(("backbone.", "neck."))}
    assert heads == {"keypoint_head.final_layer"}


def test_tokens_of_each_stage(small):
    stages = small.backbone(torch.randn(1, 3, 256, 192))
    assert [t.x.shape[1] for t in stages] == [3072, 768, 192, 48]
    assert [t.size for t in stages] == [(64, 48), (32, 24), (16, 12), (8, 6)]
    for tokens in stages:
        assert tokens.index.shape == tokens.weight.shape == (1, 3072)
        assert len(tokens.index.unique()) == tokens.x.shape[1]


SIZES = [((64, 48), (16, 12)), ((100, 76), (25, 19)), ((65, 35), (17, 9)), ((32, 32), (8, 8))]


@pytest.mark.parametrize(("size", "heat_map"), SIZES)
def test_heat_maps_of_any_input_size(small, size, heat_map):
    out = small(torch.randn(2, 3, *size))
    assert out.shape == (2, 17, *heat_map)
    assert out.is_contiguous()
    assert out.isfinite().all()


def test_head_is_its_convolution(small):
    image = torch.randn(2, 16, 5, 7).to(memory_format=torch.channels_last)
    torch.testing.assert_close(small.keypoint_head(image), small.keypoint_head.final_layer(image))


def test_pictures_of_a_batch_do_not_touch_each_other(small):
    small.double().eval()
    images = torch.randn(3, 3, 64, 48, dtype=torch.float64)
    with torch.no_grad():
        together = small(images)
        for image, out in zip(images, together, strict=True):
            torch.testing.assert_close(small(image[None])[0], out)


@pytest.mark.parametrize("size", [(256, 192), (100, 76)])
def test_alone_against_batched(size, match):
    """Features move by 1e-6 with the batch, as products are summed in another order; tokens and maps hardly do."""
    torch.manual_seed(0)
    model = build_pose_model("tcformer_light").eval()
    images = torch.randn(4, 3, *size)
    with torch.inference_mode():
        together = model.backbone(images)
        maps = model.keypoint_head(model.neck.finest(together))
        for b, image in enumerate(images):
            for whole, alone in zip(together, model.backbone(image[None]), strict=True):
                match(alone.index, whole.index[b : b + 1])
            assert (model(image[None])[0] - maps[b]).abs().max() <= 1e-4 * maps.abs().max()


def test_a_single_token(small):
    """32 x 32 pixels are 64 cells, and at last one token; more neighbours than tokens are all of them."""
    stages = small.backbone(torch.randn(2, 3, 32, 32))
    assert [t.x.shape[1] for t in stages] == [64, 16, 4, 1]
    assert (stages[3].index == 0).all()


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("side", [1, 16, 28])
def test_images_that_leave_no_key_are_refused(small, side, prepared):
    model = tcformer.compile(small, path="prepared") if prepared else small
    with pytest.raises(ValueError, match=rf"{-(-side // 4)} x 16 has no 8 x 8 patch.*29 pixels"):
        model(torch.randn(1, 3, side, 64))


def test_the_smallest_image(small):
    assert small(torch.randn(1, 3, 29, 29)).shape == (1, 17, 8, 8)


def test_fp16_that_overflows_shows(small):
    """Numbers beyond fp16's 65504 become NaN in the maps of that picture; tokens stay defined."""
    small.half().eval()
    images = torch.randn(2, 3, 64, 48).half()
    images[0] *= 3e4
    with torch.inference_mode():
        stages = small.backbone(images)
        maps = small(images)
    for tokens in stages:
        assert ((tokens.index >= 0) & (tokens.index < tokens.x.shape[1])).all()
    assert not maps[0].isfinite().all()
    assert maps[1].isfinite().all()


def test_equal_runs_are_bit_equal(small, deterministic):
    images = torch.randn(2, 3, 64, 48)
    runs = []
    for _ in range(2):
        model = copy.deepcopy(small).train()
        out = model(images)
        out.square().mean().backward()
        runs.append([out, *(p.grad for p in model.parameters())])
    for one, two in zip(*runs, strict=True):
        assert torch.equal(one, two)


def test_every_parameter_learns(small):
    small(torch.randn(2, 3, 64, 48)).square().mean().backward()
    assert [name for name, p in small.named_parameters() if p.grad is None] == []


def test_bf16_autocast(small):
    images = torch.randn(2, 3, 64, 48)
    with torch.autocast("cpu", torch.bfloat16):
        out = small(images)
    assert out.dtype == torch.bfloat16
    out.float().square().mean().backward()
    assert all(p.grad.isfinite().all() for p in small.parameters())


def test_training_after_inference(small):
    """Nothing made under inference mode is kept for later."""
    images = torch.randn(1, 3, 64, 48)
    with torch.inference_mode():
        small(images)
    small(images).mean().backward()


def test_tracing_for_operation_counts(small):
    from fvcore.nn import FlopCountAnalysis

    with torch.no_grad():
        analysis = FlopCountAnalysis(small.eval(), torch.randn(1, 3, 64, 48)).unsupported_ops_warnings(False)
        assert analysis.uncalled_modules_warnings(False).total() > 1e6


def test_drop_path_rises_linearly():
    backbone = Backbone(depths=(1, 2, 1, 1), widths=(8, 8, 8, 8), drop_path_rate=0.4)
    blocks = [block for number in range(1, 5) for block in backbone.get_submodule(f"block{number}").children()]
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_initial_weights():
    torch.manual_seed(0)
    model = build_pose_model("tcformer_light", 133, widths=(64, 64, 64, 64), depths=(1, 1, 1, 1))
    block = model.backbone.block2[0]
    assert block.attn.q.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert block.mlp.dwconv.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
    assert model.backbone.ctm1.conv.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.05)
    assert model.backbone.patch_embed1.proj.weight.std().item() == pytest.approx((2 / (49 * 64)) ** 0.5, rel=0.05)
    for name, value in model.named_parameters():
        if name.endswith("bias"):
            assert (value == 0).all(), name
        elif "norm" in name:
            assert (value == 1).all(), name


def test_density_noise_follows_its_generator():
    model = build_pose_model("tcformer_light", 5, **SMALL, density_noise=0.5).eval()
    image = torch.randn(1, 3, 64, 48)

    def tokens(seed):
        model.backbone.set_noise_generator(torch.Generator().manual_seed(seed))
        return model.backbone(image)[1].index

    assert torch.equal(tokens(0), tokens(0))
    assert not torch.equal(tokens(0), tokens(1))


@pytest.mark.parametrize("name", VARIANTS)
def test_timm_knows_the_series(name):
    assert timm.is_model(name)
    config = timm.models.get_pretrained_cfg(name)
    assert config.input_size == (3, 224, 224)
    assert config.mean == (0.485, 0.456, 0.406)
    assert config.std == (0.229, 0.224, 0.225)


def test_timm_classifier():
    settings = {"widths": (8, 16, 24, 32), "depths": (1, 1, 1, 1)}
    model = timm.create_model("tcformer_light", num_classes=10, drop_path_rate=0.1, in_chans=1, **settings).eval()
    image = torch.randn(2, 1, 64, 64)
    assert model(image).shape == (2, 10)
    assert {key for key in model.state_dict() if key.startswith("head.")} == {"head.weight", "head.bias"}
    features = model.forward_features(image)
    assert features.shape == (2, 4, 32)
    torch.testing.assert_close(model.forward_head(features, pre_logits=True), features.mean(dim=1))
    model.reset_classifier(3)
    assert model.get_classifier().out_features == model.num_classes == 3
    assert timm.create_model("tcformer_light", num_classes=0, in_chans=1, **settings)(image).shape == (2, 32)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"variant": "huge"}, "tcformer_large"),
        ({"depths": (1, 1, 1)}, "depths"),
        ({"depths": (1, 0, 1, 1)}, "depths"),
        ({"heads": (3, 1, 1, 1)}, "heads=3"),
        ({"widhts": (8, 8, 8, 8)}, "widhts"),
        ({"neck_reductions": (8, 4)}, "reductions"),
    ],
)
def test_bad_settings_are_named(settings, word):
    with pytest.raises(ValueError, match=word):
        build_pose_model(**{"variant": "tcformer_light", **settings})


def test_stands_alone():
    """The package works without the benchmark around it."""
    code = "import sys, tcformer; assert not [m for m in sys.modules if m.split('.')[0] in ('harness', 'baselines')]"
    root = Path(tcformer.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
