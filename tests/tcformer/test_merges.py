"""The ablation's ways to reduce tokens: which centres CTM-topk takes, and what a TCFormer without CTM is."""

import pytest
import torch
from torch.nn import functional as F

import tcformer
from tcformer import build_pose_model
from tcformer.backbone import MERGES
from tcformer.clustering import dpc_knn, top_scores
from tcformer.grid import GridMerge
from tcformer.tokens import Assignment, Tokens, token_to_token

SMALL = {"widths": (8, 16, 24, 32), "depths": (1, 1, 1, 1), "neck_channels": 16, "neck_heads": 2}


def build(merge, variant="tcformer_light", **settings):
    torch.manual_seed(0)
    return build_pose_model(variant, 17, **{**SMALL, **settings}, merge=merge).eval()


def grid_tokens(height, width, channels=4):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, height * width, channels, generator=generator)
    return Tokens(x, Assignment.of_grid((height, width), x.device), (height, width))


# ---- centres by score

def test_centres_are_the_highest_scores_and_the_rest_joins_the_nearest_features():
    x = torch.tensor([[[0.0], [1.0], [10.0], [11.0], [12.0], [4.0]]])
    score = torch.tensor([[5.0, 0.0, 1.0, 9.0, 2.0, -3.0]])
    label, centre = top_scores(x, score, 2)
    assert centre.tolist() == [[3, 0]]  # by rank
    assert label.tolist() == [[1, 1, 0, 0, 0, 1]]


