"""Verdicts of AP and AR, on records made of simulated outcomes whose truth is known."""

import numpy as np
import pytest

from harness.errors import UserError
from harness.files import write_json
from harness.gate.accuracy import accuracy_findings
from harness.gate.findings import BETTER, CANNOT_TELL, NOT_COMPARABLE, SAME, WORSE
from harness.gate.rows import WHOLE, match_rows
from harness.gate.sides import resolve
from tests.gate.results_on_disk import FEW, outcomes, record, write_failure, write_row


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "base", tmp_path / "candidate"


def compared(folders, margin=0.005):
    """All findings by metric, for rows that are all matched."""
    pairs, findings, _ = match_rows(*(resolve(str(folder)) for folder in folders))
    assert findings == []
    return {finding.metric: finding for finding in accuracy_findings(pairs, margin)}


def verdicts(found):
    return {finding.verdict for finding in found.values()}


def test_one_run_twice_is_the_same_in_every_cell(folders):
    matches, = outcomes(0)
    for folder in folders:
        write_row(folder, matches)
    found = compared(folders)
    assert set(found) == {f"{part} {metric}" for part in ("body", "foot", "lefthand", "righthand", "hand")
                          for metric in ("AP", "AR")}
    assert verdicts(found) == {SAME}
    assert {(one.change, one.low, one.high, one.of) for one in found.values()} == {(0, 0, 0, "images")}


def test_a_loss_is_worse_and_a_gain_better_by_part(folders):
    base, candidate = outcomes(0, -0.5)
    candidate["lefthand"] = base["lefthand"]
    write_row(folders[0], base)
    write_row(folders[1], candidate)
    found = compared(folders)
    worse = found["body AP"]
    assert worse.verdict == WORSE
    assert worse.change < -0.005
    assert worse.low < worse.change < worse.high < 0
    assert worse.p <= 0.05
    assert (worse.samples, worse.of, worse.needed) == (worse.samples, "images", None)
    assert found["lefthand AP"].verdict == SAME
    better = compared(folders[::-1])["body AP"]
    assert (better.verdict, better.change) == (BETTER, -worse.change)


def test_a_loss_within_the_margin_is_the_same(folders):
    base, candidate = outcomes(0, -0.5)
    write_row(folders[0], base)
    write_row(folders[1], candidate)
    assert compared(folders, margin=0.5)["body AP"].verdict == SAME


def test_what_chance_could_explain_cannot_be_told_and_says_how_many_images_would(folders):
    base, candidate = outcomes(0, 0)
    write_row(folders[0], base)
    write_row(folders[1], candidate)
    found = compared(folders)["body AP"]
    assert found.verdict == CANNOT_TELL
    assert found.needed > found.samples
    assert "chance could explain" in found.reason


def test_many_cells_ask_for_more(folders):
    """The same loss, alone and among 60 rows without any."""
    base, candidate = outcomes(0, -0.2)
    rest = outcomes(*[0] * 10, seed=1)
    write_row(folders[0], base, FEW)
    write_row(folders[1], candidate, FEW)
    alone = compared(folders)["body AP"]
    for i in range(10):
        for folder in folders:
            write_row(folder, rest[i if folder == folders[0] else 0], FEW, row=f"row{i}")
    pairs, _, _ = match_rows(*(resolve(str(folder)) for folder in folders))
    among = next(one for one in accuracy_findings(pairs) if (one.row, one.metric) == (alone.row, "body AP"))
    assert among.p > alone.p
    assert among.change == alone.change


@pytest.mark.parametrize(("changes", "words"), [
    ({"protocol": {"test": {"decode": "argmax"}}}, "decoding: quarter, then argmax"),
    ({"protocol": {"test": {"flip": False}, "crop": {"width": 96}}}, "input width: 192, then 96; flip test: on, then"),
    ({"protocol": {"train": {"lr": 0.001}}}, "train.lr"),
    ({"data": {"eval": {"dataset": "lsp", "images": 400}}}, "data set: synthetic, then lsp"),
    ({"hashes": {"evaluate": "9" * 64}}, "content of the data"),
    ({"hashes": {"train": "9" * 64}}, "train.data_content"),
    ({"hashes": {"init": "9" * 64}}, "train.initial_weights: none, then 999999999999"),
    ({"data": {"eval": {"boxes": "detector"}}, "protocol": {"test": {"boxes": "gt"}}}, "person boxes"),
])
def test_other_settings_or_data_are_not_comparable(folders, changes, words):
    matches, = outcomes(0)
    write_row(folders[0], matches, FEW)
    write_row(folders[1], matches, FEW, **changes)
    found = compared(folders)
    assert list(found) == [WHOLE]
    assert found[WHOLE].verdict == NOT_COMPARABLE
    assert words in found[WHOLE].reason


