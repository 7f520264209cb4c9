"""Operations, parameters, memory and single sessions: what is exact, what has a tolerance, and what is not judged."""

import pytest

from harness.files import write_json
from harness.gate.exact import CPU_LEAST, CPU_TOLERANCE, CUDA_TOLERANCE, RUN_TOLERANCE
from harness.gate.findings import BETTER, CANNOT_TELL, MEMORY, NOT_COMPARABLE, OPERATIONS, SAME, SPEED, WORSE
from harness.gate.sides import resolve
from harness.gate.stored import compare_stored
from tests.gate.results_on_disk import MACHINE, profile, profile_row, write_row

KINDS = (SPEED, MEMORY, OPERATIONS)
GPU = {"device": "cuda", "machine": {"gpu": "Example GPU", "gpus": 1}}


def rows(tmp_path, base=None, candidate=None):
    """Findings by metric of one row, made with other values on either side."""
    folders = tmp_path / "base", tmp_path / "candidate"
    for folder, changes in zip(folders, (base, candidate), strict=True):
        write_row(folder, **(changes or {}))
    found = compare_stored(*(resolve(str(folder)) for folder in folders), kinds=KINDS)
    return {finding.metric: finding for finding in found.findings}


def profiles(tmp_path, base, candidate):
    """Findings by row and metric of two records."""
    paths = tmp_path / "base.json", tmp_path / "candidate.json"
    for path, data in zip(paths, (base, candidate), strict=True):
        write_json(path, data)
    found = compare_stored(*(resolve(str(path)) for path in paths))
    return found, {(finding.row, finding.metric): finding for finding in found.findings}


@pytest.mark.parametrize(("change", "verdict"), [(0, SAME), (1, WORSE), (-1, BETTER)])
def test_counts_are_exact(tmp_path, change, verdict):
    found = rows(tmp_path, candidate={"model": {"parameters": 1_234_567 + change, "gmacs": 0.456 + change / 1e9}})
    for metric, count in (("parameters", 1_234_567), ("multiply-adds", 456_000_000)):
        one = found[metric]
        assert (one.verdict, one.base, one.candidate, one.margin) == (verdict, count, count + change, 0)
        assert one.change == pytest.approx(change / count)
        assert "exact" in one.reason


@pytest.mark.parametrize(("changes", "words"), [
    ({"model": {"gmacs_counted_share": 0.97, "gmacs_uncounted": {"addcmul": 3}}}, "100.00%, then 97.00% (not addcmul)"),
    ({"protocol": {"crop": {"height": 384, "width": 288}}}, "input: 256x192, then 384x288"),
    ({"data": {"eval": {"layout": "lsp"}}}, "key points: coco-wholebody, then lsp"),
    ({"model": {"gmacs": None}}, "only one side was counted"),
])
def test_counts_of_other_things_are_not_compared(tmp_path, changes, words):
    found = rows(tmp_path, candidate=changes)["multiply-adds"]
    assert (found.verdict, found.change) == (NOT_COMPARABLE, None)
    assert words in found.reason


def test_parameters_do_not_depend_on_what_was_counted_of_the_operations(tmp_path):
    assert rows(tmp_path, candidate={"model": {"gmacs_counted_share": 0.97}})["parameters"].verdict == SAME


@pytest.mark.parametrize(("device", "share", "verdict"), [
    ({}, RUN_TOLERANCE * 0.99, SAME), ({}, -RUN_TOLERANCE * 0.99, SAME), ({}, RUN_TOLERANCE * 1.01, WORSE),
    ({}, -RUN_TOLERANCE * 1.01, BETTER), (GPU, CUDA_TOLERANCE * 0.9, SAME), (GPU, CUDA_TOLERANCE * 1.1, WORSE),
])
def test_memory_of_a_run_has_a_tolerance(tmp_path, device, share, verdict):
    found = rows(tmp_path, device, {**device, "memory": {"peak_bytes": round(2**30 * (1 + share))}})["peak memory"]
    assert (found.verdict, found.unit) == (verdict, "bytes")
    assert found.change == pytest.approx(share, rel=1e-6)
    assert f"{found.margin:.1%} of the" in found.reason


@pytest.mark.parametrize(("changes", "words"), [
    ({"machine": {"processor": "Other CPU"}}, "processor: Example CPU, then Other CPU"),
    ({"machine": {"threads": 8}}, "threads: 2, then 8"),
    (GPU, "device: cpu, then cuda"),
    ({"protocol": {"test": {"batch_size": 1}}}, "batch: 32, then 1"),
    ({"protocol": {"crop": {"width": 96}}}, "input width"),
    ({"hashes": {"evaluate": "9" * 64}}, "content of the data"),
    ({"times": {"train_s": 0.6}}, "the base's process trained and tested, the candidate's only tested"),
    ({"training": {"processes": 8}}, "only tested"),
    ({"memory": {"peak_bytes": None}}, "a side has no peak"),
])
def test_memory_of_other_work_or_machines_is_not_compared(tmp_path, changes, words):
    found = rows(tmp_path, candidate=changes)["peak memory"]
    assert found.verdict == NOT_COMPARABLE
    assert words in found.reason


