"""What is read off a built network: its modules and tensors, not the settings that it was asked for."""

import copy

import pytest
import torch
from torch import nn

from harness.architecture.plan import ArchitectureJob
from harness.architecture.tcformer_series import TCFORMER
from harness.errors import UserError
from tcformer.models import Classifier
from tests.architecture.conftest import SMALL


@pytest.fixture
def network():
    return Classifier(depths=(2, 3, 1, 2), **SMALL)


def test_stages_of_a_network(network):
    stages = TCFORMER.read(network, 64, 96)
    assert [stage.grid for stage in stages] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert [stage.tokens for stage in stages] == [384, 96, 24, 6]
    assert [stage.channels for stage in stages] == [16, 32, 64, 128]
    assert [stage.heads for stage in stages] == [1, 2, 4, 8]
    assert [stage.reduction for stage in stages] == [8, 4, 2, 1]
    assert [stage.expansion for stage in stages] == [4, 4, 4, 4]
    assert [(stage.blocks, stage.merging_blocks) for stage in stages] == [(2, 0), (2, 1), (0, 1), (1, 1)]


def test_the_modules_count_not_the_settings(network):
    network.block4.append(copy.deepcopy(network.block4[1]))
    network.block1[0].mlp.fc1 = nn.Linear(16, 48)
    network.block1[1].mlp.fc1 = nn.Linear(16, 48)
    for block in network.block1:
        block.mlp.dwconv.dwconv = nn.Conv2d(48, 48, 3, padding=1, groups=48)
        block.mlp.fc2 = nn.Linear(48, 16)
    stages = TCFORMER.read(network, 64, 64)
    assert stages[3].blocks == 2
    assert stages[0].expansion == 3


def test_blocks_that_differ_and_other_networks_are_refused(network):
    network.block1[1].attn.heads = 2
    with pytest.raises(UserError, match="blocks of stage 1 differ"):
        TCFORMER.read(network, 64, 64)
    with pytest.raises(UserError, match="Linear is no TCFormer backbone"):
        TCFORMER.read(nn.Linear(1, 1), 64, 64)


def test_numbers_of_tokens_can_be_set(network):
    TCFORMER.set_tokens(network, [256, 64, 64, 16])
    assert [stage.tokens for stage in TCFORMER.read(network, 64, 64)] == [256, 64, 64, 16]


def test_record_of_a_row(small_job, small_record):
    found = small_record["architecture"]
    assert list(found["stages"]) == ["64x64", "96x64"]
    classifier, pose = found["networks"]
    torch.manual_seed(0)
    network = Classifier(depths=(2, 2, 2, 2), **SMALL)
    assert classifier["parameters"] == sum(p.numel() for p in network.parameters())
    assert classifier["parameters"] - classifier["parameters_without_head"] == 128 * 10 + 10
    assert pose["parameters_without_head"] is None
    assert list(classifier["operations"]) == ["64x64"]
    assert list(pose["operations"]) == ["96x64"]
    assert classifier["operations"]["64x64"]["counted_share"] == 1
    assert small_record["status"] == "measured"
    assert small_record["key"] == small_job.key


def test_only_what_is_printed_otherwise_is_tried(small_record):
    """The printed blocks are those of this network; its grids are not."""
    trial, = small_record["architecture"]["trials"]
    assert trial["what"] == "tokens"
    assert trial["printed"] == trial["tokens"] == [256, 64, 64, 16]
    built = small_record["architecture"]["networks"][0]["operations"]["64x64"]
    assert trial["operations"]["macs"] > built["macs"]


def test_a_job_is_the_same_after_its_file(small_job):
    assert ArchitectureJob.from_json(small_job.to_json()) == small_job
