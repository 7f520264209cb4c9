"""Where the bytes of a call go: counted by hand on small functions, and in sum on networks."""

from dataclasses import asdict, replace

import pytest
import torch

from harness.profiling import memory, pictures
from harness.profiling.latency import Runner
from harness.profiling.memory import GRADIENTS, SAVED, TEMPORARY, Tracker, call_peak, forget_peak, parts
from harness.profiling.memory_words import headings, memory_lines, table
from harness.profiling.session import with_workspace
from harness.profiling.subjects import Subject
from harness.profiling.worker import resident_peak

FLOAT = 4
SMALL = Subject("sbl_small", (64, 64), batch=2)


@pytest.fixture(scope="module")
def crops():
    return pictures.crops(None, 2, 64, 64)


def test_the_peak_is_what_is_alive_at_one_time():
    """Three vectors are made, of which two live together; views and what is done in place take nothing."""
    x = torch.ones(1000)
    with torch.inference_mode(), Tracker([x]) as tracker:
        y = x + 1
        z = y * 2
        del y
        z.view(10, 100).add_(1)
        w = z[:500] + 1
        del w, z
    assert tracker.peak == {TEMPORARY: 2 * 1000 * FLOAT, SAVED: 0, GRADIENTS: 0}
    assert sum(tracker.now.values()) == 0


def test_a_result_that_outlives_the_tracker_is_no_error():
    with Tracker([]) as tracker:
        x = torch.ones(10)
    del x
    assert tracker.peak[TEMPORARY] == 10 * FLOAT


def test_what_a_tensor_is_can_be_said_later():
    with Tracker([]) as tracker:
        x, y = torch.ones(10), torch.ones(20)
        tracker.mark(x, SAVED)
    assert tracker.now == {TEMPORARY: 20 * FLOAT, SAVED: 10 * FLOAT, GRADIENTS: 0}
    assert tracker.peak == tracker.now
    known = torch.ones(5)
    tracker = Tracker([known])
    tracker.mark(known, SAVED)
    assert tracker.now[SAVED] == 0
    del y


@pytest.mark.parametrize("name", ["sbl_small", "tcformer_small"])
def test_parts_of_inference(crops, name):
    runner = Runner(replace(SMALL, model=name), crops, "cpu")
    found = parts(runner)
    assert found == parts(runner)
    assert found.parameters == sum(p.numel() for p in runner.model.parameters()) * FLOAT
    assert found.inputs == 2 * 3 * 64 * 64 * FLOAT
    heat_maps = 2 * 133 * 16 * 16 * FLOAT
    assert heat_maps < found.activations < 50 * heat_maps
    assert found.temporary == found.gradients == found.optimiser == 0
    twice = parts(Runner(replace(SMALL, model=name, batch=4), crops.repeat(2, axis=0), "cpu"))
    assert twice.parameters == found.parameters
    assert twice.activations == pytest.approx(2 * found.activations, rel=0.05)


def test_parts_of_a_training_step_add_up_to_its_peak(crops):
    """AdamW holds two moments for each parameter; gradients are all there at the end of backward."""
    found = parts(Runner(replace(SMALL, what="training"), crops, "cpu"))
    assert found.optimiser == pytest.approx(2 * found.parameters, rel=1e-3)
    assert 0 <= found.gradients <= found.parameters
    assert found.total == sum(asdict(found).values())
    large = parts(Runner(replace(SMALL, what="training", input=(256, 192)), pictures.crops(None, 2, 256, 192), "cpu"))
    assert large.activations > large.temporary > 0  # of a large input the peak is where backward begins


def test_compiled_and_packed_networks_show_no_tensors(crops):
    assert parts(Runner(replace(SMALL, mode="fast"), crops, "cpu")) is None
    assert parts(Runner(replace(SMALL, model="tcformer_small", what="clustering"), crops, "cpu")) is None


@pytest.mark.skipif(not forget_peak(), reason="/proc/self/clear_refs cannot be written")
def test_the_peak_of_a_call_is_not_that_of_the_process(crops):
    large = torch.ones(2**26)  # 256 MiB
    before = resident_peak()
    del large
    runner = Runner(SMALL, crops, "cpu")
    found = call_peak(runner)
    assert found["reserved_bytes"] is None
    assert found["peak_bytes"] < before - 2**27
    runner.call = lambda: torch.ones(2**26)
    assert call_peak(runner)["peak_bytes"] > found["peak_bytes"] + 2**27


def test_a_peak_that_cannot_be_begun_anew_is_not_known(crops, monkeypatch):
    monkeypatch.setattr(memory, "forget_peak", lambda: False)
    assert call_peak(Runner(SMALL, crops, "cpu")) == {"peak_bytes": None, "reserved_bytes": None}


def test_the_allocators_peak_on_cuda(crops, monkeypatch):
    """A card of which the driver's calls are made up."""
    asked = []
    for name, value in (("synchronize", None), ("reset_peak_memory_stats", None), ("max_memory_allocated", 300),
                        ("max_memory_reserved", 500)):
        monkeypatch.setattr(torch.cuda, name, lambda name=name, value=value: asked.append(name) or value)
    runner = Runner(SMALL, crops, "cpu")
    runner.device = "cuda"
    runner.output = lambda: asked.append("call")
    assert call_peak(runner) == {"peak_bytes": 300, "reserved_bytes": 500}
    assert asked.index("reset_peak_memory_stats") < asked.index("call") < asked.index("max_memory_allocated")


def test_words_of_memory(make_record, make_row):
    mib = 2**20
    known = {"parameters": 10 * mib, "buffers": 0, "inputs": mib, "activations": 4 * mib, "temporary": 0,
             "gradients": 0, "optimiser": 0}

    def row(parts, peak, before=0, reserved=None, **values):
        memory = with_workspace({"parts": parts, "peak_bytes": peak * mib, "reserved_bytes": reserved}, before * mib)
        return make_row(memory=memory, before_bytes=before * mib, **values)

    rows = [row(known, 120, 100), row(None, 118, 100, mode="fast"), make_row(memory=None)]
    assert headings(rows)[1:] == ["Params", "Buffers", "Inputs", "Activ.", "Workspace", "Peak"]
    first, second = table(make_record(rows))
    assert first[1:] == ["10.0", "0.0", "1.0", "4.0", "5.0", "20.0"]
    assert second[1:] == ["-"] * 5 + ["18.0"]
    assert any(line.startswith("-: what is compiled") for line in memory_lines(make_record(rows)))
    assert "Grads" in headings([make_row(what="training")])
    on_card = [row(known, 20, reserved=24 * mib)]
    assert "holds 4 MiB more" in "\n".join(memory_lines(make_record(on_card, device="cuda")))
    assert list(memory_lines(make_record([make_row()]))) == []
