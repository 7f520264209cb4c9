"""A record of a small network of the series, measured once, and the table around it."""

import pytest

from harness.architecture.measure import run_job
from harness.architecture.plan import architecture_job
from harness.plan import Options
from harness.record import RowFolder
from harness.registry import spec_data

SMALL = {"widths": [16, 32, 64, 128], "heads": [1, 2, 4, 8], "mlp_ratios": [4, 4, 4, 4], "num_classes": 10}
"""tcformer_light's blocks in the stand-in's widths."""


@pytest.fixture(scope="session")
def table():
    return spec_data("tables", "table_s1")


@pytest.fixture(scope="session")
def profile():
    return spec_data("profiles", "architecture")


@pytest.fixture(scope="session")
def small_table(table):
    """A table of one row whose facts are those of TCFormer-Light, at small inputs."""
    row = {**table["rows"][0], "id": "small", "title": "Small", "model": "tcformer_small", "keypoints": 5,
           "classifier": {"builder": "tcformer.registry:tcformer_light", "args": SMALL, "head": "head"}}
    return {**table, "inputs": [[64, 64], [96, 64]], "rows": [row]}


@pytest.fixture(scope="session")
def small_job(small_table, profile, tmp_path_factory):
    return architecture_job(small_table, profile, small_table["rows"][0], Options(), tmp_path_factory.mktemp("runs"),
                            "cpu")


@pytest.fixture(scope="session")
def small_record(small_job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("row")
    return run_job(small_job, RowFolder(folder), folder, lambda *a: None)
