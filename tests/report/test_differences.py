"""Rows against each other: what seeds and images leave of a difference, and when nobody can tell."""

import copy
import csv
import io

import numpy as np
import pytest

from harness.page.systems import section
from harness.plan import Options, make_plan
from harness.protocol import make_protocol
from harness.published import load_published
from harness.record import RowFolder, write_failure
from harness.registry import spec_data
from harness.report import RowResult, build_report, csv_text, json_data, latex, markdown, published_rows
from harness.report.differences import row_difference
from harness.report.show import failed_repeats
from harness.statistics import Spread, difference_reach, repetitions_to_differ, spread
from tests.report.test_rendering import screen

WHOLE = ("wholebody", "AP")
DRAWS = 400


def protocol(train, test):
    """That of the records, with some settings changed."""
    given = {"crop": {"height": 128, "width": 96}, "train": train, "test": test}
    return make_protocol(given, "test").model_dump(mode="json")


@pytest.fixture(scope="module")
def table():
    return spec_data("tables", "table_s3")


@pytest.fixture
def trained(make, table):
    """A function: the result of a row whose seeds gave these whole-body APs; `images` is the deviation over images.

    All rows share what the images do, up to `own`, the share of the variance that is a row's own.
    """
    common = np.random.default_rng(0).standard_normal(DRAWS)

    def build(name, values, images=0.004, own=0.1, **changes):
        row = make.row(table, name)
        mine = np.random.default_rng(len(name)).standard_normal(DRAWS)
        records, samples = [], []
        for seed, value in enumerate(values):
            record = make.stand_in(row, row["stand_ins"]["demo"]["model"], **copy.deepcopy(changes)) | {"seed": seed}
            for metrics in record["metrics"]["parts"].values():
                metrics["AP"] = value
            record["intervals"]["images"] = {"wholebody": 300, "face": 300}
            records.append(record)
            drawn = value + images * (np.sqrt(1 - own) * common + np.sqrt(own) * mine)
            samples.append({part: {"AP": drawn} for part in ("wholebody", "face")})
        return RowResult(row, records[0]["status"], records[0], published=published_rows(row, load_published()),
                         seeds=tuple(records), samples=samples[0], other_samples=tuple(samples))

    return build


# ---- the answers

def test_a_difference_beyond_seeds_and_images_is_told_both_ways(trained):
    high, low = trained("tcformer", (0.201, 0.200, 0.199)), trained("wo_ctm", (0.171, 0.170, 0.169))
    found = row_difference(high, low, WHOLE)
    assert (found.answer, found.seeds) == ("better", (3, 3))
    assert found.value == pytest.approx(0.03)
    assert 0 < found.low < found.value < found.high
    assert found.printed == pytest.approx(0.572 - 0.535)
    turned = row_difference(low, high, WHOLE)
    assert turned.answer == "worse"
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_seeds_that_vary_hide_it_and_the_reason_says_how_many_would_tell(trained):
    found = row_difference(trained("tcformer", (0.23, 0.20, 0.17)), trained("wo_ctm", (0.20, 0.17, 0.14)), WHOLE)
    assert found.answer == "cannot tell"
    assert found.low < 0 < found.high
    needed = repetitions_to_differ(0.03, 0.03, 0.03, beside=0.0)
    assert needed > 3
    assert "seeds of each row at this spread and difference" in found.reason


def test_images_that_vary_hide_it_and_no_number_of_seeds_helps(trained):
    first, second = (trained(name, values, images=0.05, own=0.9) for name, values in
                     (("tcformer", (0.201, 0.200, 0.199)), ("wo_ctm", (0.191, 0.190, 0.189))))
    found = row_difference(first, second, WHOLE)
    assert found.answer == "cannot tell"
    assert "no number of seeds tells with these 300 images; it takes more than" in found.reason


def test_what_the_rows_share_of_the_images_does_not_count(trained):
    """Paired: both rows move together with the images."""
    first, second = (trained(name, values, images=0.05, own=0.0) for name, values in
                     (("tcformer", (0.201, 0.200, 0.199)), ("wo_ctm", (0.191, 0.190, 0.189))))
    assert row_difference(first, second, WHOLE).answer == "better"


def test_a_difference_within_the_margin_is_the_same(trained):
    first, second = (trained(name, (0.2001, 0.2, 0.1999), images=0.0005) for name in ("tcformer", "wo_ctm"))
    assert row_difference(first, second, WHOLE, margin=0.005).answer == "same"
    assert row_difference(first, second, WHOLE, margin=0.0).answer == "cannot tell"


