from itertools import pairwise

import pytest

from harness.protocol import Train
from harness.training.schedule import learning_rate


def test_steps_and_warm_up_of_the_published_schedule():
    train = Train()
    assert learning_rate(train, 0, 100) == pytest.approx(5e-4 * 0.001)
    assert learning_rate(train, 250, 100) == pytest.approx(5e-4 * (0.001 + 0.999 * 0.5))
    assert learning_rate(train, 500, 100) == pytest.approx(5e-4)
    assert learning_rate(train, 170 * 100 - 1, 100) == pytest.approx(5e-4)
    assert learning_rate(train, 170 * 100, 100) == pytest.approx(5e-5)
    assert learning_rate(train, 200 * 100, 100) == pytest.approx(5e-6)


def test_cosine_falls_to_zero():
    train = Train(schedule="cosine", epochs=10, milestones=(), warmup_steps=0, lr=1.0)
    rates = [learning_rate(train, step, 10) for step in range(101)]
    assert rates[0] == 1
    assert rates[50] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0)
    assert all(a >= b for a, b in pairwise(rates))
