"""SIGKILL: twice here, 20 times in `python -m tests.nightly.kills`."""

import pytest

from harness.data.sets import DataRef
from tests.training.killed import DRAWN, equal, kill_once, undisturbed


@pytest.mark.slow
def test_killed_twice_once_while_writing_it_ends_in_the_same_bits(tmp_path):
    data, network, epochs = tmp_path / "data", "hrnet_small", 15
    DataRef("synthetic", str(data), "train", DRAWN).open()
    straight = undisturbed(tmp_path / "straight", data, network, epochs)
    kill_once(tmp_path / "killed", data, network, epochs, 0.3, writing=False)
    kill_once(tmp_path / "killed", data, network, epochs, 0.1, writing=True)
    assert equal(straight, undisturbed(tmp_path / "killed", data, network, epochs))
    assert not list((tmp_path / "killed").glob(".*.part"))
