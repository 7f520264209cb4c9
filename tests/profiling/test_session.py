"""Records of the smallest networks, measured in this process."""

import json

import pytest
import torch

from harness.profiling.latency import Runner
from harness.profiling.rounds import OutOfMemory
from harness.profiling.session import measure
from harness.profiling.subjects import Settings, Subject

THREADS = torch.get_num_threads()
SMALL = Subject("hrnet_small", (64, 64))


def test_a_record_of_two_networks(local):
    subjects = [Subject("tcformer_small", (64, 64)), SMALL, Subject("hrnet_small", (64, 64), what="training"),
                Subject("tcformer_small", (64, 64), what="clustering")]
    told = []
    record = measure(subjects, Settings(threads=THREADS, rounds=3, layers=True), told.append, local)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    first, second, third, fourth = record["rows"]
    assert [row["status"] for row in record["rows"]] == ["measured"] * 4
    assert [row["ratio"]["to"] for row in record["rows"]] == [0, 0, 2, 3]
    assert first["ratio"]["median"] == third["ratio"]["median"] == 1
    assert len(second["samples_ms"]) == second["ratio"]["rounds"] == 3
    assert first["samples"] == 3 * first["warm_up"]["calls"]
    assert first["images_per_second"] == pytest.approx(1e3 / first["median_ms"])
    assert [layers["model"] for layers in record["layers"]] == ["tcformer_small", "hrnet_small"]
    assert record["layers"][0]["whole"][0]["row"] == 0
    assert first["peak_bytes"] >= first["before_bytes"] > 1e8
    assert fourth["peak_bytes"] is None
    assert record["settings"]["images"] == "drawn people"
    assert record["machine"]["threads"] == THREADS
    assert "round 3 of 3" in told


def test_heat_maps_are_held_against_the_first_row_of_the_same_network(local):
    subjects = [SMALL, Subject("hrnet_small", (64, 64), precision="bf16"), Subject("sbl_small", (64, 64)),
                Subject("hrnet_small", (64, 64), mode="fast")]
    rows = measure(subjects, Settings(threads=THREADS, rounds=1), start=local)["rows"]
    assert [row["difference"] and row["difference"]["to"] for row in rows] == [None, 0, None, 0]
    rounded, same = rows[1]["difference"], rows[3]["difference"]
    assert 1e-4 * rounded["value"] < rounded["largest"] < 0.1 * rounded["value"]
    assert rounded["median"] < rounded["largest"]
    assert same["largest"] < 1e-4 * same["value"]


def test_out_of_memory_is_a_row_and_the_others_go_on(local, monkeypatch):
    prepare = Runner._prepare

    def limited(self, crops, weights):
        if len(crops) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 TiB\nmore")
        prepare(self, crops, weights)

    monkeypatch.setattr(Runner, "_prepare", limited)
    large = Subject("hrnet_small", (64, 64), batch=2)
    lost, kept = measure([large, SMALL], Settings(threads=THREADS, rounds=1), start=local)["rows"]
    assert lost["status"] == "out of memory"
    assert lost["median_ms"] is lost["ratio"] is None
    assert lost["notes"] == ["CUDA out of memory. Tried to allocate 2 TiB"]
    assert kept["status"] == "measured"


def test_out_of_memory_in_the_rounds_is_a_row_without_times(local):
    class Failing(local):
        asked = 0

        def ask(self, do, **request):
            self.asked += do == "block"
            if self.asked > 4:
                raise OutOfMemory
            return [200.0] if do == "block" else super().ask(do, **request)

    (row,) = measure([SMALL], Settings(threads=THREADS, rounds=5), start=Failing)["rows"]
    assert row["status"] == "out of memory"
    assert row["samples_ms"] == []
    assert row["images_per_second"] is None
