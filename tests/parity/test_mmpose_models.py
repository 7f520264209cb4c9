"""Our SBL and HRNet beside mmpose's, weight for weight; and mmpose's configs run as models of ours."""

import warnings

import pytest
import torch
from torch import nn

from baselines import (
    build_hrnet,
    build_openmmlab,
    build_sbl,
    config_names,
    convert_mmpose,
    openmmlab_available,
    openmmlab_settings,
)

pytestmark = pytest.mark.parity

TOLERANCE = 1e-5
"""Largest difference of two heat maps, as a share of the largest value."""

MODELS = {
    "sbl_res50": (
        "td-hm_res50_8xb64-210e_coco-wholebody-256x192", "sbl", lambda: build_sbl(50), 34_029_509, (64, 96)
    ),
    "sbl_res152": (
        "td-hm_res152_8xb32-210e_coco-wholebody-384x288", "sbl", lambda: build_sbl(152), 68_665_285, (64, 64)
    ),
    "hrnet_w32": (
        "td-hm_hrnet-w32_8xb64-210e_coco-wholebody-256x192", "hrnet", build_hrnet, 28_539_941, (96, 64)
    ),
    "hrnet_w48": (
        "td-hm_hrnet-w48_8xb32-210e_coco-wholebody-384x288", "hrnet", lambda: build_hrnet(48), 63_601_429,
        (64, 64),
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Two models side by side: keep the order of sums the same, and the other cores free."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def mmpose_estimator():
    """A function from a config's name to mmpose's own estimator, built by mmpose's own entry point."""
    if (reason := openmmlab_available()) is not None:
        pytest.skip(reason)
    from baselines.mmcv_ops import ensure_mmcv_ops
    from baselines.openmmlab import _config_root

    ensure_mmcv_ops()
    from mmpose.apis import init_model

    def build(name: str) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a data set it does not find
            path = _config_root() / "topdown_heatmap" / "coco-wholebody" / f"{name}.py"
            return init_model(str(path), None, device="cpu")

    return build


@pytest.fixture(scope="module", params=MODELS)
def pair(request, mmpose_estimator):
    """mmpose's estimator with lively random weights, and our model with the same ones, converted."""
    config, kind, build, parameters, size = MODELS[request.param]
    theirs = liven(mmpose_estimator(config))
    ours = build()
    ours.load_state_dict(convert_mmpose(theirs.state_dict(), kind), strict=True)
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    return theirs, ours, kind, parameters, images


def liven(model: nn.Module) -> nn.Module:
    """Weights and running statistics under which every parameter and buffer shows in the output."""
    rng = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.weight.data.uniform_(0.5, 1.5, generator=rng)
            module.bias.data.normal_(0, 0.2, generator=rng)
            module.running_mean.normal_(0, 0.2, generator=rng)
            module.running_var.uniform_(0.5, 1.5, generator=rng)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fan_in = module.weight[0].numel()
            module.weight.data.normal_(0, fan_in**-0.5, generator=rng)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.2, generator=rng)
    return model


def theirs_on(estimator, images):
    return estimator(images, None, mode="tensor")


def difference(ours, theirs):
    assert ours.shape == theirs.shape
    assert torch.isfinite(theirs).all()
    assert theirs.std() > 0
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def test_same_size(pair):
    theirs, ours, _, parameters, _ = pair
    assert sum(p.numel() for p in ours.parameters()) == parameters
    assert sum(p.numel() for p in theirs.parameters()) == parameters
    assert len(ours.state_dict()) == len(theirs.state_dict())


def test_same_heat_maps(pair):
    theirs, ours, _, _, images = pair
    height, width = images.shape[-2:]
    with torch.inference_mode():
        maps = ours.eval()(images)
        assert maps.shape == (2, 133, height // 4, width // 4)
        assert difference(maps, theirs_on(theirs.eval(), images)) < TOLERANCE


def test_weights_of_branch_0x_give_the_same(pair):
    theirs, ours, kind, _, images = pair
    old = {key.replace("head.", "keypoint_head.", 1): value for key, value in theirs.state_dict().items()}
    assert any(key.startswith("keypoint_head.final_layer") for key in old)
    with torch.inference_mode():
        before = ours.eval()(images)
        for parameter in ours.parameters():
            parameter.zero_()
        ours.load_state_dict(convert_mmpose(old, kind), strict=True)
        assert torch.equal(ours(images), before)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("backbone.layer1.0.bn1.running_mean", "backbone.layer1.0.bn2.running_mean"),
        ("backbone.layer1.1.conv1.weight", "backbone.layer1.2.conv1.weight"),
    ],
)
def test_a_swapped_pair_is_noticed(pair, first, second):
    theirs, ours, kind, _, images = pair
    right = convert_mmpose(theirs.state_dict(), kind)
    wrong = {**right, first: right[second], second: right[first]}
    try:
        ours.load_state_dict(wrong, strict=True)
        with torch.inference_mode():
            assert difference(ours.eval()(images), theirs_on(theirs.eval(), images)) > 100 * TOLERANCE
    finally:
        ours.load_state_dict(right, strict=True)


