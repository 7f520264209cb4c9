import torch

from harness.data.targets import msra_targets
from harness.inference.flip import average, flip_back
from harness.layout import load_layout

FLIP = load_layout("coco-wholebody").flip_index


def test_mirrored_swapped_and_shifted_by_hand():
    maps = torch.tensor([[[[1.0, 2, 3, 4]], [[5, 6, 7, 8]], [[9, 10, 11, 12]]]])
    swap = (0, 2, 1)
    assert flip_back(maps, swap, shift=False).tolist() == [[[[4, 3, 2, 1]], [[12, 11, 10, 9]], [[8, 7, 6, 5]]]]
    assert flip_back(maps, swap, shift=True).tolist() == [[[[4, 4, 3, 2]], [[12, 12, 11, 10]], [[8, 8, 7, 6]]]]


def test_flipping_twice_gives_the_maps_back_and_the_input_is_left_alone():
    maps = torch.randn(2, 133, 8, 6)
    copy = maps.clone()
    assert torch.equal(flip_back(flip_back(maps, FLIP, shift=False), FLIP, shift=False), maps)
    flip_back(maps, FLIP, shift=True)
    assert torch.equal(maps, copy)


def test_average_is_the_mean():
    assert torch.equal(average(torch.tensor([1.0, 4.0]), torch.tensor([3.0, 0.0])), torch.tensor([2.0, 2.0]))


def test_the_shift_repairs_what_the_biased_convention_does():
    """An ideal network on a picture and its mirror image: with the shift, both passes agree on map pixels.

    Mirroring the input tensor takes pixel x to width - 1 - x, whose rounded map pixel, mirrored back, comes out
    one to the left wherever x / 4 is rounded down.
    """
    x = torch.arange(40, 150, 4.0) + 1  # a quarter of a map pixel above the middle: rounded down
    points = torch.stack([x, torch.full_like(x, 80.0)], dim=-1)[None]
    ones = torch.ones(1, len(x))
    seen = msra_targets(points, ones, 48, 64)[0]
    mirrored = points.clone()
    mirrored[..., 0] = 191 - points[..., 0]
    in_mirror = msra_targets(mirrored, ones, 48, 64)[0]
    identity = range(len(x))
    assert torch.equal(flip_back(in_mirror, identity, shift=True).argmax(-1), seen.argmax(-1))
    assert not torch.equal(flip_back(in_mirror, identity, shift=False).argmax(-1), seen.argmax(-1))
