"""Colours that mean something can be told apart by the colour-blind, and stand out."""

import itertools

import matplotlib
import numpy as np
import pytest

from harness.figures.panel import EDGE, PART_COLOURS
from harness.figures.regions import luminance
from harness.figures.token_figure import COLOURS

# Machado, Oliveira and Fernandes (IEEE TVCG 15:6, 2009), severity 1, on linear RGB.
BLINDNESS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    value = np.asarray(matplotlib.colors.to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB of linear sRGB (D65)."""
    ratio = XYZ @ np.clip(rgb, 0, 1) / (XYZ @ np.ones(3))
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_parts_are_told_apart(blindness):
    """In CIELAB, where 2.3 is a just noticeable difference; `docs/figures.md` states what is reached."""
    seen = {part: lab(np.array(BLINDNESS[blindness]) @ linear(colour)) for part, colour in PART_COLOURS.items()}
    nearest = min(np.linalg.norm(seen[a] - seen[b]) for a, b in itertools.combinations(seen, 2))
    assert nearest > 16


def test_every_part_stands_out_from_its_edge():
    edge = luminance(255 * np.asarray(matplotlib.colors.to_rgb(EDGE)))
    for colour in PART_COLOURS.values():
        own = luminance(255 * np.asarray(matplotlib.colors.to_rgb(colour)))
        assert (own + 0.05) / (edge + 0.05) > 4.5


def test_the_density_scale_rises_in_lightness_for_everybody():
    steps = matplotlib.colormaps[COLOURS](np.linspace(0, 1, 7))[:, :3]
    for matrix in BLINDNESS.values():
        lightness = [lab(np.array(matrix) @ linear(step))[0] for step in steps]
        assert min(np.diff(lightness)) > 8