@pytest.mark.parametrize("changes", [
    {"code": {"commit": "b" * 40, "hash": "d" * 64}}, {"machine": {"processor": "another"}}, {"device": "cuda"},
    {"seed": 3}, {"model": {"name": "other"}}, {"weights": {"file": "elsewhere"}},
    {"protocol": {"test": {"batch_size": 1, "noise_repeats": 3}, "train": {"workers": 4, "evaluate_every": 2}}},
])
def test_conditions_that_may_differ(folders, changes):
    matches, = outcomes(0)
    write_row(folders[0], matches, FEW)
    write_row(folders[1], matches, FEW, **changes)
    assert verdicts(compared(folders)) == {SAME}


def test_a_file_of_boxes_counts_by_its_content(folders):
    matches, = outcomes(0)
    for folder, path, digest in zip(folders, ("/a.json", "/b.json"), ("1" * 64, "1" * 64), strict=True):
        write_row(folder, matches, FEW, protocol={"test": {"boxes": path}}, hashes={"boxes": digest})
    assert verdicts(compared(folders)) == {SAME}
    write_row(folders[1], matches, FEW, protocol={"test": {"boxes": "/a.json"}}, hashes={"boxes": "2" * 64})
    assert "person boxes: file 111111111111, then file 222222222222" in compared(folders)[WHOLE].reason


def test_networks_trained_apart_are_said_to_be_two_networks(folders):
    base, candidate = outcomes(0, -0.5)
    write_row(folders[0], base)
    write_row(folders[1], candidate, weights={"sha256": "1" * 64})
    found = compared(folders)["body AP"]
    assert found.verdict == WORSE
    assert "this is about these two networks, and another seed could move either" in found.reason


def test_weights_that_were_given_need_no_such_words(folders):
    base, candidate = outcomes(0, -0.5)
    write_row(folders[0], base, data={"train": None})
    write_row(folders[1], candidate, data={"train": None}, weights={"sha256": "1" * 64})
    assert "seed" not in compared(folders)["body AP"].reason


def with_ap(value, seed, **changes):
    return {"seed": seed, "metrics": {"parts": {"body": {"AP": value, "AR": 0.6}}},
            "weights": {"sha256": f"{seed + round(1e6 * value)}".ljust(64, "0")}, **changes}


def test_several_seeds_tell_of_trainings(folders):
    for seed, (before, after) in enumerate([(0.50, 0.40), (0.51, 0.41), (0.49, 0.39), (0.50, 0.40)]):
        write_row(folders[0], **with_ap(before, seed))
        write_row(folders[1], **with_ap(after, seed))
    found = compared(folders)["body AP"]
    assert (found.verdict, found.base, found.candidate) == (WORSE, pytest.approx(0.5), pytest.approx(0.4))
    assert (found.samples, found.of) == (4, "seeds")
    assert "means of 4 and 4 training seeds" in found.reason


def test_few_seeds_say_how_many_it_takes(folders):
    for seed, (before, after) in enumerate([(0.50, 0.51), (0.52, 0.51)]):
        write_row(folders[0], **with_ap(before, seed))
        write_row(folders[1], **with_ap(after, seed))
    found = compared(folders)["body AP"]
    assert (found.verdict, found.of) == (CANNOT_TELL, "seeds")
    assert found.needed > 2


def test_seeds_of_other_settings_are_others(folders):
    for seed in (0, 1):
        write_row(folders[0], **with_ap(0.5 + seed / 100, seed))
    write_row(folders[0], **with_ap(0.9, 2, protocol={"train": {"lr": 0.01}}, created="2025-01-01T00:00:00+00:00"))
    write_row(folders[1], **with_ap(0.51, 0))
    assert "means of 2 and 1 training seeds" in compared(folders)["body AP"].reason


def test_a_seed_is_compared_with_itself(folders):
    """The candidate trained seed 0 alone, to the same weights; the base's newest is seed 1."""
    first, second = outcomes(0, 0.3)
    write_row(folders[0], first, FEW, seed=0)
    write_row(folders[0], second, FEW, seed=1, created="2026-06-01T00:00:00+00:00", weights={"sha256": "1" * 64})
    write_row(folders[1], first, FEW, seed=0, code={"commit": "b" * 40})
    found = compared(folders)
    assert verdicts(found) == {SAME}
    assert found["body AP"].change == 0


def test_one_seed_without_resamples_cannot_tell(folders):
    write_row(folders[0], **with_ap(0.5, 0))
    write_row(folders[1], **with_ap(0.4, 0))
    found = compared(folders)["body AP"]
    assert found.verdict == CANNOT_TELL
    assert found.change == pytest.approx(-0.1)
    assert found.needed is None
    for words in ("1 seed of the base and 1 of the candidate", "none are stored", "/nowhere"):
        assert words in found.reason


