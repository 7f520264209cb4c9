"""Pictures of tokens, by hand-made assignments."""

import numpy as np
import pytest

from harness.figures import regions
from harness.figures.tokens import Stage

GRID = (2, 4)
HALVES = Stage(np.array([0, 0, 1, 2, 0, 0, 1, 3]), GRID)
"""Two rows of four cells: one token on the left half, one on the third column, the last two cells by themselves."""


def test_density_of_a_cell():
    assert regions.density(HALVES).tolist() == [[0.5, 0.5, 1, 2], [0.5, 0.5, 1, 2]]
    assert HALVES.tokens == 4


def test_regions_have_the_mean_colour_and_a_border():
    crop = np.zeros((2, 4, 3), np.uint8)
    crop[:, :2] = 200
    crop[0, 0] = 100  # token 0: 100 and three times 200
    crop[:, 2] = 110
    picture = regions.regions(HALVES, crop, 5)
    assert picture.shape == (10, 20, 3)
    assert picture[4, 4].tolist() == [175] * 3
    assert picture[:, 10].tolist() == [list(regions.BLACK)] * 10  # where token 1 begins
    assert picture[3, 12].tolist() == [110] * 3
    assert picture[3, 15].tolist() == list(regions.LIGHT)  # of a dark token
    assert picture[5, 17].tolist() == list(regions.LIGHT)  # token 3 below token 2
    assert (picture[:, 1:10] == 175).all()  # no border within a token


def test_relative_luminance_is_that_of_wcag():
    found = regions.luminance(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [119, 119, 119]]))
    assert found == pytest.approx([1, 0, 0.2126, 0.1845], abs=1e-4)


def test_a_border_has_contrast_to_every_token():
    """WCAG 2.2 asks for 3 to 1 of graphics; of all greys and of saturated colours."""
    colours = np.array([[r, g, b] for r in range(0, 256, 15) for g in range(0, 256, 15) for b in range(0, 256, 15)])
    own = regions.luminance(colours)
    border = np.where(own < regions.DARK, regions.luminance(np.array(regions.LIGHT)), 0.0)
    contrast = (np.maximum(own, border) + 0.05) / (np.minimum(own, border) + 0.05)
    assert contrast.min() > 3.5