def test_times_of_two_sessions_are_shown_and_not_judged(tmp_path):
    found = rows(tmp_path, candidate={"times": {"images_per_second": 25.0}})["time"]
    assert (found.verdict, found.base, found.candidate, found.unit) == (CANNOT_TELL, 10, 40, "ms")
    assert found.change == pytest.approx(3.0)
    assert (found.needed, found.of) == (12, "pairs")
    assert "harness gate REVISION REVISION" in found.reason


@pytest.mark.parametrize(("changes", "words"), [
    ({"machine": {"cores": 64}}, "cores: 2, then 64"), ({"times": {"batch_size": 1}}, "batch size: 32, then 1"),
    ({"times": {"precision": "bf16"}}, "precision"), ({"protocol": {"crop": {"width": 96}}}, "input: 256x192, then"),
    ({"times": {"images_per_second": None}}, "a side has no time"),
])
def test_times_of_other_machines_are_not_comparable(tmp_path, changes, words):
    found = rows(tmp_path, candidate=changes)["time"]
    assert found.verdict == NOT_COMPARABLE
    assert words in found.reason


def test_rows_of_profiles(tmp_path):
    base = profile(profile_row(), profile_row(mode="fast", path="prepared"))
    candidate = profile(profile_row(median_ms=150.0, peak_bytes=round(2**30 * 1.05)),
                        profile_row(mode="fast", path="plain", median_ms=90.0, peak_bytes=2**30 + CPU_LEAST // 2),
                        created="2026-02-01")
    _, found = profiles(tmp_path, base, candidate)
    plain, fast = "tcformer 256x192 batch 1 fp32 eager", "tcformer 256x192 batch 1 fp32 fast"
    assert {key: one.verdict for key, one in found.items()} == {
        (plain, "time"): CANNOT_TELL, (fast, "time"): CANNOT_TELL, (plain, "peak memory"): WORSE,
        (fast, "peak memory"): SAME}
    assert found[plain, "time"].change == pytest.approx(0.5)


def test_small_processes_have_a_tolerance_in_bytes(tmp_path):
    small = 2**28
    _, found = profiles(tmp_path, profile(profile_row(peak_bytes=small)),
                        profile(profile_row(peak_bytes=small + CPU_LEAST)))
    one, = (finding for finding in found.values() if finding.kind == MEMORY)
    assert (one.verdict, one.margin) == (SAME, CPU_LEAST / small)
    assert one.margin > CPU_TOLERANCE


@pytest.mark.parametrize(("changes", "words"), [
    ({"machine": {**MACHINE, "processor": "Other"}}, "processor: Example CPU, then Other"),
    ({"settings": {"threads": 1}}, "threads: 2, then 1"), ({"settings": {"device": "cuda"}}, "device: cpu, then cuda"),
    ({"settings": {"images": "photographs"}}, "images: drawn people, then photographs"),
])
def test_profiles_of_other_machines_are_not_comparable(tmp_path, changes, words):
    whole, found = profiles(tmp_path, profile(), profile(**changes))
    assert {one.verdict for one in found.values()} == {NOT_COMPARABLE}
    assert all(words in one.reason for one in found.values())
    assert whole.exit_status == 2


def test_rows_of_a_profile_that_are_missing_or_failed(tmp_path):
    base = profile(profile_row(), profile_row("sbl"), profile_row("hrnet"))
    candidate = profile(profile_row(), profile_row("sbl", status="out of memory", median_ms=None), profile_row("vit"))
    whole, found = profiles(tmp_path, base, candidate)
    assert {key[0].split()[0]: one.reason for key, one in found.items() if key[1] == "all"} == {
        "sbl": "candidate: out of memory", "hrnet": "only in the base"}
    note, = whole.notes
    assert note.startswith("vit 256x192")
    assert "in the candidate only" in note


def test_suites_of_several_machines_are_compared_machine_by_machine(tmp_path):
    def suite(**medians):
        return {"schema": 1, "kind": "suite", "suite": "speed", "groups": {
            name: profile(profile_row(median_ms=median), machine={"processor": name}) for name, median in
            medians.items()}}

    _, found = profiles(tmp_path, suite(one=10.0, two=20.0), suite(two=21.0, one=11.0))
    ratios = {one.row.partition(", ")[2].split(",")[0]: one.change for one in found.values() if one.kind == SPEED}
    assert ratios == {"one": pytest.approx(0.1), "two": pytest.approx(0.05)}
