"""The top-down pipeline beside mmpose 1.x: targets, loss, affine, flip, decoding, suppression.

Where mmpose 1.x differs from branch 0.x, whose protocol this is, the test says so and pins the difference.
"""

import numpy as np
import pytest
import torch

from harness.data.geometry import crop_affine, crop_of_box
from harness.data.targets import msra_targets, normalise
from harness.inference.decode import decode
from harness.inference.flip import flip_back
from harness.inference.nms import oks_nms
from harness.layout import load_layout
from harness.training.losses import mse_loss

pytestmark = pytest.mark.parity
LAYOUT = load_layout("coco-wholebody")


@pytest.fixture(scope="module")
def mmpose():
    """mmpose, importable beside mmcv-lite."""
    module = pytest.importorskip("mmpose", reason="mmpose is not installed (tests/install_oracles.py)")
    from baselines.mmcv_ops import ensure_mmcv_ops

    ensure_mmcv_ops()
    return module


@pytest.mark.parametrize(("sigma", "size"), [(2.0, (48, 64)), (3.0, (72, 96)), (2.0, (72, 96)), (1.0, (24, 32))])
def test_targets_and_weights_are_equal(mmpose, sigma, size):
    from mmpose.codecs import MSRAHeatmap

    rng = np.random.default_rng(0)
    width, height = size
    count, margin = 3000, 60
    points = rng.uniform((-margin, -margin), (4 * width + margin, 4 * height + margin), (count, 2))
    points[::3] = np.round(points[::3])  # exact halves of map pixels among them
    points = points.astype(np.float32)
    visible = (rng.random(count) < 0.9).astype(np.float32)
    codec = MSRAHeatmap(input_size=(4 * width, 4 * height), heatmap_size=size, sigma=sigma)
    expected = codec.encode(points[None], visible[None])
    maps, weight = msra_targets(torch.from_numpy(points)[None], torch.from_numpy(visible)[None], width, height,
                                sigma=sigma)
    np.testing.assert_array_equal(weight.numpy(), expected["keypoint_weights"])
    np.testing.assert_allclose(maps[0].numpy(), expected["heatmaps"], atol=2e-7)
    outside = (visible > 0) & (weight[0].numpy() == 0)
    assert 0 < outside.sum() < 0.7 * count
    empty = (weight[0].numpy() > 0) & (maps[0].amax(dim=(1, 2)).numpy() == 0)
    assert empty.any()  # the quirk at the left and upper border is among the cases


def test_the_loss_and_its_gradient_are_equal(mmpose):
    from mmpose.models.losses import KeypointMSELoss

    generator = torch.Generator().manual_seed(0)
    maps, target = (torch.rand(4, 133, 16, 12, generator=generator) for _ in range(2))
    weight = (torch.rand(4, 133, generator=generator) < 0.6).float()
    mine, theirs = maps.clone().requires_grad_(), maps.clone().requires_grad_()
    loss, expected = mse_loss(mine, target, weight), KeypointMSELoss(use_target_weight=True)(theirs, target, weight)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-5, atol=1e-12)


def test_affines_are_equal(mmpose):
    from mmpose.structures.bbox import get_warp_matrix

    rng = np.random.default_rng(1)
    for _ in range(200):
        box = np.concatenate([rng.uniform(-50, 500, 2), rng.uniform(5, 400, 2)])
        angle = rng.uniform(-180, 180)
        for width, height in ((192, 256), (288, 384), (256, 192)):
            center, size = crop_of_box(box, width, height, 1.25)
            expected = get_warp_matrix(center, size, angle, (width, height))
            corners = np.array([[0, 0, 1], [640, 0, 1], [640, 480, 1], [0, 480, 1]], float).T
            got = crop_affine(center, size, angle, width, height)
            # theirs goes through float32 points
            np.testing.assert_allclose(got @ corners, expected @ corners, atol=0.02 * max(1, width / size[0]))


def test_crops_are_equal_pixel_by_pixel(mmpose):
    from mmpose.datasets.transforms import TopdownAffine

    from harness.data.crops import warp

    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (240, 320, 3), np.uint8)
    points = rng.uniform(0, 240, (1, 133, 2))
    box = np.array([60.0, 30, 90, 170])
    center, size = crop_of_box(box, 192, 256, 1.25)
    results = {"img": image, "bbox_center": (box[:2] + box[2:] / 2)[None], "bbox_scale": box[None, 2:] * 1.25,
               "keypoints": points, "keypoints_visible": np.ones((1, 133))}
    expected = TopdownAffine(input_size=(192, 256))(results)
    matrix = crop_affine(center, size, 0.0, 192, 256)
    mine = warp(image, matrix, 192, 256)
    difference = np.abs(mine[..., ::-1].astype(int) - expected["img"])
    assert difference.mean() < 0.1  # the matrices differ by float32 rounding
    np.testing.assert_allclose(points[0] @ matrix[:, :2].T + matrix[:, 2], expected["transformed_keypoints"][0],
                               atol=1e-3)


