"""Optimizer, schedule, mixing and loss are timm's, as the protocol says."""

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from harness.classification.lesson import ClassLesson, rate_of
from harness.classification.protocol import Recipe, Train
from harness.classification.samples import TrainPictures, read_listing
from harness.errors import UserError
from tests.classification.conftest import QUICK

PLAIN = {"mix_probability": 0.0}


@pytest.fixture
def lesson_of(train_ref):
    def make(**sections):
        recipe = Recipe.model_validate({**QUICK, **sections})
        return ClassLesson(TrainPictures(read_listing(train_ref), recipe, seed=0), recipe, seed=0)
    return make


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.fc = nn.BatchNorm2d(3), nn.Linear(3, 3)

    def forward(self, image):
        return self.fc(self.norm(image).mean((2, 3)))


def batch():
    torch.manual_seed(1)
    return torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 2, 0])


def test_the_cosine_of_the_paper():
    train = Train()
    assert rate_of(train, 0, 1251) == pytest.approx(1e-3)
    assert rate_of(train, 1250, 1251) == pytest.approx(1e-3)  # the rate changes once an epoch
    assert rate_of(train, 150 * 1251, 1251) == pytest.approx(5e-4)
    assert 0 < rate_of(train, 299 * 1251, 1251) < 1e-7


def test_the_warm_up_of_the_authors_code():
    train = Train(min_lr=1e-5, warmup_epochs=5, warmup_lr=1e-6)
    rates = [rate_of(train, epoch * 10, 10) for epoch in range(300)]
    assert rates[0] == pytest.approx(1e-6)
    assert rates[1] == pytest.approx(1e-6 + (1e-3 - 1e-6) / 5)
    assert max(rates) == rates[5] < 1e-3  # the warm-up is inside of the epochs
    assert rates[299] == pytest.approx(1e-5, rel=0.01)


def test_rates_do_not_depend_on_what_was_asked_before():
    train = Train(epochs=3, rate_by="step", warmup_epochs=1)
    forth = [rate_of(train, step, 4) for step in range(12)]
    assert [rate_of(train, step, 4) for step in reversed(range(12))] == forth[::-1]
    assert len(set(forth)) == 12


def test_biases_and_norms_do_not_decay(lesson_of):
    optimizer = lesson_of().optimizer(Net())
    decays = {parameter.shape: group["weight_decay"] for group in optimizer.param_groups
              for parameter in group["params"]}
    assert decays == {torch.Size([3]): 0.0, torch.Size([3, 3]): 0.05}
    assert optimizer.defaults["betas"] == (0.9, 0.999)
    assert isinstance(optimizer, torch.optim.AdamW)


def test_without_mixing_the_loss_is_smoothed_cross_entropy(lesson_of):
    images, labels = batch()
    net = Net()
    expected = nn.functional.cross_entropy(net(images), labels, label_smoothing=0.1)
    found = lesson_of(augment=PLAIN).loss(net, (images, labels), Accelerator(cpu=True), 0, 0)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_mixing_depends_on_seed_and_step_alone(lesson_of):
    lesson, accelerator = lesson_of(), Accelerator(cpu=True)
    losses = [lesson.loss(Net(), batch(), accelerator, step, 0).item() for step in (0, 1, 2, 0)]
    assert losses[0] == losses[3]
    assert len(set(losses)) == 3
    torch.manual_seed(7)
    before = torch.get_rng_state()
    lesson.loss(nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)), batch(), accelerator, 0, 0)
    torch.manual_seed(7)
    assert torch.equal(before, torch.get_rng_state())


def test_fewer_images_than_a_step_are_refused(lesson_of):
    with pytest.raises(UserError, match=r"9 images, fewer than one step of train\.batch_size=10"):
        lesson_of(train={"batch_size": 10, "processes": 1})