def test_one_seed_cannot_tell(trained):
    found = row_difference(trained("tcformer", (0.4,)), trained("wo_ctm", (0.1, 0.1, 0.1)), WHOLE)
    assert (found.answer, found.low) == ("cannot tell", None)
    assert found.value == pytest.approx(0.3)
    assert "it takes at least two of each" in found.reason


def test_without_resampled_figures_nobody_can_tell(trained):
    first, second = trained("tcformer", (0.2, 0.2, 0.2)), trained("wo_ctm", (0.1, 0.1, 0.1))
    bare = RowResult(first.row, first.status, first.record, seeds=first.seeds, samples=first.samples,
                     other_samples=(first.samples, {}, {}))
    assert "no resampled figures" in row_difference(bare, second, WHOLE).reason


@pytest.mark.parametrize(("changes", "words"), [
    ({"status": "measured"}, "one is stand-in, the other measured"),
    ({"device": "cuda"}, "run on cpu and cuda"),
    ({"hashes": {"evaluate": "other"}}, "evaluated on other images"),
    ({"hashes": {"train": "other"}}, "trained on other data"),
    ({"hashes": {"init": "abc"}}, "from given weights, the other from random"),
    ({"protocol": protocol({"lr": 0.5}, {"batch_size": 1, "noise_repeats": 5})}, "other settings: train.lr")])
def test_rows_that_differ_in_more_than_the_network_are_not_compared(trained, changes, words):
    values = (0.2, 0.2, 0.2)
    found = row_difference(trained("tcformer", values), trained("wo_ctm", values, **changes), WHOLE)
    assert found.answer == "not comparable"
    assert found.value is None
    assert words in found.reason.split("; ")[0]
    if ":" in words:  # the settings without effect are not among them
        assert found.reason == words


def test_a_misprint_has_no_printed_difference(trained):
    first, second = trained("tcformer", (0.2, 0.2, 0.2)), trained("wo_ctm", (0.1, 0.1, 0.1))
    assert row_difference(first, second, ("face", "AP")).printed == pytest.approx(0.649 - 0.617)
    assert row_difference(first, second, ("face", "AR")).printed is None


# ---- in the tables

def test_every_form_shows_the_differences_of_the_rows_that_were_run(table, trained, profiles):
    rows = [trained("wo_ctm", (0.171, 0.170, 0.169)), trained("tcformer", (0.201, 0.200, 0.199))]
    report = build_report(table, profiles["demo"], rows)
    assert {(d.first["id"], d.second["id"]) for d in report.differences} == {("tcformer", "wo_ctm")}
    assert len(report.differences) == len(report.columns)
    for text in (" ".join(screen(report).split()), markdown(report)):
        assert "TCFormer − TCFormer w/o CTM" in text
        assert "better" in text
    data = next(d for d in json_data(report)["differences"] if (d["part"], d["metric"]) == WHOLE)
    assert (data["first"], data["second"], data["first_is"], data["seeds"]) == ("tcformer", "wo_ctm", "better", [3, 3])
    assert data["interval"][0] > 0


def test_csv_and_latex_have_the_differences_too(table, trained, profiles):
    rows = [trained("wo_ctm", (0.171, 0.170, 0.169)), trained("tcformer", (0.201, 0.200, 0.199))]
    report = build_report(table, profiles["demo"], rows)
    lines = [line for line in csv.DictReader(io.StringIO(csv_text(report))) if line["minus"]]
    assert [(line["row"], line["minus"], line["part"], line["metric"]) for line in lines] == [
        ("tcformer", "wo_ctm", *column) for column in report.columns]
    whole = next(line for line in lines if (line["part"], line["metric"]) == WHOLE)
    found = next(d for d in report.differences if (d.part, d.metric) == WHOLE)
    assert float(whole["difference"]) == found.value
    assert float(whole["difference_low"]) == found.low
    assert (whole["verdict"], whole["seeds"], whole["measured"]) == ("better", "3 and 3", "")
    text = latex(report)
    assert r"\textbf{TCFormer $-$ TCFormer w/o CTM}, whole-body AP:" in text
    assert r"\textbf{better} (seeds" in text


