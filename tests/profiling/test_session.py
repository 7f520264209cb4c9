"""Records of the smallest networks, measured in this process."""

import contextlib
import json

import pytest
import torch

from harness.errors import UserError
from harness.profiling import telemetry
from harness.profiling.latency import Runner
from harness.profiling.rounds import OutOfMemory
from harness.profiling.seen import Seen
from harness.profiling.session import Session, measure
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
    assert [row["memory"] is None for row in record["rows"]] == [False, False, False, True]
    assert third["memory"]["parts"]["optimiser"] > first["memory"]["parts"]["optimiser"] == 0
    assert [len(row["telemetry"]["others_cores"]) for row in record["rows"]] == [3] * 4
    assert record["cut_short"] is None
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


def ending(local, error, after):
    """A worker whose blocks end with an error after so many."""
    class Ending(local):
        asked = 0

        def ask(self, do, **request):
            if do != "block":
                return super().ask(do, **request)
            self.asked += 1
            if self.asked > after:
                raise error
            return [200.0] * request["calls"]

    return Ending


def test_a_device_that_is_lost_leaves_the_finished_rounds(local):
    """The first three blocks warm up."""
    lost = ending(local, UserError("hrnet_small 64x64: CUDA error: unspecified launch failure"), after=5)
    record = measure([SMALL], Settings(threads=THREADS, rounds=9), start=lost)
    (row,) = record["rows"]
    assert (row["status"], len(row["samples_ms"]), row["median_ms"]) == ("measured", 2, 200.0)
    assert row["notes"] == ["failed after 2 of 9 rounds: CUDA error: unspecified launch failure"]
    assert record["cut_short"].startswith("after 2 of 9 rounds: hrnet_small")
    with pytest.raises(UserError, match=r"after 0 of 9 rounds.*launch failure"):
        measure([SMALL], Settings(threads=THREADS, rounds=9), start=ending(local, UserError("A: launch failure"), 3))


def test_an_interruption_leaves_the_finished_rounds(local):
    record = measure([SMALL], Settings(threads=THREADS, rounds=9), start=ending(local, KeyboardInterrupt(), after=5))
    assert record["cut_short"] == "interrupted after 2 of 9 rounds"
    assert [len(row["samples_ms"]) for row in record["rows"]] == [2]
    with pytest.raises(KeyboardInterrupt):
        measure([SMALL], Settings(threads=THREADS, rounds=9), start=ending(local, KeyboardInterrupt(), after=3))


def test_a_network_that_cannot_be_compiled_is_a_row_and_the_others_go_on(local, monkeypatch):
    def fail(self, images):
        raise ValueError("the compiler is not there")

    monkeypatch.setattr(Runner, "_first_of_form", fail)

    class Answering(local):
        def ask(self, do, **request):
            try:
                return super().ask(do, **request)
            except ValueError as error:  # as a worker's other end says it
                raise UserError(f"{Subject('hrnet_small', (64, 64), mode='compile').title}: {error}") from None

    subjects = [Subject("hrnet_small", (64, 64), mode="compile"), SMALL]
    refused, kept = measure(subjects, Settings(threads=THREADS, rounds=1), start=Answering)["rows"]
    assert (refused["status"], refused["notes"]) == ("failed", ["the compiler is not there"])
    assert kept["status"] == "measured"
    with pytest.raises(UserError, match="compiler"):  # the package's own form falls back by itself: this is a mistake
        measure([Subject("hrnet_small", (64, 64), mode="fast")], Settings(threads=THREADS), start=Answering)


def test_blocks_are_watched_and_throttled_ones_left_out(local, monkeypatch):
    """Of a card that is throttled from the second round on."""
    monkeypatch.setattr(telemetry, "PAUSE", 0.0)

    class Card:
        blocks = 0

        @contextlib.contextmanager
        def block(self):
            seen = Seen()
            yield seen
            self.blocks += 1
            seen.values = {"sm_mhz": 1980}
            seen.throttled = ("HW slowdown",) if self.blocks > 1 else ()

        def about(self):
            return {"source": "NVML", "processes_before": []}

    session = Session(Settings(threads=THREADS, rounds=2), lambda text: None, local, lambda device, own: Card())
    ((found,), _) = session.measure([SMALL])
    assert [len(block) > 0 for block in found.rounds] == [True, False]
    assert found.log.columns() == {"sm_mhz": [1980, None]}
    assert "1 round(s) have none for it" in found.notes[-1]
    assert found.status == "measured"
