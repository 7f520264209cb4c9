"""Suites, their records, and the words and pages made of them."""

import pytest

from harness.cli import profiled
from harness.errors import UserError
from harness.files import write_json
from harness.profiling import suite as suites
from harness.profiling.page import page_text
from harness.profiling.suite import load_suite, read_records, save_group, usable_groups
from harness.profiling.words import lines, significant, table
from harness.published import load_facts
from tests.helpers import ROOT, harness


@pytest.fixture(scope="module")
def speed():
    return load_suite("speed")


def test_the_suite_names_what_exists(speed):
    facts = {fact.id: fact for fact in load_facts("speed")}
    named = [group.published for group in speed.groups if group.published]
    assert set(named) == set(facts)
    for group in speed.groups:
        if group.published:
            fact = facts[group.published]
            assert {s.input for s in group.subjects} == {fact.input}
            assert {s.batch for s in group.subjects} == {int(fact.values["batch"])}
            assert fact.conditions
    assert len({group.id for group in speed.groups}) == len(speed.groups)
    assert {group.against for group in speed.groups if group.device == "cpu"} == {"141b439"}


def test_what_this_machine_lacks_is_said(speed, monkeypatch):
    monkeypatch.setattr(suites, "cuda_device_count", lambda: 0)
    lacking = {group.id: lack for group, lack in usable_groups(speed, None, "auto")}
    assert lacking["large_inference_16"] == "needs a CUDA device"
    assert lacking["base_cpu_1"] == ""
    assert [g.id for g, _ in usable_groups(speed, "base_cpu_1", "auto")] == ["base_cpu_1"]
    with pytest.raises(UserError, match=r"unknown group 'base_cpu'.*base_cpu_1"):
        list(usable_groups(speed, "base_cpu", "auto"))


def test_a_group_takes_its_place_in_the_machines_record(speed, make_record, make_row, tmp_path):
    path = tmp_path / "machine.json"
    first, second = speed.groups[:2]
    save_group(path, speed, first, make_record([make_row(median=1.0)]))
    save_group(path, speed, second, make_record([make_row(median=2.0)]))
    save_group(path, speed, first, make_record([make_row(median=3.0)]))
    (found,) = read_records(tmp_path)
    assert {name: r["rows"][0]["median_ms"] for name, r in found["groups"].items()} == {first.id: 3.0, second.id: 2.0}
    assert read_records(tmp_path / "missing") == []


@pytest.mark.parametrize("content", [{}, [], {"kind": "suite", "schema": 2, "groups": {}}])
def test_a_record_of_another_kind_is_left_alone(speed, make_record, make_row, tmp_path, content):
    write_json(tmp_path / "x.json", content)
    before = (tmp_path / "x.json").read_bytes()
    for use in (lambda: read_records(tmp_path),
                lambda: save_group(tmp_path / "x.json", speed, speed.groups[0], make_record([make_row()]))):
        with pytest.raises(UserError, match=r"x\.json"):
            use()
    assert (tmp_path / "x.json").read_bytes() == before


def test_the_page_says_what_was_not_measured_and_what_fills_it(speed):
    page = page_text(speed, [])
    for group in speed.groups:
        assert f"## {group.title}" in page
        assert f"`harness profile --suite speed --only {group.id} --page docs/speed.md` fills it" in page
    assert page.count("not measured: needs a CUDA device") == sum(g.device == "cuda" for g in speed.groups)


def test_the_page_sets_measured_beside_published(speed, make_record, make_row):
    group = next(g for g in speed.groups if g.id == "large_inference_16")
    rows = [make_row(median=14.05, path="CUDA graph", mode="fast", peak_bytes=2**30),
            make_row("hrnet_w48", median=15.0, ratio={"to": 0, "median": 1.07, "low": 1.0, "high": 1.1, "rounds": 9})]
    on = {gpu: page_text(speed, [{"groups": {group.id: make_record(rows, device="cuda", gpu=gpu)}}])
          for gpu in ("NVIDIA H100 80GB HBM3", "NVIDIA A100")}
    line = "| 281 ms (bf16) | 21 times the published code; no slower than HRNet-w48 in its best configuration | 14.1 ms"
    assert all(line in page for page in on.values())
    assert "20 times as fast as the published code (another run)" in on["NVIDIA H100 80GB HBM3"]
    assert "as fast as the published code (another run)" not in on["NVIDIA A100"]  # another card
    assert "1.07 times as fast as hrnet_w48" in on["NVIDIA A100"]
    assert "1.00 GiB" in on["NVIDIA A100"]


