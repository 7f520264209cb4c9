"""What is exported of a row that was given another project's weights."""

import torch

from harness.zoo.exporting import Exported, contents
from tests.zoo.conftest import renamed, state_of

RECORD = {"key": "ab" * 32, "table": "table_s2", "profile": "paper", "row": "hrnet_w48", "code": {"commit": "c"},
          "model": {"name": "hrnet_small"}}


def test_foreign_weights_leave_under_our_keys_with_their_origin(saved, tmp_path):
    state = state_of("hrnet_small")
    path = saved({"meta": {"epoch": 210}, "state_dict": renamed(state, "head.", "keypoint_head.")})
    for weights, sha256 in (({"sha256": "1" * 64}, "1" * 64),
                            ({"sha256": "1" * 64, "source": {"file": "x.pth", "sha256": "2" * 64}}, "2" * 64)):
        found, meta = contents(Exported({**RECORD, "weights": weights}, path, tmp_path))
        assert found.keys() == state.keys()
        assert all(torch.equal(value, state[key]) for key, value in found.items())
        assert (meta["model"], meta["source"]["sha256"], meta["source"]["record"]) == ("hrnet_small", sha256, "ab" * 32)
