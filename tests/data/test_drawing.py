"""Drawing key points on pictures."""

import numpy as np
import pytest

from harness.data.drawing import PART_COLOURS, draw_pose
from harness.layout import load_layout

WHOLE, LSP = load_layout("coco-wholebody"), load_layout("lsp")


def grid(layout, value=1.0):
    """Every key point at a place of its own, far from the others."""
    index = np.arange(layout.size)
    return np.stack([20.0 + 30 * (index % 12), 20.0 + 30 * (index // 12), np.full(layout.size, value)], 1)


def test_points_take_the_colour_of_their_part():
    blank = np.zeros((400, 400, 3), np.uint8)
    points = grid(WHOLE)
    for k in (0, 20, 60, 100, 120):
        only = points.copy()
        only[np.arange(133) != k, 2] = 0
        drawn = draw_pose(blank, only, WHOLE)
        x, y = points[k, :2].astype(int)
        near = drawn[y - 1:y + 2, x - 1:x + 2].reshape(-1, 3).max(0)
        colour = np.array(PART_COLOURS[WHOLE.part_of(k)])
        assert np.argsort(near).tolist() == np.argsort(colour).tolist()
        assert not drawn[:, :x - 8].any()
        assert not drawn[:, x + 8:].any()


def test_links_need_both_ends():
    blank = np.zeros((400, 400, 3), np.uint8)
    points = np.zeros((133, 3))
    points[5], points[7] = (50, 50, 0.9), (250, 250, 0.9)
    assert draw_pose(blank, points, WHOLE, min_score=0.5)[150, 150].any()
    points[7, 2] = 0.5
    assert not draw_pose(blank, points, WHOLE, min_score=0.5)[150, 150].any()
    points[7] = (np.nan, 250, 0.9)
    assert not draw_pose(blank, points, WHOLE)[150, 150].any()


def test_picture_is_copied_and_box_is_drawn():
    image = np.zeros((100, 120, 3), np.uint8)
    drawn = draw_pose(image, np.zeros((133, 3)), WHOLE, box=[10, 20, 50, 60])
    assert not image.any()
    assert drawn[20, 30].any()
    assert drawn[50, 10].any()
    assert not drawn[50, 30].any()


def test_lines_grow_with_the_person():
    blank = np.zeros((1200, 1200, 3), np.uint8)
    width = []
    for size in (100, 1000):
        points = np.zeros((133, 3))
        points[5], points[7] = (10, 10, 1), (10 + size, 10, 1)
        width.append(int((draw_pose(blank, points, WHOLE)[:, 10 + size // 2].any(1)).sum()))
    assert width[0] < width[1]


def test_other_layouts_and_far_points():
    blank = np.zeros((300, 400, 3), np.uint8)
    points = grid(LSP)
    points[0, :2] = 1e12
    assert draw_pose(blank, points, LSP).any()
    with pytest.raises(ValueError, match="14"):
        draw_pose(blank, grid(WHOLE), LSP)
