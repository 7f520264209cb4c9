import math

import pytest
import torch

from harness.data.targets import msra_targets
from harness.training.losses import LOSSES, cross_entropy_loss, mse_loss, to_heatmap


def gaussian(x=100.0, y=120.0, sigma=2.0):
    """One ideal target map (1, 1, 64, 48)."""
    return msra_targets(torch.tensor([[[x, y]]]), torch.ones(1, 1), 48, 64, sigma=sigma)[0]


def test_mse_by_hand():
    maps, target = torch.zeros(2, 3, 4, 5), torch.zeros(2, 3, 4, 5)
    target[0, 0] = 2.0
    target[1, 2] = 7.0
    weight = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])  # the 7s do not count, but their map does
    assert mse_loss(maps, target, weight).item() == pytest.approx(4 / 6)


def test_mse_has_no_gradient_where_the_weight_is_zero():
    maps = torch.randn(2, 3, 4, 5, requires_grad=True)
    weight = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    mse_loss(maps, torch.rand(2, 3, 4, 5), weight).backward()
    assert torch.equal(maps.grad.abs().sum(dim=(2, 3)) > 0, weight > 0)


def test_cross_entropy_is_least_for_the_target_itself_and_then_its_entropy():
    target = gaussian()
    share = target / target.sum()
    entropy = -(share * share.clamp_min(1e-30).log()).sum()
    ideal = cross_entropy_loss(share.clamp_min(1e-30).log(), target, torch.ones(1, 1))
    assert ideal.item() == pytest.approx(entropy.item(), rel=1e-5)
    flat = cross_entropy_loss(torch.zeros_like(target), target, torch.ones(1, 1))
    assert flat.item() == pytest.approx(math.log(48 * 64), rel=1e-5)
    assert ideal < flat


def test_cross_entropy_is_the_mean_over_labelled_points():
    target = gaussian().expand(2, 3, 64, 48)
    logits = torch.randn(2, 3, 64, 48)
    weight = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    each = [cross_entropy_loss(logits[b:b + 1, k:k + 1], target[:1, :1], torch.ones(1, 1)).item()
            for b, k in weight.nonzero().tolist()]
    assert cross_entropy_loss(logits, target, weight).item() == pytest.approx(sum(each) / 3, rel=1e-5)


def test_losses_of_disjoint_parts_add_up_to_the_whole_loss_or_average_to_it():
    """`train.parts` takes weight from points: mse stays a mean over all maps, cross entropy over labelled points."""
    maps, target = torch.randn(2, 5, 8, 6), torch.rand(2, 5, 8, 6)
    weight = torch.tensor([[1.0, 1, 0, 1, 1], [0, 1, 1, 1, 1]])
    hand = torch.tensor([1.0, 1, 0, 0, 0])
    parts = [weight * hand, weight * (1 - hand)]
    mse = [mse_loss(maps, target, part) for part in parts]
    assert sum(mse).item() == pytest.approx(mse_loss(maps, target, weight).item())
    entropy = [cross_entropy_loss(maps, target, part) * part.sum() for part in parts]
    assert (sum(entropy) / weight.sum()).item() == pytest.approx(cross_entropy_loss(maps, target, weight).item())


@pytest.mark.parametrize("nothing", ["weight", "target"])
def test_cross_entropy_of_nothing_is_zero_with_a_gradient(nothing):
    logits = torch.randn(2, 3, 8, 6, requires_grad=True)
    target, weight = torch.ones(2, 3, 8, 6), torch.ones(2, 3)
    (weight if nothing == "weight" else target).zero_()
    loss = cross_entropy_loss(logits, target, weight)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_descent_on_a_loss_finds_the_target(name):
    """The whole road: minimise the loss on free maps, then decode as at test."""
    target = gaussian(sigma=1.5)
    maps = torch.zeros_like(target, requires_grad=True)
    optimizer = torch.optim.Adam([maps], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        LOSSES[name](maps, target, torch.ones(1, 1)).backward()
        optimizer.step()
    found = to_heatmap(maps.detach(), name, 1.5)
    assert found.flatten().argmax() == target.flatten().argmax()
    assert found.max().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0])
def test_an_ideal_softmax_becomes_a_gaussian_with_peak_one(sigma):
    target = gaussian(sigma=sigma)
    maps = to_heatmap((target / target.sum()).clamp_min(1e-30).log(), "cross_entropy", sigma)
    torch.testing.assert_close(maps, target, atol=0.02, rtol=0)


def test_an_answer_sharper_than_the_target_has_peak_one_and_keeps_its_maximum():
    logits = torch.zeros(1, 2, 64, 48)
    logits[0, 0, 30, 20], logits[0, 0, 30, 21] = 20.0, 19.0
    maps = to_heatmap(logits, "cross_entropy", 2.0)
    assert maps[0, 0].max() == 1
    assert (maps[0, 0] == 1).sum() == 1
    assert maps[0, 0, 30, 20] == 1
    assert maps[0, 1].max() < 0.01  # a flat answer stays flat


def test_mse_outputs_are_heat_maps_as_they_are():
    output = torch.randn(2, 3, 4, 5)
    assert torch.equal(to_heatmap(output, "mse", 2.0), output)
    assert to_heatmap(output.half(), "mse", 2.0).dtype == torch.float32
