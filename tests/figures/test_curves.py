"""How a table's trainings went, as a figure."""

import json

import pytest

from harness.figures.curves import as_json, curves_of, draw, facts_of
from harness.profiling.figures import save
from harness.report.model import MISSING, STAND_IN, RowResult
from tests.helpers import assert_user_error, harness


def trained(row, loss="mse", seed=0, ap=0.2, interval=(0.1, 0.3)):
    """A record as a training of three epochs leaves it."""
    return {"row": row, "title": row.upper(), "table": "t", "profile": "p", "status": STAND_IN, "seed": seed,
            "key": f"{row}{seed}", "model": {"name": "small"}, "protocol": {"target": {"loss": loss}},
            "metrics": {"parts": {"body": {"AP": ap, "PCK": None}}},
            "intervals": {"parts": {"body": {"AP": interval and list(interval), "PCK": None}}},
            "training": {"history": [{"epoch": n, "loss": 1 / n, "lr": 0.1} for n in (1, 2, 3)]}}


def result(row, *records):
    return RowResult({"id": row, "title": row.upper()}, STAND_IN, records[0], seeds=records if len(records) > 1 else ())


TWO = [result("a", trained("a"), trained("a", seed=1, ap=0.25)), result("b", trained("b", "cross_entropy"))]


def test_every_seed_and_every_kind_of_loss():
    first, second = curves_of([*TWO, RowResult({"id": "c", "title": "C"}, MISSING)], "body", ["AP", "PCK"])
    assert (first.seeds, first.loss, second.loss) == ((0, 1), "mse", "cross_entropy")
    assert first.losses[0] == ((1, 1.0), (2, 0.5), (3, 1 / 3))
    assert first.scores == {"AP": ((0.2, 0.1, 0.3), (0.25, 0.1, 0.3)), "PCK": ()}
    assert [fact["key"] for fact in facts_of(TWO)] == ["a0", "a1", "b0"]
    assert json.loads(json.dumps(as_json([first], "body")))["rows"][0]["scores"]["AP"][1] == [0.25, 0.1, 0.3]


def test_panels_are_the_losses_and_the_metrics_that_have_values():
    figure = draw(curves_of(TWO, "body", ["AP", "PCK"]), "body", "title")
    assert [axes.get_title() for axes in figure.axes] == ["mean squared error", "cross entropy", "body AP"]
    assert len(figure.axes[0].lines) == 2
    assert [label.get_text() for label in figure.axes[2].get_yticklabels()] == ["A\n(small, stand-in)",
                                                                                "B\n(small, stand-in)"]


def test_rows_without_intervals_or_scores_are_drawn_too():
    bare = [result("a", trained("a", interval=None)), result("b", trained("b", ap=None))]
    assert len(draw(curves_of(bare, "body", ["AP"]), "body", "title").axes) == 2
    none = [result("b", trained("b", ap=None))]
    assert len(draw(curves_of(none, "body", ["AP"]), "body", "title").axes) == 1


def test_equal_bytes(tmp_path):
    for name in ("a.svg", "b.svg"):
        save(tmp_path / name, lambda: draw(curves_of(TWO, "body", ["AP"]), "body", "title"))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_another_profile_is_named(tmp_path):
    (tmp_path / "table_s2" / "smoke" / "hrnet_w48-a").mkdir(parents=True)
    (tmp_path / "table_s2" / "smoke" / "hrnet_w48-a" / "record.json").write_text("{}")
    assert_user_error(harness("figure", "curves", "table_s2", "--results", tmp_path), "profile demo", "there is smoke")
    done = harness("figure", "curves", "table_s2", "--profile", "smoke", "--results", tmp_path)
    assert_user_error(done, "hrnet_w48-a/record.json is damaged")


@pytest.mark.parametrize(("arguments", "words"), [
    (["table_s1"], ("table_s1", "no such curves")),
    (["table_s2", "--part", "nose"], ("nose", "face")),
    (["table_s2", "--rows", "hrnet"], ("hrnet", "hrnet_w48")),
    (["table_s2", "--out", "curves.txt"], ("curves.txt", ".png")),
    (["table_s2"], ("no training of table_s2 in profile demo", "harness run")),
])
def test_mistakes_are_one_line(arguments, words, tmp_path):
    assert_user_error(harness("figure", "curves", *arguments, "--results", tmp_path), *words)
