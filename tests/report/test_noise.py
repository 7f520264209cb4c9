"""Spreads from the records that a results folder holds: which belong together, and what they say."""

import copy

import pytest

from harness.files import write_json
from harness.published import load_published
from harness.report import build_report, json_data, latex, markdown, published_rows
from harness.report.lines import DIFFERENCE, MEAN, RUN, VERDICT, system_lines
from harness.report.noise import cell_noise, evaluation_spread, same_but_for_seed, training_spread
from harness.report.show import show_report
from harness.statistics import NO_NOISE, spread
from tests.report.test_rendering import rows_of, screen


def with_seed(record, seed, whole, created="2026-01-01T00:00:00+00:00"):
    """The record of another seed."""
    other = copy.deepcopy(record)
    other |= {"seed": seed, "created": created, "key": f"{seed:02d}" * 32}
    other["metrics"]["parts"]["wholebody"]["AP"] = whole
    return other


def with_repeats(record, *values):
    return {**record, "evaluation_noise": {"options": {"density_noise": 1e-6}, "repeats": [
        {"wholebody": {"AP": value, "AR": 0.7}} for value in values]}}


@pytest.fixture
def three(make, table):
    """A row of the table trained with three seeds, 0.609 to 0.611 in whole-body AP, printed 0.610."""
    row = make.row(table, "sbl_res152")
    record = make.faithful(row)
    return row, [with_seed(record, seed, whole) for seed, whole in ((0, 0.609), (1, 0.610), (2, 0.611))]


# ---- which records

def test_other_seeds_of_the_same_training_belong_together(three):
    _, records = three
    assert [r["seed"] for r in same_but_for_seed(records[1], records)] == [0, 1, 2]


def test_the_newest_record_of_a_seed_counts_and_the_shown_one_of_its_own(three):
    _, records = three
    newer = with_seed(records[0], 2, 0.700, "2026-02-01T00:00:00+00:00")
    found = same_but_for_seed(records[0], [newer, *records, with_seed(records[0], 0, 0.5, "2026-02-01T00:00:00+00:00")])
    assert [r["metrics"]["parts"]["wholebody"]["AP"] for r in found] == [0.609, 0.610, 0.700]


@pytest.mark.parametrize(("path", "value"), [
    ("protocol.train.epochs", 1), ("protocol.test.flip", False), ("model.name", "hrnet_w48"), ("device", "cuda"),
    ("hashes", {"train": "other"}), ("code", {"hash": "other"}), ("row", "hrnet_w48"), ("data.train", None),
    ("metrics", None), ("status", "stand-in")])
def test_anything_else_that_differs_keeps_a_record_out(three, path, value):
    _, records = three
    *steps, last = path.split(".")
    place = records[2]
    for step in steps:
        place = place[step]
    place[last] = value
    assert [r["seed"] for r in same_but_for_seed(records[0], records)] == [0, 1]


def test_repeats_of_the_evaluation_do_not_keep_a_record_out(three):
    _, records = three
    records[2]["protocol"]["test"]["noise_repeats"] = 9
    assert [r["seed"] for r in same_but_for_seed(records[0], records)] == [0, 1, 2]


def test_given_weights_have_no_seeds(make, table):
    row = make.row(table, "sbl_res152")
    record = make.tested(row, "1" * 64)
    assert same_but_for_seed(record, [record, with_seed(record, 1, 0.5)]) == (record,)


# ---- what they say

def test_the_two_spreads_are_figures_of_their_own(make, three):
    row, records = three
    seeds = [with_repeats(record, base, base + 0.0001, base + 0.0002) for record, base in
             zip(records, (0.609, 0.610, 0.611), strict=True)]
    result = make.result(row, "measured", seeds[0], seeds=tuple(seeds))
    assert training_spread(result, "wholebody", "AP").sd == pytest.approx(0.001)
    assert evaluation_spread(result, "wholebody", "AP") == spread([0.609, 0.609 + 0.0001, 0.609 + 0.0002])
    assert evaluation_spread(result, "wholebody", "AR").sd == 0
    assert evaluation_spread(result, "face", "AP") is None