def test_same_training_step(pair):
    """Heat maps, loss gradients and batch statistics agree in training mode."""
    theirs, ours, kind, _, images = pair
    before = {key: value.clone() for key, value in theirs.state_dict().items()}
    try:
        maps, reference = ours.train()(images), theirs_on(theirs.train(), images)
        assert difference(maps, reference) < TOLERANCE
        gradients = []
        for model, out in ((ours, maps), (theirs, reference)):
            model.zero_grad()
            out.square().mean().backward()
            gradients.append(model.backbone.conv1.weight.grad)
        assert difference(*gradients) < TOLERANCE
        after = convert_mmpose(theirs.state_dict(), kind)
        moved = 0
        for key, value in ours.state_dict().items():
            torch.testing.assert_close(value, after[key], rtol=1e-5, atol=1e-6, msg=lambda m, k=key: f"{k}: {m}")
            moved += "running_" in key and not torch.equal(value, before[key])
        assert moved > 50
    finally:
        theirs.load_state_dict(before)
        ours.load_state_dict(convert_mmpose(before, kind))


@pytest.mark.parametrize(
    "config",
    [
        "td-hm_res50_8xb64-210e_coco-wholebody-256x192",
        "td-hm_vipnas-mbv3_8xb64-210e_coco-wholebody-256x192",
        "cspnext-m_udp_8xb64-210e_coco-wholebody-256x192",
    ],
)
def test_a_config_is_run_as_mmpose_runs_it(mmpose_estimator, config):
    theirs = liven(mmpose_estimator(config)).eval()
    ours = build_openmmlab(config).eval()
    ours.load_state_dict(convert_mmpose(theirs.state_dict(), "openmmlab"), strict=True)
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        assert difference(ours(images), theirs_on(theirs, images)) < TOLERANCE


@pytest.mark.slow
def test_every_config_is_built_without_a_download(mmpose_estimator, monkeypatch):
    import mmengine.runner.checkpoint

    def refuse(*args, **kwargs):
        raise AssertionError(f"asked for weights: {args}")

    monkeypatch.setattr(mmengine.runner.checkpoint, "_load_checkpoint", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    assert len(config_names()) >= 18
    for name in config_names():
        settings = openmmlab_settings(name)
        model = build_openmmlab(name, num_keypoints=7).eval()
        width, height = settings["input_size"]
        with torch.inference_mode():
            maps = model(torch.zeros(1, 3, 64, 64))
        assert settings["num_keypoints"] == 133
        assert settings["heatmap_size"] == (width // 4, height // 4)
        assert maps.shape == (1, 7, 16, 16), name


def test_heads_start_as_mmpose_starts_them(mmpose_estimator):
    """Standard deviation 0.001 and zero bias, in theirs and in ours."""
    theirs = mmpose_estimator("td-hm_res50_8xb64-210e_coco-wholebody-256x192")
    theirs.head.init_weights()
    for head in (theirs.head, build_sbl(50).head):
        for layer in (*head.deconv_layers[::3], head.final_layer):
            assert layer.weight.std().item() == pytest.approx(0.001, rel=0.05)
        assert not head.final_layer.bias.any()


def test_settings_hold_what_the_config_says(mmpose_estimator):
    """Facts of the protocol notes: w48 384x288 dark, sigma 3, 210 epochs, steps at 170 and 200, 8 GPUs x 32."""
    settings = openmmlab_settings("td-hm_hrnet-w48_dark-8xb32-210e_coco-wholebody-384x288")
    expected = {
        "input_size": (288, 384),
        "heatmap_size": (72, 96),
        "codec": "MSRAHeatmap",
        "sigma": 3.0,
        "unbiased": True,
        "optimizer": "Adam",
        "lr": 5e-4,
        "weight_decay": None,
        "epochs": 210,
        "milestones": [170, 200],
        "gamma": 0.1,
        "warmup_iterations": 500,
        "warmup_factor": 0.001,
        "batch_per_gpu": 32,
        "gpus": 8,
        "flip_test": True,
        "shift_heatmap": True,
    }
    assert {key: settings[key] for key in expected} == expected
    assert openmmlab_settings("td-hm_res50_8xb64-210e_coco-wholebody-256x192")["sigma"] == 2.0


@pytest.mark.parametrize("use", [build_openmmlab, openmmlab_settings])
@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("rtmpose-m_8xb64-270e_coco-wholebody-256x192", "codec is SimCCLabel"),
        ("td-hm_hrnet-w48_8xb32", "did you mean td-hm_hrnet-w48_8xb32-210e_coco-wholebody-256x192"),
        ("no/such/file.py", "'no/such/file.py' does not exist"),
    ],
)
def test_a_config_that_cannot_serve_is_refused(mmpose_estimator, use, config, reason):
    with pytest.raises(ValueError, match=reason):
        use(config)


def test_a_config_file_of_the_user_works(mmpose_estimator, tmp_path):
    """A path is taken as it is; a regression head in it is refused with its reason."""
    head = "dict(type='HeatmapHead', in_channels=512, out_channels=5, deconv_out_channels=(8, 8, 8), decoder=codec)"
    text = (
        "codec = dict(type='MSRAHeatmap', input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)\n"
        "model = dict(type='TopdownPoseEstimator', backbone=dict(type='ResNet', depth=18,\n"
        "    init_cfg=dict(type='Pretrained', checkpoint='nowhere/resnet18.pth')), head=HEAD)\n"
    )
    good, bad = tmp_path / "tiny_4xb16.py", tmp_path / "regression.py"
    good.write_text(text.replace("HEAD", head))
    bad.write_text(text.replace("HEAD", "dict(type='RegressionHead', in_channels=512, num_joints=5)"))
    settings = openmmlab_settings(str(good))
    assert (settings["sigma"], settings["gpus"], settings["epochs"]) == (1.5, 4, None)
    assert build_openmmlab(str(good), 5)(torch.zeros(1, 3, 128, 96)).shape == (1, 5, 32, 24)
    with pytest.raises(ValueError, match="not exactly one codec"):
        build_openmmlab(str(bad), 5)
