"""From heat maps of 133 points to points, and the flip test."""

import pytest

from harness.inference.decode import decode
from harness.inference.flip import average, flip_back
from tests.benchmarks.inputs import LAYOUT, STEADY, drawn_split, heat_maps, timed

pytestmark = [pytest.mark.benchmark(group="decoding", **STEADY), pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def drawn(one_thread, tmp_path_factory):
    """Heat maps (8, 133, 64, 48), points and whether there is a peak."""
    return heat_maps(drawn_split(tmp_path_factory.mktemp("drawn"), pictures=8), people=8)


def errors(found, points, peak):
    """Distances from the points in map pixels, of points with a peak inside the map."""
    inside = peak & (points > 3).all(dim=-1) & (points[..., 0] < 44) & (points[..., 1] < 60)
    assert inside.sum() > 20 * len(points)
    return (found[..., :2] - points).norm(dim=-1)[inside]


def test_quarter_shift(benchmark, drawn):
    maps, points, peak = drawn
    found = timed(benchmark, decode, maps, "quarter")
    assert found.shape == (*maps.shape[:2], 3)
    assert (found[..., 2] == maps.amax(dim=(2, 3))).all()
    assert 0.1 < errors(found, points, peak).median() < 0.35
    assert errors(found, points, peak).median() < errors(decode(maps, "argmax"), points, peak).median()


def test_dark(benchmark, drawn):
    """Newton's step on the blurred logarithm of one person's maps."""
    maps, points, peak = (of_all[:1] for of_all in drawn)
    found = timed(benchmark, decode, maps, "dark")
    assert found.shape == (*maps.shape[:2], 3)
    assert errors(found, points, peak).median() < 0.15


def test_flip_merge(benchmark, drawn):
    """Two people."""
    maps = drawn[0][:2]
    mirrored = maps.flip(-1)[:, list(LAYOUT.flip_index)]
    found = timed(benchmark, lambda: average(maps, flip_back(mirrored, LAYOUT.flip_index, shift=True)))
    # Mirrored twice it is what it was, one pixel further to the right.
    assert found[..., 1:].equal((maps[..., 1:] + maps[..., :-1]) * 0.5)
    assert found[..., 0].equal(maps[..., 0])