@pytest.mark.parametrize(("noise", "expected"), [
    ({"options": {}, "repeats": []}, NO_NOISE), ({"options": {"density_noise": 1e-6}, "repeats": []}, None),
    (None, None)])
def test_evaluation_noise_is_none_or_not_known(make, table, noise, expected):
    row = make.row(table, "sbl_res152")
    result = make.result(row, "measured", make.faithful(row, evaluation_noise=noise))
    assert evaluation_spread(result, "wholebody", "AP") == expected
    assert training_spread(result, "wholebody", "AP") is None


def test_published_trainings_stand_in_for_want_of_seeds(make, table, three):
    row, records = three
    trainings = published_rows(table, load_published(), "trainings", "table_s2")
    alone = cell_noise(make.result(row, "measured", records[0]), "wholebody", "AP", True, trainings)
    assert alone.borrowed
    assert alone.training == spread([0.572, 0.576, 0.574])
    seeded = make.result(row, "measured", records[0], seeds=tuple(records))
    own = cell_noise(seeded, "wholebody", "AP", True, trainings)
    assert not own.borrowed
    assert own.training == spread([0.609, 0.610, 0.611])
    assert cell_noise(make.result(row, "measured", records[0]), "wholebody", "AP", True, ()).training is None


def test_the_noise_of_the_published_network_is_in_what_is_compared(make, three):
    """It may shift the mean: values without it are not what the source measured."""
    row, records = three
    first, second, third = (with_repeats(record, base, base + 0.002) for record, base in
                            zip(records, (0.620, 0.630, 0.640), strict=True))
    alone = make.result(row, "measured", first)
    assert alone.seed_values("wholebody", "AP") == pytest.approx([0.621])
    assert alone.averaged == "mean, 2 repeats"
    assert alone.value("wholebody", "AP") == 0.609
    assert alone.seed_values("face", "AP") == [alone.value("face", "AP")]
    seeded = make.result(row, "measured", first, seeds=(first, second, third))
    assert seeded.seed_values("wholebody", "AP") == pytest.approx([0.621, 0.631, 0.641])
    mixed = make.result(row, "measured", first, seeds=(first, second, records[2]))
    assert mixed.seed_values("wholebody", "AP") == [0.609, 0.610, 0.611]  # not one with and another without
    records[2]["evaluation_noise"] = {"options": {"density_noise": 1e-6}, "repeats": []}
    assert evaluation_spread(mixed, "wholebody", "AP") is None


def test_given_weights_are_judged_under_their_noise(make, table, profiles):
    row = make.row(table, "sbl_res152")
    record = with_repeats(make.tested(row, "eab8caa8" + "0" * 56, 0.02), 0.6101, 0.6102, 0.6100)
    report = build_report(table, profiles["paper"], [make.result(row, "measured", record)])
    assert report.rows[0].verdict == "reproduced"
    cell = next(cell for cell in rows_of(report) if (cell["part"], cell["metric"]) == ("wholebody", "AP"))
    assert [float(cell[name]) for name in ("measured", "compared", "difference")] == pytest.approx([0.63, 0.6101, 1e-4])
    text = " ".join(screen(report).split())
    assert "mean, 3 repeats" in text
    assert "their mean is 0.6101, without that noise it is 0.6300" in text


# ---- in the tables

