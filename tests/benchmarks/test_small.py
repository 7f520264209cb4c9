"""That the benchmarks run: the same steps on a set a hundredth of the size, without limits."""

import pytest

from harness.scoring import score, write_results
from harness.scoring.reference import load_reference, run_reference
from harness.scoring.results import result_entries
from tests.benchmarks.large import annotations, draw_large
from tests.benchmarks.measure import in_fresh_process


@pytest.fixture(scope="module")
def small():
    return draw_large(images=50, people=110, predictions=550)


def test_the_set_has_crowds_ties_and_more_than_twenty_predictions(small):
    assert small.people.crowd.any()
    assert len(set(small.scored.score.tolist())) < len(small.scored)
    assert max((small.scored.image_id == i).sum() for i in small.image_ids) > 20


@pytest.mark.parity
def test_figures_are_the_references(small):
    pytest.importorskip("xtcocotools.coco", reason="xtcocotools is not installed; see tests/install_oracles.py")
    truth, predicted = load_reference(annotations(small), result_entries(small.scored, small.layout))
    found = score(small.people, small.scored, small.layout, small.image_ids, "auto")
    for part in small.layout.parts:
        theirs = run_reference(truth, predicted, part, small.layout).stats
        assert list(found[part].values()) == pytest.approx(list(theirs), abs=1e-9), part


def test_a_fresh_process_measures_time_and_memory(small, tmp_path):
    write_results(tmp_path / "r.json", small.scored, small.layout)
    measured = in_fresh_process("read", tmp_path / "r.json")
    assert measured["seconds"] > 0
    assert 0 < measured["peak_gib"] < 4