def test_resamples_must_be_those_of_the_record(folders):
    base, other = outcomes(0, 0.5)
    mine, theirs = write_row(folders[0], base, FEW), write_row(folders[1], other, FEW)
    (mine / "resamples.npz").write_bytes((theirs / "resamples.npz").read_bytes())
    found = compared(folders)["body AP"]
    assert found.verdict == CANNOT_TELL
    assert "is not of its record, whose interval of body AP is another" in found.reason


def test_other_draws_are_no_pairs(folders):
    matches, = outcomes(0)
    write_row(folders[0], matches, 200)
    write_row(folders[1], matches, 300)
    assert "other resamples" in compared(folders)["body AP"].reason


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"PK\3\4 nothing"), lambda path: path.unlink(),
                                    lambda path: np.savez(path, a=np.zeros(3))])
def test_damaged_resamples_are_named(folders, damage):
    matches, = outcomes(0)
    folder, _ = write_row(folders[0], matches, FEW), write_row(folders[1], matches, FEW)
    damage(folder / "resamples.npz")
    found = compared(folders)["body AP"]
    assert found.verdict == CANNOT_TELL
    assert "resamples.npz" in found.reason


def test_a_part_that_too_few_images_have(folders):
    base, candidate = outcomes(0, 0.1, images=2, seed=4)
    write_row(folders[0], base, FEW)
    write_row(folders[1], candidate, FEW)
    assert {one.reason for one in compared(folders).values() if one.verdict == CANNOT_TELL} >= {
        "too few images have this part"}


def matched(folders):
    return match_rows(*(resolve(str(folder)) for folder in folders))


def test_a_row_that_vanished_is_not_passed_over(folders):
    for row in ("sn", "paf"):
        write_row(folders[0], row=row)
    for row in ("paf", "openpose"):
        write_row(folders[1], row=row)
    pairs, (finding,), notes = matched(folders)
    assert [pair.name for pair in pairs] == ["table_s2/demo/paf"]
    assert (finding.row, finding.metric, finding.verdict) == ("table_s2/demo/sn", WHOLE, NOT_COMPARABLE)
    assert "only in the base" in finding.reason
    assert [note.split()[0] for note in notes] == ["table_s2/demo/sn", "table_s2/demo/openpose"]


def test_a_row_that_failed_last_is_not_judged_by_what_it_was(folders):
    for folder in folders:
        write_row(folder)
    write_failure(folders[1], error="ValueError: out of heads")
    pairs, (finding,), _ = matched(folders)
    assert pairs == []
    assert finding.verdict == WORSE
    assert finding.reason == "it ran in the base, and the candidate failed: ValueError: out of heads"


def test_a_row_that_ran_after_a_failure_counts(folders):
    for folder in folders:
        write_row(folder)
    write_failure(folders[0], created="2025-01-01T00:00:00+00:00")
    assert matched(folders)[1] == []


def test_the_newest_record_on_the_same_images_counts(folders):
    write_row(folders[0], **with_ap(0.4, 0, created="2026-01-01"))
    write_row(folders[0], **with_ap(0.5, 0, created="2026-01-02"))
    write_row(folders[1], **with_ap(0.6, 0, created="2026-01-03"))
    write_row(folders[1], **with_ap(0.7, 0, created="2026-01-04", data={"eval": {"dataset": "lsp"}}))
    (pair,), _, _ = matched(folders)
    assert [row.record["metrics"]["parts"]["body"]["AP"] for row in (pair.base, pair.candidate)] == [0.5, 0.6]


def test_two_records_named_alone_are_compared_whatever_their_rows(folders):
    one, other = write_row(folders[0], row="sn"), write_row(folders[1], row="paf")
    (pair,), findings, _ = matched((one, other))
    assert pair.name == "table_s2/demo/sn -> table_s2/demo/paf"
    assert findings == []


def test_a_record_alone_stands_for_its_row_only(folders):
    for row in ("sn", "paf"):
        write_row(folders[0], row=row)
    alone = write_row(folders[1], row="paf")
    for sides in ((folders[0], alone), (alone, folders[0])):
        (pair,), findings, notes = matched(sides)
        assert (pair.name, findings, notes) == ("table_s2/demo/paf", [], [])


def test_a_record_that_does_not_state_its_settings_is_named(folders):
    write_row(folders[0])
    folder = write_row(folders[1])
    data = record()
    del data["weights"]
    write_json(folder / "record.json", data)
    with pytest.raises(UserError, match=r"row hrnet_w48.*'weights' is missing"):
        compared(folders)