def test_the_page_of_a_cpu_group(speed, make_record, make_row):
    ratio = {"to": 0, "median": 1.9, "low": 1.8, "high": 2.0, "rounds": 9}
    layers = {"model": "tcformer", "input": [64, 48], "batch": 1, "median_ms": 7.0,
              "whole": [{"row": 0, "median": 1.4, "low": 1.3, "high": 1.5, "rounds": 9}]}
    rows = [make_row(), make_row(median=19.0, ratio=ratio, revision="141b439" + "0" * 33)]
    page = page_text(speed, [{"groups": {"base_cpu_1": make_record(rows, [layers])}}])
    assert "1.9 times as fast as commit 141b439" in page
    assert "1.4 times its convolutions and linear layers alone" in page
    assert "| tcformer | 64x48 | 1 | fp32 | eager, 141b439 | 19 | 1.9 (1.8-2) |" in page
    assert "PyTorch 2.11.0" in page


def test_the_page_in_the_repository_is_that_of_its_records(speed):
    assert (ROOT / "docs" / "speed.md").read_text() == page_text(speed, read_records(ROOT / "results" / "speed"))


def test_words_of_a_record(make_record, make_row):
    rows = [make_row(p90_ms=12.0), make_row(mode="fast", path="plain", notes=["a warning"], before_bytes=2**29,
                                            peak_bytes=2**30, warm_up={"blocks": 20, "stable": False, "calls": 1}),
            make_row(precision="bf16", difference={"to": 0, "median": 1e-3, "largest": 0.02, "value": 0.5}),
            make_row(status="out of memory", median_ms=None, ratio=None, images_per_second=None)]
    cells = table(make_record(rows))
    assert cells[0][-3] == "1"
    assert cells[1][4] == "fast (fell back to eager)"
    assert "out of memory" in cells[3]
    text = "\n".join(lines(make_record(rows)))
    for words in ("p90, ms: tcformer 64x48 batch 1 fp32 eager 12", "p90: needs 100 samples, more than 2 row(s)",
                  "p99: needs 1000 samples, more than 3 row(s)", "not stable after 20 warm-up blocks", "a warning",
                  "1.0e-03 in the median and by at most 2.0e-02 from those of row 1, which reach 5.0e-01",
                  "0.50 GiB of it", "CPU, 2 thread(s)", "commit abcdef0",
                  "to the first result, from the network built, s: tcformer 64x48 batch 1 fp32 fast (fell"):
        assert words in text
    assert "cut short" not in text
    assert "cut short: after 2 of 9 rounds" in list(lines(make_record(rows) | {"cut_short": "after 2 of 9 rounds"}))
    assert "training step" not in text


def test_former_names_of_modes_are_read(make_record, make_row):
    rows = [make_row(mode="plain", path="plain"), make_row(mode="compile", path="compile"),
            make_row(mode="compile", path="in pieces"), make_row(mode="graph", path="CUDA graph"),
            make_row(mode="fast", path="compiled", what="training")]
    assert [cells[4] for cells in table(make_record(rows))] == [
        "eager", "compile", "compile (in pieces)", "graph", "training (compiled)"]


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1234"), (123.4, "123"), (12.34, "12.3"), (0.01234, "0.0123"),
                                             (None, "-")])
def test_three_digits(value, text):
    assert significant(value) == text


def test_a_suite_keeps_what_it_measured_when_a_group_fails(speed, make_record, make_row, tmp_path, monkeypatch, capsys):
    def run_group(group, threads, rounds, images, tell):
        if group.id == "base_cpu_1":
            raise UserError("that commit is gone")
        return make_record([make_row("tcformer_large", median=7.0)])

    monkeypatch.setattr(suites, "cuda_device_count", lambda: 0)
    monkeypatch.setattr(suites, "run_group", run_group)
    with pytest.raises(UserError, match=r"1 group\(s\) of suite speed failed: base_cpu_1"):
        profiled.run_suite("speed", None, "auto", None, 5, None, tmp_path, json_output=False)
    shown = capsys.readouterr()
    assert "base_cpu_1: failed: that commit is gone" in shown.err
    assert "large_inference_16: not measured: needs a CUDA device" in shown.err
    assert "tcformer_large" in shown.out
    (found,) = read_records(tmp_path)
    assert list(found["groups"]) == ["large_cpu_1"]
    assert "not measured: has not been run yet" in page_text(speed, [found])


def test_the_command_writes_a_page_without_measuring(tmp_path):
    done = harness("profile", "--page", tmp_path / "speed.md", "--records", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not measured" in (tmp_path / "speed.md").read_text()
