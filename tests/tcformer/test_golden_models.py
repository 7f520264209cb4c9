"""Whole models against the published ones: outputs, token assignments, gradients, state-dict layouts."""

import pytest
import torch

from tcformer import MTA, Backbone, build_pose_model
from tcformer.mixing import Groups
from tcformer.tokens import Assignment, Tokens

pytestmark = pytest.mark.shared
TINY = (16, 32, 48, 64)
VARIANTS = {"light": "tcformer_light", "base": "tcformer", "large": "tcformer_large"}


@pytest.fixture
def tiny(golden):
    backbone = Backbone(TINY, heads=(1, 2, 3, 4), mlp_ratios=(2, 2, 2, 2), reductions=(4, 2, 2, 1), depths=(1, 2, 1, 2))
    neck = MTA(TINY, channels=32, heads=2, mlp_ratio=2)
    golden.fill(backbone)
    golden.fill(neck)
    return backbone, neck


def stage_of(file, number, grid=(16, 12)):
    """A stage's golden tokens."""
    cells = Assignment.of_grid(grid, torch.device("cpu"))
    x, index = file[f"stage{number}.x"], file[f"stage{number}.idx_token"]
    size = tuple(-(-side // 2 ** (number - 1)) for side in grid)
    if number == 1:
        return Tokens(x, cells, size)
    weight = file[f"stage{number}.agg_weight"][..., 0]
    return Tokens(x, Assignment(cells.grid, Groups(index, x.shape[1]), weight), size)


def test_tiny_outputs_and_gradients(golden, tiny, near, match):
    backbone, neck = tiny
    file = golden.load("tiny")
    stages = backbone(golden.draw("tiny.image", 2, 3, 64, 48))
    for number, tokens in enumerate(stages, 1):
        pairs = match(tokens.index, file[f"stage{number}.idx_token"])
        near(tokens.weight[..., None], file[f"stage{number}.agg_weight"])
        for b, (ours, theirs) in enumerate(pairs):
            near(tokens.x[b, ours], file[f"stage{number}.x"][b, theirs])
    maps = neck(stages)
    for i, level in enumerate(maps):
        near(level, file[f"neck.out{i}"])
    loss = maps[0].square().mean()
    near(loss, file["loss"])

    loss.backward()
    parameters = dict(backbone.named_parameters())
    parameters |= {f"neck.{name}": value for name, value in neck.named_parameters()}
    reached = {name for name, value in parameters.items() if value.grad is not None}
    assert reached == {key.removeprefix("grad.") for key in file if key.startswith("grad.")}
    assert set(parameters) - reached == {key.removeprefix("nograd.") for key in file if key.startswith("nograd.")}
    for name in reached:
        # A shift of all scores changes nothing, so the gradient of the scores' bias is rounding (5e-7 and less).
        near(parameters[name].grad, file[f"grad.{name}"], floor=1e-6 if name.endswith("score.bias") else 0.0)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_tiny_stage_from_golden_tokens(golden, tiny, near, match, number):
    file = golden.load("tiny")
    tokens = tiny[0].stage(number, stage_of(file, number - 1))
    for b, (ours, theirs) in enumerate(match(tokens.index, file[f"stage{number}.idx_token"])):
        near(tokens.x[b, ours], file[f"stage{number}.x"][b, theirs])


def test_tiny_neck_from_golden_tokens(golden, tiny, near):
    file = golden.load("tiny")
    stages = [stage_of(file, number) for number in range(1, 5)]
    for i, level in enumerate(tiny[1](stages)):
        near(level, file[f"neck.out{i}"])


@pytest.mark.parametrize("name", ["light", "base", pytest.param("large", marks=pytest.mark.slow)])
def test_model(golden, near, match, name):
    model = build_pose_model(VARIANTS[name]).eval()
    layout, file = golden.layout(), golden.load(name)
    for module, wanted in ((model.backbone, layout[name]), (model.neck, layout["mta"])):
        assert {key: list(value.shape) for key, value in module.state_dict().items()} == wanted["state"]
        assert sum(value.numel() for value in module.parameters()) == wanted["params"]
        golden.fill(module)
    golden.fill(model.keypoint_head.final_layer)
    image = golden.draw(f"{name}.image", 1, 3, *((384, 288) if name == "large" else (256, 192)))
    with torch.inference_mode():
        stages = model.backbone(image)
        heat_maps = model.keypoint_head(model.neck.finest(stages))
    for number, tokens in enumerate(stages, 1):
        ((ours, theirs),) = match(tokens.index, file[f"stage{number}.idx_token"].long())
        renumber = torch.zeros(int(theirs.max()) + 1, dtype=torch.int64)
        renumber[theirs] = ours
        head = theirs[theirs < 16]
        near(tokens.x[0, renumber[head]], file[f"stage{number}.x_head"][0, head])
        near(tokens.x.mean(dim=1), file[f"stage{number}.x_mean"])
    near(heat_maps[:, ::7], file["heatmap"])