def test_normalisation_is_that_of_their_preprocessor(mmpose):
    from mmpose.models import PoseDataPreprocessor

    images = torch.randint(0, 256, (2, 16, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    theirs = PoseDataPreprocessor(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
    expected = theirs({"inputs": list(images.permute(0, 3, 1, 2)), "data_samples": []})["inputs"]
    torch.testing.assert_close(normalise(images), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shift", [True, False])
def test_flipped_heat_maps_are_equal(mmpose, shift):
    from mmpose.models.utils.tta import flip_heatmaps

    maps = torch.randn(3, 133, 16, 12, generator=torch.Generator().manual_seed(0))
    expected = flip_heatmaps(maps.clone(), list(LAYOUT.flip_index), shift_heatmap=shift)
    assert torch.equal(flip_back(maps, LAYOUT.flip_index, shift), expected)


def random_maps(count, seed=0, size=(14, 12)):
    """Noise maps (count, h, w), some of them without a positive value."""
    maps = np.random.default_rng(seed).normal(size=(count, *size)).astype(np.float32)
    maps[::50] = -np.abs(maps[::50])
    return maps


def test_maxima_are_equal(mmpose):
    from mmpose.codecs.utils import get_heatmap_maximum

    maps = random_maps(2000)
    places, values = get_heatmap_maximum(maps)
    found = decode(maps[None], "argmax")[0].numpy()
    np.testing.assert_array_equal(found[:, :2], places)
    np.testing.assert_array_equal(found[:, 2], values)
    assert (places == -1).any()


def test_the_quarter_step_is_equal_inside_and_none_near_the_border(mmpose):
    """1.x asks each axis by itself; branch 0.x moves along both or, if either is too near to the border, none."""
    from mmpose.codecs.utils import get_heatmap_maximum
    from mmpose.codecs.utils.refinement import refine_keypoints

    maps = random_maps(5000, seed=1)
    places, _ = get_heatmap_maximum(maps)
    expected = refine_keypoints(places[None].copy(), maps)[0]
    found = decode(maps[None])[0, :, :2].numpy()
    x, y = places.T
    inside = (x > 1) & (x < 11) & (y > 1) & (y < 13)
    assert 0.5 < inside.mean() < 0.9
    np.testing.assert_array_equal(found[inside], expected[inside])
    np.testing.assert_array_equal(found[~inside], places[~inside])
    assert (expected[~inside] != places[~inside]).any()  # there the versions do differ


@pytest.mark.parametrize("kernel", [5, 7, 11, 17])
def test_the_dark_step_is_equal(mmpose, kernel):
    """Gaussians of several widths with centres between pixels, some of them near the border, on a little noise."""
    from mmpose.codecs.utils import get_heatmap_maximum
    from mmpose.codecs.utils.refinement import refine_keypoints_dark

    rng = np.random.default_rng(kernel)
    points = torch.from_numpy(rng.uniform((-4, -4), (4 * 32 + 4, 4 * 24 + 4), (400, 2)).astype(np.float32))
    maps = msra_targets(points[None], torch.ones(1, 400), 32, 24, sigma=2.0, exact=True)[0][0].numpy()
    maps = (maps + 0.02 * rng.random(maps.shape)).astype(np.float32)
    places, _ = get_heatmap_maximum(maps)
    expected = refine_keypoints_dark(places[None].copy(), maps.copy(), blur_kernel_size=kernel)[0]
    found = decode(maps[None], "dark", kernel)[0, :, :2].numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert (np.abs(found - places).max(axis=1) > 0.1).mean() > 0.5


def test_exact_centres_are_those_of_their_unbiased_targets(mmpose):
    from mmpose.codecs import MSRAHeatmap

    rng = np.random.default_rng(0)
    points = rng.uniform((-40, -40), (4 * 48 + 40, 4 * 64 + 40), (2000, 2)).astype(np.float32)
    codec = MSRAHeatmap(input_size=(192, 256), heatmap_size=(48, 64), sigma=2.0, unbiased=True)
    expected = codec.encode(points[None], np.ones((1, 2000), np.float32))
    maps, weight = msra_targets(torch.from_numpy(points)[None], torch.ones(1, 2000), 48, 64, exact=True)
    np.testing.assert_array_equal(weight.numpy(), expected["keypoint_weights"])
    counted = weight[0].numpy() > 0
    np.testing.assert_allclose(maps[0].numpy()[counted], expected["heatmaps"][counted], atol=2e-6)


@pytest.mark.parametrize("threshold", [0.9, 0.6])
def test_suppression_keeps_the_same_people(mmpose, threshold):
    from mmpose.evaluation.functional.nms import oks_nms as their_oks_nms

    suppressed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        poses = rng.uniform(50, 200, (3, 133, 2))
        keypoints = poses[rng.integers(0, 3, 25)] + rng.normal(0, 1.5, (25, 1, 2)) + rng.normal(0, 0.5, (25, 133, 2))
        keypoints = np.concatenate([keypoints, rng.random((25, 133, 1))], axis=2)
        scores, areas = rng.random(25), rng.uniform(8000, 40000, 25)
        people = [{"keypoints": k, "score": s, "area": a}
                  for k, s, a in zip(keypoints, scores, areas, strict=True)]
        expected = their_oks_nms(people, threshold, sigmas=LAYOUT.sigmas)
        kept = oks_nms(keypoints, scores, areas, LAYOUT.sigmas, threshold)
        np.testing.assert_array_equal(kept, expected)
        suppressed += 25 - len(kept)
    assert suppressed > 20
