"""Runs that several tests look at."""

import os
import shutil
from pathlib import Path

import pytest

from harness.files import locked
from tests.helpers import harness

FEW = ["--set", "train.steps_per_epoch=1", "--set", "train.batch_size=2"]


@pytest.fixture(scope="session")
def smoke_results(tmp_path_factory) -> Path:
    """The results folder of `harness run table_s2 --profile smoke`: read it, do not change it.

    It is made once for all processes that share the tests among them: the second finds it done.
    """
    own = tmp_path_factory.getbasetemp()
    results = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "smoke" / "runs"
    with locked(results.parent / "lock", "the smoke run", wait=True):
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
