"""A user's own model, data set and table, through entry points of an installed package."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.helpers import ROOT, assert_user_error, harness

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """An environment in which the tiny package of tests/plugin_package is installed."""
    target = tmp_path_factory.mktemp("site")
    source = target / "source"
    shutil.copytree(ROOT / "tests" / "plugin_package", source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target",
               str(target / "packages"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {"PYTHONPATH": f"{target / 'packages'}:{ROOT}"}


def test_plugins_are_listed_and_a_broken_one_is_not_fatal(plugin):
    assert "example_net" in harness("list", "models", env=plugin).stdout
    assert "example_people" in harness("list", "datasets", env=plugin).stdout
    done = harness("list", "tables", env=plugin)
    assert done.returncode == 0
    assert "example_table" in done.stdout
    assert "BROKEN" in done.stdout
    assert "table_s2" in done.stdout
    assert_user_error(harness("describe", "example_broken", env=plugin), "example_broken")
    assert "example_broken" in harness("doctor", env=plugin).stdout


def test_the_conformance_check_passes_and_fails(plugin, smoke_results):
    assert harness("check", "example_net", env=plugin).returncode == 0
    wrong = harness("check", "example_wrong_net", env=plugin)
    assert wrong.returncode == 1
    assert "expected (2, 133, 32, 24)" in wrong.stdout
    assert harness("check", "example_table", env=plugin).returncode == 0
    root = next((smoke_results / "data").glob("synthetic-*"))
    assert harness("check", "example_people", "--data-root", root, env=plugin).returncode == 0
    looked = harness("data", "verify", "example_people", "--data-root", root, env=plugin)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert "example_people" in harness("data", "describe", "example_people", env=plugin).stdout


def test_a_users_table_runs_with_a_users_model_on_a_users_data(plugin, smoke_results, tmp_path):
    root = next((smoke_results / "data").glob("synthetic-*"))
    done = harness("run", "example_table", "--profile", "smoke", "--data", "example_people", "--data-root", root,
                   "--results", tmp_path / "runs", "--device", "cpu", env=plugin)
    assert done.returncode == 0, done.stderr
    assert "A user's own table" in done.stdout
    record = json.loads(next((tmp_path / "runs").glob("example_table/smoke/own-*/record.json")).read_text())
    assert record["model"]["name"] == "example_net"
    assert record["data"]["eval"]["dataset"] == "example_people"
