import pytest
import torch
from accelerate.state import AcceleratorState
from torch import nn

from harness.protocol import Train
from harness.training.checkpoints import TrainingFolder
from harness.training.loop import Setting, Told, fit, make_accelerator


class Points(torch.utils.data.Dataset):
    """Samples that depend on seed, epoch and index: y = 3x, with noise."""

    def __init__(self, size=23, seed=0):
        self.size, self.seed = size, seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def __len__(self):
        return self.size

    def set_epoch(self, epoch):
        self._epoch.fill_(epoch)

    def __getitem__(self, index):
        rng = torch.Generator().manual_seed(1_000_000 * self.seed + 1000 * int(self._epoch) + index)
        x = torch.randn(8, generator=rng)
        return {"x": x, "y": 3 * x[:2]}

    def broken_report(self):
        return []


class LineLesson:
    """A network with dropout learns a line: the loop's own behaviour, without images."""

    unit, score, whole_steps = "points", "accuracy", False

    def __init__(self, samples, train, clip_norm=None):
        self.samples, self.train, self.clip_norm = samples, train, clip_norm

    def optimizer(self, model):
        return torch.optim.AdamW(model.parameters(), lr=self.train.lr)

    def set_rate(self, optimizer, step, steps):
        for group in optimizer.param_groups:
            group["lr"] = self.train.lr / (1 + step)

    def loss(self, model, batch, accelerator, step, part):
        with accelerator.autocast():
            output = model(batch["x"])
        return (output.float() - batch["y"]).square().mean()


@pytest.fixture
def make_training(tmp_path):
    """A function that trains in a folder of that name and returns weights and result."""

    def train(name, told=None, network=None, samples=None, force=False, code="c", seed=0, **settings):
        values = {"epochs": 3, "batch_size": 4, "lr": 1e-2, "milestones": (), **settings}
        course = Train(**values)
        AcceleratorState._reset_state()  # else the first training of a process settles the precision of all
        torch.manual_seed(seed)
        model = network or nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
        lesson = LineLesson(samples or Points(seed=seed), course, course.clip_norm)
        setting = Setting(seed, {"model": "line"}, False, {"key": "k", "code": code}, force)
        result = fit(model, lesson, setting, TrainingFolder(tmp_path / name), make_accelerator("cpu", course.precision),
                     told or Told(say=lambda text: None))
        return {key: value.clone() for key, value in model.state_dict().items()}, result

    return train
