import numpy as np
import pytest
import torch
from torchvision.transforms import functional

from harness.data.colour import ERASED_ASPECT, ERASED_SHARE, draw_look, erase, recolour
from harness.data.targets import network_input, normalise
from harness.protocol import Augment
from tests.data.test_augment import assert_moments, assert_share

WIDTH, HEIGHT = 48, 64


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, HEIGHT, WIDTH, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def looks(count=4000, **settings):
    rng = np.random.default_rng(8)
    drawn = [draw_look(rng, Augment(**settings), WIDTH, HEIGHT) for _ in range(count)]
    return {name: np.stack([one[name] for one in drawn]).astype(float) for name in drawn[0]}


def test_factors_are_uniform_about_one():
    colour = looks(brightness=0.4, contrast=0.2, saturation=1.0)["colour"]
    for factor, width in zip(colour.T, (0.4, 0.2, 1.0), strict=True):
        assert_moments(factor, 1, width**2 / 3)
        assert np.abs(factor - 1).max() <= width + 1e-6
    assert (looks(50, contrast=0.2)["colour"][:, [0, 2]] == 1).all()


def test_rectangles():
    erased = looks(erase_probability=0.25)["erased"]
    left, top, right, bottom = erased.T
    chosen = right > left
    assert_share(chosen, 0.25)
    assert not erased[~chosen].any()
    assert erased.min() >= 0
    assert erased.max() <= 1 + 1e-6
    share, aspect = (right - left) * (bottom - top), WIDTH * (right - left) / (HEIGHT * (bottom - top) + 1e-9)
    uncut = chosen & (right - left < 0.999) & (bottom - top < 0.999)
    assert uncut.sum() > 0.9 * chosen.sum()
    assert share[chosen].max() <= ERASED_SHARE[1] + 1e-6
    assert share[uncut].min() >= ERASED_SHARE[0] - 1e-6
    assert_share(share[chosen] < np.mean(ERASED_SHARE), 0.5)
    assert_share(aspect[chosen] < 1, np.log(1 / ERASED_ASPECT[0]) / np.log(ERASED_ASPECT[1] / ERASED_ASPECT[0]))
    room = 1 - (right - left)[uncut]
    assert_moments(left[uncut] / room, 0.5, 1 / 12)


@pytest.mark.parametrize("factors", [(1.0, 1.0, 1.0), (1.4, 1.0, 1.0), (1.0, 0.3, 1.0), (1.0, 1.0, 1.7),
                                     (0.7, 1.5, 0.0), (1.9, 0.2, 1.3)])
def test_colours_are_changed_as_torchvision_does(images, factors):
    planes = images.permute(0, 3, 1, 2).float()
    expected = planes / 255
    for change, factor in zip((functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation),
                              factors, strict=True):
        expected = change(expected, factor)
    found = recolour(planes, torch.tensor([factors]).expand(3, 3))
    torch.testing.assert_close(found, expected * 255, rtol=0, atol=0.1)  # its weights of grey have four digits


def test_each_image_has_its_own_factors(images):
    planes = images.permute(0, 3, 1, 2).float()
    colour = torch.tensor([[1.2, 0.8, 1.1], [1.0, 1.0, 1.0], [0.5, 1.9, 0.2]])
    together = recolour(planes, colour)
    for i in range(3):
        torch.testing.assert_close(together[i:i + 1], recolour(planes[i:i + 1], colour[i:i + 1]))
    torch.testing.assert_close(together[1], planes[1])


def test_a_rectangle_is_erased():
    images = torch.ones(2, 3, HEIGHT, WIDTH)
    erased = torch.tensor([[0.25, 0.5, 0.75, 1.0], [0, 0, 0, 0]])
    found = erase(images, erased)
    assert not found[0, :, 32:, 12:36].any()
    assert found[0].sum() == 3 * (HEIGHT * WIDTH - 32 * 24)
    assert torch.equal(found[1], images[1])


def test_what_the_network_gets(images):
    device = torch.device("cpu")
    assert torch.equal(network_input({"image": images}, device), normalise(images))
    colour, erased = torch.tensor([[1.5, 1.0, 1.0]] * 3), torch.tensor([[0.0, 0.0, 0.5, 0.5]] * 3)
    found = network_input({"image": images, "colour": colour, "erased": erased}, device)
    brighter = (images.float() * 1.5).clamp(0, 255)
    mean, std = (255 * torch.tensor(v) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    expected = ((brighter - mean) / std).permute(0, 3, 1, 2)
    expected[:, :, :HEIGHT // 2, :WIDTH // 2] = 0  # the mean colour
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