def test_the_page_has_them_with_every_seed(table, trained, profiles):
    rows = [trained("wo_ctm", (0.171, 0.170, 0.169)), trained("tcformer", (0.201, 0.200, 0.199))]
    grid = section(build_report(table, profiles["demo"], rows)).grids[-1]
    line = next(group[0] for group in grid.groups if group[0].cells[1].text == "whole-body AP")
    assert (line.cells[3].text, line.cells[5].text) == ("+0.030", "better")
    assert [ref.role for ref in line.cells[3].refs] == [f"seed {seed}" for seed in (0, 1, 2)] * 2
    assert [ref.id for ref in line.cells[2].refs] == ["seed_s3_tcformer", "seed_s3_wo_ctm"]


def test_more_pairs_make_wider_intervals(table, trained, profiles):
    """95 % for all of them together."""
    rows = [trained(name, (base + 0.003, base, base - 0.003)) for name, base in
            (("wo_ctm", 0.17), ("ctm_topk", 0.15), ("tcformer", 0.20))]

    def width(rows):
        found = next(d for d in build_report(table, profiles["demo"], rows).differences
                     if (d.first["id"], d.second["id"], d.part, d.metric) == ("tcformer", "wo_ctm", *WHOLE))
        return found.high - found.low

    assert width(rows) > width([rows[0], rows[2]])


def test_a_table_that_asks_for_none_has_none(make, profiles):
    other = spec_data("tables", "table_s2")
    row = make.row(other, "hrnet_w48")
    report = build_report(other, profiles["demo"], [make.result(row, "stand-in", make.stand_in(row, "hrnet_small"))])
    assert report.differences == ()
    assert "Rows against each other" not in markdown(report)


def test_a_later_seed_that_failed_is_told(tmp_path):
    plan = make_plan("table_s3", Options(results=str(tmp_path), device="cpu", rows=("wo_ctm",)))
    assert failed_repeats(plan) == []
    for name in ("wo_ctm", "wo_ctm, seed 2"):
        write_failure(RowFolder.of(tmp_path, plan.jobs[name]), plan.jobs[name], "loss is\nnot finite")
    (line,) = failed_repeats(plan)  # the first seed's failure is the row's
    assert line.startswith("wo_ctm, seed 2 failed and is in no mean: loss is not finite (log: ")


# ---- the statistic

def test_welch_as_it_is_printed():
    """Two samples of four and three: t of 4.41 degrees of freedom, worked out by hand."""
    first, second = spread([1.0, 2.0, 3.0, 4.0]), spread([1.0, 1.5, 2.0])
    from scipy import stats

    found = stats.ttest_ind([1.0, 2.0, 3.0, 4.0], [1.0, 1.5, 2.0], equal_var=False).confidence_interval(0.9)
    assert difference_reach(first, second, 0.9) == pytest.approx((found.high - found.low) / 2)
    assert difference_reach(Spread(0, 0, 0, 3), Spread(0, 0, 0, 3)) == 0.0


def test_the_seeds_needed_are_the_fewest_that_tell():
    needed = repetitions_to_differ(0.02, 0.01, 0.012, beside=0.005)
    enough = [np.hypot(difference_reach(Spread(0.01, 0, 0, n), Spread(0.012, 0, 0, n)), 0.005) < 0.02
              for n in (needed - 1, needed)]
    assert enough == [False, True]
    assert repetitions_to_differ(0.001, 0.01, 0.01, beside=0.002) is None


@pytest.mark.parametrize(("seed_sd", "image_sd"), [(0.01, 0.0), (0.01, 0.01), (0.002, 0.01)])
def test_intervals_hold_the_true_difference_as_often_as_they_say(trained, seed_sd, image_sd):
    """Three seeds of each row, images that move the difference; of 400 intervals of 95 % at least 92 % hold it."""
    rng = np.random.default_rng(1)
    held = 0
    first, second = trained("tcformer", (0.0, 0.0, 0.0)), trained("wo_ctm", (0.0, 0.0, 0.0))
    for _ in range(400):
        shift = image_sd * rng.standard_normal()
        resamples = image_sd * rng.standard_normal(DRAWS)
        for result, moved, drawn in ((first, shift, resamples), (second, 0.0, np.zeros(DRAWS))):
            for record, samples in zip(result.seeds, result.other_samples, strict=True):
                value = moved + seed_sd * rng.standard_normal()
                record["metrics"]["parts"]["wholebody"]["AP"] = value
                samples["wholebody"]["AP"] = value + drawn
        found = row_difference(first, second, WHOLE)
        held += found.low <= 0 <= found.high
    assert held >= 0.92 * 400
