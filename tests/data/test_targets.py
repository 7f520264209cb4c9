import numpy as np
import pytest
import torch

from harness.data.targets import IMAGE_MEAN, IMAGE_STD, msra_targets, normalise


def target_of(x, y, sigma=2.0, visible=1.0, size=(48, 64)):
    """One target map and weight for a point in input pixels."""
    maps, weight = msra_targets(torch.tensor([[[x, y]]]), torch.tensor([[visible]]), *size, sigma=sigma)
    return maps[0, 0].numpy(), float(weight[0, 0])


def test_normalise_is_rgb_with_imagenet_statistics():
    images = torch.randint(0, 256, (2, 5, 4, 3), dtype=torch.uint8)
    out = normalise(images)
    assert out.shape == (2, 3, 5, 4)
    assert out.dtype == torch.float32
    expected = (images.numpy() / 255.0 - IMAGE_MEAN) / IMAGE_STD
    np.testing.assert_allclose(out.numpy().transpose(0, 2, 3, 1), expected, atol=1e-5)


def test_the_peak_is_one_at_the_nearest_map_pixel():
    maps, weight = target_of(50.0, 81.9)  # 12.5 and 20.475 on the map
    assert weight == 1
    assert maps[20, 13] == 1
    assert (maps == 1).sum() == 1
    assert maps[20, 14] == pytest.approx(np.exp(-1 / 8))
    assert maps[22, 14] == pytest.approx(np.exp(-5 / 8))


@pytest.mark.parametrize(("sigma", "radius"), [(2.0, 6), (3.0, 9), (1.0, 3)])
def test_the_window_is_a_square_of_three_sigma(sigma, radius):
    maps, _ = target_of(100.0, 120.0, sigma)
    rows, columns = np.nonzero(maps)
    assert (rows.min(), rows.max()) == (30 - radius, 30 + radius)
    assert (columns.min(), columns.max()) == (25 - radius, 25 + radius)
    assert len(rows) == (2 * radius + 1) ** 2


@pytest.mark.parametrize(("x", "weight", "empty"), [
    (-4 * 6, 1, False),  # the window's last column is column 0
    (-4 * 7 + 2, 1, False),  # -6.5 + 0.5 is cut towards zero, to -6
    (-4 * 7, 1, False),  # -7 + 0.5 as well
    (-4 * 7 - 2, 1, True),  # -7: one pixel outside, and mmpose keeps the weight
    (-4 * 8 - 2, 0, True),
    (4 * (47 + 6), 1, False),
    (4 * (48 + 6), 0, True),
])
def test_the_left_and_right_borders(x, weight, empty):
    maps, got = target_of(float(x), 100.0)
    assert got == weight
    assert (maps.max() == 0) == empty


def test_unlabelled_points_have_no_target_and_no_weight():
    maps, weight = target_of(50.0, 80.0, visible=0.0)
    assert weight == 0
    assert not maps.any()


def test_a_batch_is_its_points_one_by_one():
    rng = np.random.default_rng(0)
    points = torch.tensor(rng.uniform(-60, 260, (3, 7, 2)), dtype=torch.float32)
    visible = torch.tensor(rng.integers(0, 2, (3, 7)), dtype=torch.float32)
    maps, weight = msra_targets(points, visible, 48, 64, sigma=2.0)
    assert maps.shape == (3, 7, 64, 48)
    for b in range(3):
        for k in range(7):
            one, w = target_of(*points[b, k].tolist(), visible=visible[b, k].item())
            np.testing.assert_array_equal(maps[b, k].numpy(), one)
            assert weight[b, k] == w


def test_other_strides():
    maps, weight = msra_targets(torch.tensor([[[50.0, 82.0]]]), torch.ones(1, 1), 96, 128, stride=2)
    assert weight.item() == 1
    assert maps[0, 0, 41, 25] == 1
