"""Bold values: the best of a column and what is not worse beyond the paired interval."""

import numpy as np
import pytest

from harness.report import build_report, json_data, latex, markdown
from harness.report.best import best_cells
from harness.scoring.resample import load_samples, save_samples
from tests.report.test_rendering import rows_of

COLUMN = ("wholebody", "AP")
DRAWN = {"draws": 0, "resamples": 400, "level": 0.95, "images": {"wholebody": 5000}}


@pytest.fixture
def measured(make, table):
    """A function that makes a measured row from its whole-body AP, its resampled figures and what else differs."""
    def row(name, value, samples, status="measured", **drawn):
        spec = make.row(table, name)
        record = make.faithful(spec, hashes={"evaluate": "the same"})
        record["metrics"]["parts"]["wholebody"]["AP"] = value
        record["intervals"] |= DRAWN | drawn
        return make.result(spec, status, record, samples={"wholebody": {"AP": samples}})

    return row


@pytest.fixture
def shared_noise():
    """What all rows have in common: the images of each resample."""
    return 0.01 * np.random.default_rng(0).standard_normal(400)


def bold(*rows):
    return {name for name, cells in best_cells(rows, [COLUMN]).items() if COLUMN in cells}


def test_bold_by_the_paired_interval_not_by_each_rows_own(measured, shared_noise):
    """0.004 apart with intervals of ±0.02 each: told apart, as both move together."""
    own = 0.001 * np.random.default_rng(1).standard_normal(400)
    best = measured("tcformer_large", 0.610, 0.610 + shared_noise)
    behind = measured("hrnet_w48", 0.606, 0.606 + shared_noise + own)
    close = measured("sbl_res152", 0.609, 0.609 + shared_noise + own)
    assert bold(best, behind, close) == {"tcformer_large", "sbl_res152"}


@pytest.mark.parametrize("drawn", [{"draws": 1}, {"resamples": 200}, {"images": {"wholebody": 4999}}])
def test_rows_of_other_draws_or_images_are_not_held_together(measured, shared_noise, drawn):
    assert bold(measured("tcformer_large", 0.6, 0.6 + shared_noise),
                measured("hrnet_w48", 0.5, 0.5 + shared_noise, **drawn)) == set()


def test_alone_stand_in_or_without_samples_nothing_is_bold(measured, shared_noise):
    one = measured("tcformer_large", 0.6, 0.6 + shared_noise)
    assert bold(one) == set()
    assert bold(one, measured("hrnet_w48", 0.5, 0.5 + shared_noise, status="stand-in")) == set()


def test_bold_in_every_form(measured, shared_noise, table, profiles):
    rows = [measured("hrnet_w48", 0.5001, 0.5001 + shared_noise),
            measured("tcformer_large", 0.6001, 0.6001 + shared_noise)]
    table = {**table, "parts": ["wholebody"], "metrics": ["AP"]}
    report = build_report(table, profiles["paper"], rows)
    assert "**0.600**" in markdown(report)
    assert "**0.500**" not in markdown(report)
    assert r"\textbf{0.600}" in latex(report)
    assert {(row["row"], row["best"]) for row in rows_of(report)} == {("hrnet_w48", "no"), ("tcformer_large", "yes")}
    assert [row["best"] for row in json_data(report)["rows"]] == [[], [{"part": "wholebody", "metric": "AP"}]]
    assert "not worse than the best measured value" in markdown(report)


def test_samples_come_back_from_their_file(tmp_path):
    samples = {"wholebody": {"AP": np.array([0.5, np.nan]), "AR": np.array([0.25, 0.75])}}
    save_samples(tmp_path / "resamples.npz", samples)
    found = load_samples(tmp_path / "resamples.npz")
    assert list(found) == ["wholebody"]
    for metric, values in samples["wholebody"].items():
        np.testing.assert_array_equal(found["wholebody"][metric], values)
