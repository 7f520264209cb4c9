"""Runs that several tests look at."""

import os
import shutil
from pathlib import Path

import pytest

from tests.helpers import harness

FEW = ["--set", "train.steps_per_epoch=1", "--set", "train.batch_size=2"]


@pytest.fixture(scope="session")
def smoke_results(tmp_path_factory) -> Path:
    """The results folder of `harness run table_s2 --profile smoke`: read it, do not change it."""
    results = tmp_path_factory.mktemp("smoke") / "runs"
    done = harness("run", "table_s2", "--profile", "smoke", "--results", results, "--device", "cpu")
    assert done.returncode == 0, done.stderr + done.stdout
    return results


@pytest.fixture
def own_results(smoke_results, tmp_path) -> Path:
    """A copy of the smoke run that a test may change (data linked, not copied)."""
    results = tmp_path / "runs"

    def without_data(folder, names):
        return ["data"] if folder == str(smoke_results) else []

    shutil.copytree(smoke_results, results, ignore=without_data)
    os.symlink(smoke_results / "data", results / "data")
    return results
