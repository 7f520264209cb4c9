"""What docs/photographs.md says is what the records in results/lspet say."""

import re

import pytest

from harness.report import words
from harness.report.show import gather
from tests.helpers import ROOT

PAGE = (ROOT / "docs" / "photographs.md").read_text()


@pytest.fixture(scope="module")
def report():
    return gather("photographs", None, ROOT / "results" / "lspet")[0]


def test_every_seed_was_trained_by_committed_code(report):
    trained = [row.result for row in report.rows if row.result.measured]
    assert len(trained) == 6
    for result in trained:
        assert sorted(record["seed"] for record in result.trainings) == [0, 1, 2]
        assert all(record["code"]["commit"] and not record["code"]["dirty"] for record in result.trainings)


def test_the_profiles_own_banner_is_shown(report):
    assert report.banner.startswith("Stand-ins: small models trained for 20 epochs")


def test_the_tables_of_the_page(report):
    for row in report.rows:
        result = row.result
        if not result.measured:
            continue
        means = " | ".join(f"{result.mean('body', metric):.3f}" for metric in ("AP", "AR", "PCK"))
        seeds = []
        for record in sorted(result.trainings, key=lambda one: one["seed"]):
            low, high = record["intervals"]["parts"]["body"]["AP"]
            seeds.append(f"{record['metrics']['parts']['body']['AP']:.3f} [{low:.3f}, {high:.3f}]")
        assert f"| {result.row['title']} | {means} | {', '.join(seeds)} |" in PAGE


def test_the_differences_of_the_page(report):
    found = [one for one in report.differences if (one.part, one.metric) == ("body", "AP")]
    said = re.findall(r"^\| (\w+) \| ([+−][\d.]+ \[.+\]) \| ([\w ]+) \|$", PAGE, re.MULTILINE)
    assert said == [(str(one.first["title"]).partition(",")[0],
                     words.difference(one.value, one.low, one.high), one.answer) for one in found]
    assert len(said) == 3


@pytest.mark.parametrize(("folder", "row", "rate"), [("lspet", "tcformer_mse", "6e-3"),
                                                     ("lspet-rates/1.0e-3", "tcformer_mse", "1e-3"),
                                                     ("lspet-rates/3.0e-4", "tcformer_mse", "3e-4"),
                                                     ("lspet", "tcformer_ce", "cross entropy, 6e-3")])
def test_the_learning_rates_of_the_page(folder, row, rate):
    results = gather("photographs", None, ROOT / "results" / folder)[0].rows
    result = next(one.result for one in results if one.result.row["id"] == row)
    record = next(one for one in result.trainings if one["seed"] == 0)
    assert record["protocol"]["train"]["lr"] == float(rate.split()[-1])
    said = []
    for metric in ("AP", "PCK"):
        low, high = record["intervals"]["parts"]["body"][metric]
        said.append(f"{record['metrics']['parts']['body'][metric]:.3f} [{low:.3f}, {high:.3f}]")
    assert f"| {rate} (seed 0) | {said[0]} | {said[1]} |" in PAGE