def test_mean_difference_and_verdict_have_lines_of_their_own(make, table, profiles, three):
    row, records = three
    report = build_report(table, profiles["paper"], [make.result(row, "measured", records[0], seeds=tuple(records))])
    lines = {line.kind: line for line in system_lines(report, report.rows[0])}
    whole = report.columns.index(("wholebody", "AP"))
    assert lines[MEAN].label == "mean, 3 seeds"
    assert lines[MEAN].values[whole] == "0.610"
    assert lines[DIFFERENCE].values[whole] == "0.000"
    assert lines[VERDICT].values[whole] == "?"  # t with 2 degrees of freedom: ±0.005 and rounding
    assert set(lines[VERDICT].values) == {"?", "="}  # other cells do not vary between these seeds
    assert lines[VERDICT].status == "cannot tell"
    assert lines[RUN].label == "sbl_resnet152, seed 0"
    assert "\n  sbl_resnet152, " in screen(report)
    assert "\n  seed 0 " in screen(report)
    for text in (screen(report), markdown(report), latex(report)):
        assert "mean, 3 seeds" in text
        assert "verdict" in text
    cell = next(row for row in rows_of(report) if (row["part"], row["metric"]) == ("wholebody", "AP"))
    assert (cell["seeds"], cell["margin"], cell["verdict"]) == ("3", "0.005", "cannot tell")
    assert float(cell["training_sd"]) == pytest.approx(0.001)
    assert float(cell["evaluation_sd"]) == 0
    assert float(cell["difference_low"]) < -0.005 < 0.005 < float(cell["difference_high"])
    data = next(cell for cell in json_data(report)["rows"][0]["comparisons"]
                if (cell["part"], cell["metric"]) == ("wholebody", "AP"))
    assert data["training_spread"]["n"] == 3
    assert data["noise"]["borrowed"] is False
    assert data["difference_interval"] == [float(cell["difference_low"]), float(cell["difference_high"])]
    note = " ".join(screen(report).split())
    assert "over training seeds: 0.0010 [0.0005, 0.0063] from 3 seeds (0, 1 and 2)" in note


def test_every_judged_cell_carries_interval_and_reason(paper_report):
    for row in rows_of(paper_report):
        if row["difference"]:
            low, high = float(row["difference_low"]), float(row["difference_high"])
            assert low < float(row["difference"]) < high
            assert row["reason"]
            assert row["margin"] == "0.005"


def test_a_table_may_set_its_margin(make, table, profiles):
    row = make.row(table, "sbl_res152")
    result = make.result(row, "measured", make.tested(row, "eab8caa8" + "0" * 56, 0.004))

    def judge(margin):
        return build_report({**table, "tolerance": {"margin": margin}}, profiles["paper"], [result]).rows[0].verdict

    assert [judge(0.005), judge(0.003)] == ["reproduced", "not reproduced"]


def test_the_report_finds_the_seeds_in_the_folder(tmp_path, make, table, capsys):
    row = make.row(table, "hrnet_w48")
    for seed in (0, 1, 2):
        record = with_seed(make.stand_in(row, "hrnet_small"), seed, 0.1 + 0.01 * seed,
                           f"2026-01-0{seed + 1}T00:00:00+00:00")
        write_json(tmp_path / "table_s2" / "demo" / f"hrnet_w48-{seed}" / "record.json", record)
    show_report("table_s2", "demo", tmp_path)
    text = " ".join(capsys.readouterr().out.split())
    assert "mean, 3 seeds" in text
    assert "standard deviation of whole-body AP over training seeds: 0.0100 [0.0052, 0.0628] from 3 seeds" in text
    assert "stand-in" in text
    assert "reproduced" not in text


def test_stand_ins_have_spreads_but_no_verdict(make, table, profiles):
    row = make.row(table, "hrnet_w48")
    records = [with_seed(make.stand_in(row, "hrnet_small"), seed, 0.1 + 0.01 * seed) for seed in (0, 1)]
    report = build_report(table, profiles["demo"], [make.result(row, "stand-in", records[1], seeds=tuple(records))])
    assert {line.kind for line in system_lines(report, report.rows[0])} & {DIFFERENCE, VERDICT} == set()
    assert "mean, 2 seeds" in markdown(report)
