"""What a row asks of a cluster."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.launch.resources import Resources, gib_of, minutes_of, sbatch_option

submitit = pytest.importorskip("submitit")


@pytest.mark.parametrize(("text", "minutes"), [
    ("90", 90), ("5:30", 6), ("01:30:00", 90), ("2-00", 2880), ("1-12:30", 2190), ("1-00:00:01", 1441),
    ("00:00:20", 1)])
def test_time_limits_are_read_as_slurm_reads_them(text, minutes):
    assert minutes_of(text) == minutes


@given(st.integers(0, 30), st.integers(0, 23), st.integers(0, 59))
def test_a_limit_of_days_hours_and_minutes(days, hours, minutes):
    total = (days * 24 + hours) * 60 + minutes
    if total:
        assert minutes_of(f"{days}-{hours}:{minutes:02}") == total


@pytest.mark.parametrize(("text", "gib"), [("64G", 64), ("64GB", 64), ("512M", 0.5), ("1.5T", 1536), ("2gib", 2)])
def test_sizes(text, gib):
    assert gib_of(text) == gib


@pytest.mark.parametrize(("read", "text"), [
    (minutes_of, "2 days"), (minutes_of, "0"), (minutes_of, "1-2-3"), (minutes_of, ""), (gib_of, "64"), (gib_of, "0G"),
    (gib_of, "lots"), (sbatch_option, "a b"), (sbatch_option, ""), (sbatch_option, "array=0-3"),
    (sbatch_option, "--time=3")])
def test_what_cannot_be_read_is_named(read, text):
    with pytest.raises(UserError, match=f" {re.escape(text)}: "):
        read(text)


def test_other_options_of_sbatch():
    assert sbatch_option("--constraint=a100") == ("constraint", "a100")
    assert sbatch_option("exclusive") == ("exclusive", "")


@pytest.mark.parametrize(("minutes", "seconds"), [(1, 15), (4, 60), (60, 180), (2880, 180)])
def test_jobs_are_told_in_time_to_save(minutes, seconds):
    assert Resources("main", minutes).warning_seconds == seconds


def test_submitit_makes_a_batch_file_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    resources = Resources("gpu", 1440, 8, 64, 100.0, "vision", "normal", (("constraint", "a100"), ("exclusive", "")))
    executor = submitit.AutoExecutor(tmp_path / "%j", cluster="slurm")
    executor.update_parameters(name="harness-table_s2", **resources.parameters())
    text = executor._executor._make_submission_file_text("true", "x")
    lines = {line for line in text.splitlines() if line.startswith("#SBATCH")}
    assert {f"#SBATCH --{option}" for option in (
        "partition=gpu", "time=1440", "gpus-per-node=8", "cpus-per-task=64", "mem=100GB", "account=vision",
        "qos=normal", "constraint=a100", "exclusive", "requeue", "signal=USR2@180", "nodes=1", "ntasks-per-node=1",
        "job-name=harness-table_s2")} <= lines
    assert resources.text() == ("partition gpu, at most 24 h at a time, 8 GPU(s), 64 core(s), 100 GiB, account vision, "
                                "qos normal, constraint a100, exclusive")
