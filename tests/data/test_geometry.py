import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.geometry import (
    apply_affine,
    compose,
    crop_affine,
    crop_of_box,
    fix_aspect,
    heatmap_to_image,
    mirror_affine,
)

coordinate = st.floats(-500, 1500)
length = st.floats(1, 1000)
box = st.tuples(coordinate, coordinate, length, length).map(np.array)
point = st.tuples(coordinate, coordinate).map(np.array)
angle = st.floats(-180, 180)
input_size = st.sampled_from([(192, 256), (288, 384), (96, 128), (256, 192), (128, 128)])


@given(box, input_size, st.floats(0.5, 3))
def test_a_crop_has_the_inputs_aspect_and_holds_the_padded_box(box, size, padding):
    center, crop = crop_of_box(box, *size, padding)
    assert crop[0] / crop[1] == pytest.approx(size[0] / size[1])
    np.testing.assert_allclose(center, box[:2] + box[2:] / 2)
    assert (crop >= box[2:] * padding * (1 - 1e-12)).all()
    assert np.isclose(crop, box[2:] * padding).any()  # one side is only padded


def test_many_boxes_at_once_give_what_each_gives():
    boxes = np.random.default_rng(0).uniform(1, 300, (5, 2, 4))
    center, size = crop_of_box(boxes, 192, 256, 1.25)
    one = crop_of_box(boxes[3, 1], 192, 256, 1.25)
    np.testing.assert_array_equal((center[3, 1], size[3, 1]), one)


def test_an_upright_box_by_hand():
    # 40 wide and 100 high wants 75 x 100 at 3:4; times 1.25 is 93.75 x 125
    center, size = crop_of_box(np.array([10.0, 20.0, 40.0, 100.0]), 192, 256, 1.25)
    np.testing.assert_array_equal(center, [30, 70])
    np.testing.assert_array_equal(size, [93.75, 125])
    matrix = crop_affine(center, size, 0.0, 192, 256)
    corners = np.array([[30 - 93.75 / 2, 70 - 62.5], [30, 70], [30 + 93.75 / 2, 70 + 62.5]])
    np.testing.assert_allclose(apply_affine(matrix, corners), [[0, 0], [96, 128], [192, 256]], atol=1e-9)


@given(box, angle, input_size)
def test_the_centre_goes_to_the_middle_and_lengths_scale_by_the_width(box, angle, size):
    center, crop = crop_of_box(box, *size, 1.25)
    matrix = crop_affine(center, crop, angle, *size)
    np.testing.assert_allclose(apply_affine(matrix, center), np.array(size) / 2, atol=1e-6)
    linear = matrix[:, :2]
    np.testing.assert_allclose(linear @ linear.T, np.eye(2) * (size[0] / crop[0]) ** 2, rtol=1e-9, atol=1e-9)
    assert np.linalg.det(linear) > 0


def test_a_positive_angle_turns_the_content_counter_clockwise():
    matrix = crop_affine(np.array([50.0, 50.0]), np.array([100.0, 100.0]), 90.0, 100, 100)
    right_of_the_centre = np.array([80.0, 50.0])
    np.testing.assert_allclose(apply_affine(matrix, right_of_the_centre), [50, 20], atol=1e-9)  # now above it


@given(box, point, angle, input_size)
def test_there_and_back_again(box, point, angle, size):
    center, crop = crop_of_box(box, *size, 1.25)
    matrix = crop_affine(center, crop, angle, *size)
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    np.testing.assert_allclose(apply_affine(back, apply_affine(matrix, point)), point, atol=1e-5)


@given(box, point, input_size)
def test_heat_map_points_map_back_to_where_they_came_from(box, point, size):
    center, crop = crop_of_box(box, *size, 1.25)
    on_map = apply_affine(crop_affine(center, crop, 0.0, *size), point) / 4
    back = heatmap_to_image(on_map[None], center, crop, size[0] // 4, size[1] // 4)[0]
    np.testing.assert_allclose(back, point, atol=1e-6)


def test_heat_map_points_of_a_batch_use_each_their_own_crop():
    rng = np.random.default_rng(1)
    points, center, size = rng.uniform(0, 48, (3, 7, 2)), rng.uniform(0, 99, (3, 2)), rng.uniform(9, 99, (3, 2))
    together = heatmap_to_image(points, center, size, 48, 64)
    for i in range(3):
        np.testing.assert_array_equal(together[i], heatmap_to_image(points[i], center[i], size[i], 48, 64))


@given(box, point, st.integers(2, 2000), angle, input_size)
def test_flip_commutes_with_cropping(box, point, image_width, angle, size):
    """The crop of the mirror image is the mirror image of the crop, with the biased convention's x -> width - x."""
    mirror = mirror_affine(image_width)
    center, crop = crop_of_box(box, *size, 1.25)
    matrix = crop_affine(center, crop, angle, *size)
    mirrored = crop_affine(apply_affine(mirror, center), crop, -angle, *size)
    there = apply_affine(mirrored, apply_affine(mirror, point))
    x, y = apply_affine(matrix, point)
    np.testing.assert_allclose(there, [size[0] - x, y], atol=1e-5)
    np.testing.assert_allclose(apply_affine(compose(mirrored, mirror), point), there, atol=1e-6)


def test_mirroring_moves_pixels_to_their_places():
    row = np.arange(6)
    places = apply_affine(mirror_affine(6), np.stack([row, np.zeros(6)], axis=1))[:, 0].astype(int)
    np.testing.assert_array_equal(row[::-1][places], row)


@given(st.tuples(length, length).map(np.array), input_size)
def test_fixing_the_aspect_twice_changes_nothing_more(size, shape):
    once = fix_aspect(size, *shape)
    np.testing.assert_allclose(fix_aspect(once, *shape), once, rtol=1e-12)