def test_all_centres_may_lie_together_where_density_peaks_spread():
    """The difference that the ablation is about: three groups, the highest scores all in one."""
    groups = torch.tensor([0.0, 10.0, 20.0]).repeat_interleave(5) + torch.linspace(0, 0.4, 5).repeat(3)
    score = torch.where(groups < 5, 1.0, 0.0)[None]
    by_score = top_scores(groups[None, :, None], score, 3).centre
    by_density = dpc_knn(groups[None, :, None], 3).centre
    assert (by_score < 5).all()
    assert sorted((by_density // 5)[0].tolist()) == [0, 1, 2]


def test_ties_go_to_the_lower_index_and_a_centre_joins_itself():
    label, centre = top_scores(torch.zeros(1, 6, 3), torch.zeros(1, 6), 3)
    assert centre.tolist() == [[0, 1, 2]]
    assert label.tolist() == [[0, 1, 2, 0, 0, 0]]


def test_centres_by_score_agree_with_distances_written_out():
    generator = torch.Generator().manual_seed(1)
    x, score = torch.randn(3, 50, 8, generator=generator), torch.randn(3, 50, generator=generator)
    label, centre = top_scores(x, score, 13)
    for picture in range(3):
        order = score[picture].argsort(descending=True)[:13]
        assert torch.equal(centre[picture], order)
        assert torch.equal(label[picture], torch.cdist(x[picture].double(), x[picture, order].double()).argmin(dim=1))


@pytest.mark.parametrize("clusters", [0, 7])
def test_a_number_of_clusters_that_does_not_fit_is_refused(clusters):
    with pytest.raises(ValueError, match=f"clusters={clusters} must lie between 1 and the number of tokens, 6"):
        top_scores(torch.zeros(1, 6, 3), torch.zeros(1, 6), clusters)


def test_the_score_that_chooses_is_the_one_that_weighs():
    model = build("topk")
    ctm = model.backbone.ctm1
    tokens = model.backbone.stage(1, model.backbone.patch_embed1(torch.randn(2, 3, 64, 48)))
    merged, before, score = ctm(tokens)
    chosen = score[..., 0].topk(merged.x.shape[1], dim=1).indices
    assert torch.equal(ctm.cluster(before.x, score).centre.sort().values, chosen.sort().values)


def test_half_precision_ranks_by_scores_that_do_not_tie():
    ctm = build("topk").backbone.ctm1
    x = torch.randn(1, 400, 16, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = ctm.score(x)
        assert rounded.dtype == torch.bfloat16
        found = ctm.cluster(x, rounded)
    assert torch.equal(found.centre, ctm.cluster(x, ctm.score(x)).centre)


# ---- without CTM

@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize(("size", "half"), [((8, 6), (4, 3)), ((7, 5), (4, 3)), ((1, 1), (1, 1))])
def test_a_grid_merge_halves_the_map_rounding_up(average, size, half):
    tokens = grid_tokens(*size)
    merged, before, score = GridMerge(4, 6, average)(tokens)
    assert (before, score) == (None, None)
    assert merged.size == half
    assert merged.x.shape == (2, half[0] * half[1], 6)
    assert merged.assignment.is_map(half)
    assert torch.equal(merged.weight, torch.ones(2, size[0] * size[1]))


def test_the_convolution_is_that_of_the_map():
    tokens = grid_tokens(7, 6)
    merge = GridMerge(4, 6)
    image = tokens.x.mT.unflatten(2, (7, 6))
    expected = F.layer_norm(F.conv2d(image, merge.proj.weight, merge.proj.bias, 2, 1).flatten(2).mT, (6,))
    torch.testing.assert_close(merge(tokens)[0].x, expected)


def test_the_average_is_that_of_its_pixels():
    tokens = grid_tokens(5, 4, channels=1)
    merge = GridMerge(1, 2, average=True)
    rows = tokens.x[0, :, 0].unflatten(0, (5, 4))
    mean = torch.stack([rows[r : r + 2, c : c + 2].mean() for r in (0, 2, 4) for c in (0, 2)])
    expected = F.layer_norm(mean[:, None] * merge.proj.weight[:, 0, 0, 0] + merge.proj.bias, (2,))
    torch.testing.assert_close(merge(tokens)[0].x[0], expected)


def test_on_a_grid_the_necks_transfer_is_the_nearest_neighbour():
    fine = grid_tokens(8, 6)
    coarse = fine.assignment.of_map((4, 3))
    x = torch.randn(2, 12, 5)
    image = F.interpolate(x.mT.unflatten(2, (4, 3)), scale_factor=2, mode="nearest")
    torch.testing.assert_close(token_to_token(x, coarse, fine.assignment), image.flatten(2).mT)


# ---- the whole network

@pytest.mark.parametrize("merge", MERGES)
def test_every_merge_has_the_same_numbers_of_tokens_and_maps(merge):
    model = build(merge)
    stages = model.backbone(torch.randn(1, 3, 256, 192))
    assert [tokens.x.shape[1] for tokens in stages] == [3072, 768, 192, 48]
    assert [tokens.size for tokens in stages] == [(64, 48), (32, 24), (16, 12), (8, 6)]
    assert model(torch.randn(2, 3, 100, 76)).shape == (2, 17, 25, 19)


def test_parameters_of_each_merge():
    with torch.device("meta"):
        counts = {m: sum(p.numel() for p in build_pose_model("tcformer", merge=m).parameters()) for m in MERGES}
    changes = list(zip((64, 128, 320), (128, 320, 512), strict=True))
    without_skip_and_score = 27_782_152 - sum(a * b + b + 1 for a, b in changes)
    assert counts == {"ctm": 27_782_152, "topk": 27_782_152, "grid": without_skip_and_score,
                      "average": without_skip_and_score - sum(8 * a * b for a, b in changes)}


def test_by_score_has_the_weights_of_the_published_network_and_clusters_otherwise():
    published, by_score = build("ctm"), build("topk")
    by_score.load_state_dict(published.state_dict(), strict=True)
    image = torch.randn(1, 3, 64, 48)
    assert not torch.equal(published.backbone(image)[1].index, by_score.backbone(image)[1].index)
    assert torch.equal(published.backbone(image)[0].x, by_score.backbone(image)[0].x)


def test_the_default_is_the_published_network():
    default = build_pose_model("tcformer_light", 17, **SMALL).backbone
    assert default.merge == "ctm"
    assert not default.ctm1.by_score


@pytest.mark.parametrize("merge", MERGES)
def test_equal_runs_are_bit_equal_and_every_parameter_learns(merge):
    images = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(3))
    runs = []
    for _ in range(2):
        model = build(merge).train()
        out = model(images)
        out.square().mean().backward()
        assert [name for name, p in model.named_parameters() if p.grad is None] == []
        runs.append([out, *(p.grad for p in model.parameters())])
    for one, two in zip(*runs, strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("merge", MERGES)
def test_the_quick_form_gives_the_same_maps(merge):
    model = build(merge)
    image = torch.randn(1, 3, 96, 72)
    with torch.inference_mode():
        torch.testing.assert_close(tcformer.compile(model, path="prepared")(image), model(image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("settings", "words"), [
    ({"merge": "top-k"}, "unknown merge 'top-k'.*topk"),
    ({"merge": "topk", "density_noise": 1e-6}, "density_noise=1e-06: merge 'topk' has no densities"),
    ({"merge": "grid", "density_noise": 1e-6}, "merge 'grid' has no densities")])
def test_what_does_not_go_together_is_named(settings, words):
    with pytest.raises(ValueError, match=words):
        build_pose_model("tcformer_light", **settings)
