import numpy as np
import pytest
import torch

from harness.data.targets import msra_targets
from harness.inference.decode import decode


def map_with(peak, neighbours=(), size=(10, 8)):
    """A map (1, 1, h, w) with 1 at `peak` (x, y) and values at other places {(x, y): value}."""
    maps = torch.zeros(1, 1, size[1], size[0])
    maps[0, 0, peak[1], peak[0]] = 1
    for (x, y), value in dict(neighbours).items():
        maps[0, 0, y, x] = value
    return maps


def test_a_quarter_towards_the_higher_neighbour():
    found = decode(map_with((4, 3), {(5, 3): 0.5, (3, 3): 0.2, (4, 2): 0.3}))
    assert found.tolist() == [[[4.25, 2.75, 1.0]]]


def test_argmax_only_where_asked():
    assert decode(map_with((4, 3), {(5, 3): 0.5}), "argmax").tolist() == [[[4, 3, 1]]]


def test_equal_neighbours_leave_the_point_where_it_is():
    assert decode(map_with((4, 3))).tolist() == [[[4, 3, 1]]]


@pytest.mark.parametrize(("peak", "moves"), [
    ((2, 2), True), ((8, 6), True),  # 1 < 2 and 8 < 10 - 1: the last places inside
    ((1, 4), False), ((9, 4), False), ((5, 1), False), ((5, 7), False),
    ((0, 0), False), ((9, 7), False), ((1, 1), False),
])
def test_at_the_border_neither_axis_moves(peak, moves):
    """mmpose 0.x: one axis too near to the border keeps the other from moving as well."""
    x, y = peak
    around = {(x + 1, y): 0.5, (x, y + 1): 0.5}
    maps = map_with(peak, {(a, b): v for (a, b), v in around.items() if a < 10 and b < 8})
    expected = [x + 0.25, y + 0.25] if moves else [x, y]
    assert decode(maps)[0, 0, :2].tolist() == expected


@pytest.mark.parametrize("value", [0.0, -0.5])
def test_a_map_without_a_positive_value_gives_minus_one(value):
    assert decode(torch.full((1, 1, 8, 10), value)).tolist() == [[[-1, -1, value]]]


def test_of_equal_maxima_the_first():
    assert decode(map_with((6, 3), {(2, 5): 1.0}), "argmax")[0, 0, :2].tolist() == [6, 3]


def test_numpy_maps_and_batches():
    maps = np.random.default_rng(0).random((3, 5, 12, 9), dtype=np.float32)
    found = decode(maps)
    assert found.shape == (3, 5, 3)
    assert torch.equal(found[2, 4], decode(torch.from_numpy(maps[2:, 4:]))[0, 0])
    np.testing.assert_array_equal(found[..., 2], maps.max(axis=(2, 3)))


def test_the_maximum_of_a_target_is_within_half_a_pixel_of_its_point():
    points = torch.rand(4, 9, 2) * torch.tensor([150.0, 200.0]) + 20
    found = decode(msra_targets(points, torch.ones(4, 9), 48, 64)[0])
    assert ((found[..., :2] - points / 4).abs() <= 0.5 + 1e-6).all()
    assert (found[..., 2] == 1).all()


def test_the_dark_step_finds_exact_centres_that_the_quarter_step_only_nears():
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.uniform(20, 100, (1, 200, 2)).astype(np.float32))
    maps = msra_targets(points, torch.ones(1, 200), 32, 32, sigma=2.0, exact=True)[0]

    def error(*arguments):
        return (decode(maps, *arguments)[..., :2] - points / 4).norm(dim=-1).mean().item()

    assert error("dark", 5) < 0.02 < error("quarter") < error("argmax")


def test_the_dark_step_stays_where_it_has_no_neighbours():
    maps = map_with((0, 0), {(1, 0): 0.5, (0, 1): 0.5})
    assert decode(maps, "dark", 5)[0, 0, :2].tolist() == [0, 0]
