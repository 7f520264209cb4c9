"""`harness evaluate` from end to end, and the function behind it."""

import json
import sys

import numpy as np
import pytest
import yaml

from harness.cli.evaluated import quirk_table, show
from harness.data.types import Predictions
from harness.errors import UserError
from harness.evaluating import Request, evaluate_files
from harness.inference.store import save_predictions
from harness.scoring import METRICS
from tests.helpers import ROOT, assert_user_error, harness
from tests.scoring.scenes import LAYOUT, NO_FEET, SCENES, person, points, prediction

PARTS = ["body", "foot", "face", "lefthand", "righthand", "hand", "wholebody"]


@pytest.fixture
def files(tmp_path):
    """A function that writes a truth of one image and predictions, and gives the request to evaluate them."""
    def write(people, predictions, images=(1,), **options):
        people = [{**entry, "id": i} for i, entry in enumerate(people, start=1)]
        content = {"images": [{"id": i} for i in images], "annotations": people, "categories": [{"id": 1}]}
        (tmp_path / "truth.json").write_text(json.dumps(content))
        (tmp_path / "results.json").write_text(json.dumps(predictions))
        return Request(tmp_path / "truth.json", tmp_path / "results.json", **options)

    return write


def test_figures_and_what_informs_them(files):
    result = evaluate_files(files([person(0), person(1000, **NO_FEET), person(3000, iscrowd=1)],
                                  [prediction(0, 0.9), prediction(1000, 0.8)], images=(1, 2)))
    assert list(result["parts"]) == PARTS
    assert all(list(figures) == list(METRICS) for figures in result["parts"].values())
    assert result["informed"]["body"] == {"people": 2, "images": 1, "predictions": 2}
    assert result["informed"]["foot"] == {"people": 1, "images": 1, "predictions": 2}
    assert result["skipped"]["parts"]["foot"]["unlabelled"] == 1
    assert result["skipped"]["crowds"] == 1
    assert result["skipped"]["images_without_predictions"] == 1
    assert "curves" not in result
    json.dumps(result, allow_nan=False)


def test_hands_are_informed_by_people_with_either(files):
    bare = {name: [0.0] * 63 for name in ("lefthand_kpts", "righthand_kpts")}
    people = [person(0, lefthand_kpts=bare["lefthand_kpts"]), person(1000, righthand_kpts=bare["righthand_kpts"]),
              person(2000, **bare)]
    informed = evaluate_files(files(people, [prediction(0, 0.9)]))["informed"]
    assert [informed[part]["people"] for part in ("lefthand", "righthand", "hand")] == [1, 1, 2]


def test_key_points(files):
    """The first person's nose is off by 1.5 of its scale, another's is unlabelled, the third is not found."""
    sigma = LAYOUT.sigmas[0]
    off = prediction(0, 0.9)
    off["keypoints"][0] += 1.5 * 2 * sigma * 100  # the root of the area is 100
    unlabelled = person(1000)
    unlabelled["keypoints"][2] = 0
    rows = evaluate_files(files([person(0), unlabelled, person(3000)], [off, prediction(1000, 0.8)]))["keypoints"]
    nose, eye = rows[:2]
    assert [row["name"] for row in rows] == list(LAYOUT.keypoints)
    assert (nose["labelled"], nose["matched"], nose["part"]) == (2, 1, "body")
    assert nose["median_error"] == pytest.approx(1.5)
    assert nose["within_50"] == 0  # exp(-1.5^2 / 2) = 0.32
    assert (eye["labelled"], eye["matched"], eye["median_error"]) == (3, 2, 0)
    assert eye["within_50"] == eye["within_75"] == pytest.approx(2 / 3)


def test_what_is_left_out_is_counted_and_shown(files):
    predictions = [prediction(1000 * i, 0.5 + i / 100) for i in range(22)]
    predictions[0] |= {"foot_kpts": [1.0, 1.0, 0.0] * 6}
    predictions[1] |= {"face_score": 0.5}
    predictions.append({"image_id": 1, "category_id": 3})
    without = person(0)
    del without["area"]
    result = evaluate_files(files([without, person(0, category_id=2)], predictions))
    assert result["truth"]["other_categories"] == result["truth"]["areas_estimated"] == 1
    assert result["predictions"]["other_categories"] == 1
    skipped = result["skipped"]["parts"]
    assert (skipped["face"]["ranked_by_person_score"], skipped["foot"]["ranked_by_person_score"]) == (21, 22)
    assert (skipped["foot"]["silent"], skipped["foot"]["beyond_20"]) == (1, 1)
    assert (skipped["body"]["silent"], skipped["body"]["beyond_20"]) == (0, 2)
    assert skipped["face"]["ranked_by_person_score"] == 21
    text = "\n".join(show(result))
    for line in ("1 annotations of other categories", "1 predictions of other categories", "1 people have no area",
                 "predictions without a point score above 0: foot 1",
                 "ranked by the person's: foot 22, face 21, lefthand 22, righthand 22, wholebody 22",
                 "beyond the 20 best of their image: body 2, foot 1"):
        assert line in text


def test_curves_are_those_of_the_figures(files):
    result = evaluate_files(files([person(0)], [prediction(1000, 0.9), prediction(0, 0.8)], curves=True))
    precision = np.array(result["curves"]["precision"]["foot"])
    assert precision.shape == (len(result["curves"]["oks"]), len(result["curves"]["recall"])) == (10, 101)
    assert precision.mean() == pytest.approx(result["parts"]["foot"]["AP"])


def test_intervals_and_differences_repeat_with_the_seed(files, tmp_path):
    people = [person(0, image_id=i) for i in range(8)]
    predictions = [prediction(3 * i, 0.5, image_id=i) for i in range(8)]
    (tmp_path / "other.json").write_text(json.dumps([prediction(0, 0.5, image_id=i) for i in range(8)]))
    request = files(people, predictions, images=range(8), resamples=50, against=tmp_path / "other.json", seed=3)
    first, again = evaluate_files(request), evaluate_files(request)
    assert first == again
    interval = first["intervals"]["foot"]["AP"]
    assert interval["low"] <= first["parts"]["foot"]["AP"] <= interval["high"]
    difference = first["against"]["difference"]["foot"]["AP"]
    assert difference["value"] == first["parts"]["foot"]["AP"] - first["against"]["parts"]["foot"]["AP"] < 0
    assert difference["favours_second"] > 0.9
    assert difference["resamples"] == 50
    text = "\n".join(show(first))
    assert "95% intervals, 50 resamples" in text
    assert "Against" in text


def test_the_corrected_mode_reaches_the_figures(files):
    scene = SCENES["valid_unread"]
    strict, corrected = (evaluate_files(files(scene.people, scene.predictions, mode=mode))
                         for mode in ("strict", "corrected"))
    assert strict["parts"]["foot"]["AP"] < corrected["parts"]["foot"]["AP"] == pytest.approx(1)
    assert {"APs", "ARs"} <= set(corrected["parts"]["hand"])
    assert "APs" in "\n".join(show(corrected))


def test_two_rankings_are_not_compared_in_silence(files, tmp_path):
    people, plain = [person(0)], [prediction(0, 0.9)]
    (tmp_path / "other.json").write_text(json.dumps(plain))
    own = [{**plain[0], "foot_score": 0.5}]
    result = evaluate_files(files(people, own, against=tmp_path / "other.json"))
    assert (result["predictions"]["ranked_by"], result["against"]["predictions"]["ranked_by"]) == ("part", "person")
    assert "may come from that alone" in "\n".join(show(result))
    alike = evaluate_files(files(people, own, against=tmp_path / "other.json", score_key="person"))
    assert "may come from that alone" not in "\n".join(show(alike))


def test_stored_predictions_and_a_rows_folder(files, tmp_path):
    request = files([person(0)], [])
    everything = np.concatenate([np.array(values).reshape(-1, 3) for values in points(0, 0.9).values()])
    save_predictions(tmp_path / "predictions.npz", Predictions(
        np.array([1, 1]), np.tile([0.0, 0, 100, 100], (2, 1)), np.array([0.5, 0.4]), np.stack([everything] * 2)))
    result = evaluate_files(Request(request.truth, tmp_path / "predictions.npz"))
    assert result["predictions"]["suppressed"] == 1
    assert result["parts"]["wholebody"]["AP"] == pytest.approx(1)
    assert "suppressed by OKS-NMS" in "\n".join(show(result))


def test_where_nobody_counts_there_are_no_figures(files):
    result = evaluate_files(files([], [prediction(0, 0.9)], resamples=5, curves=True))
    assert result["parts"]["foot"]["AP"] is None
    assert any("-" in line for line in show(result))
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(("options", "message"), [
    ({"score_key": "parts"}, "unknown score key 'parts'; did you mean part"),
    ({"mode": "strickt"}, "unknown mode 'strickt'; did you mean strict"),
    ({"evaluator": "coco"}, r"unknown evaluator 'coco'.*\(choices: ours, xtcocotools\)"),
    ({"evaluator": "xtcocotools", "mode": "corrected", "resamples": 5}, "has no --mode corrected, --bootstrap"),
    ({"score_key": "part"}, "ranking by part scores was asked for, but the predictions have none"),
    ({"layout": "cocowholebody"}, "unknown layout 'cocowholebody'; did you mean coco-wholebody"),
    ({"layout": "lsp"}, r"the first annotation: keypoints has 51 numbers, expected 42 \(layout lsp\); its points are "
     "those of layout coco-wholebody: --layout coco-wholebody"),
])
def test_mistaken_requests(files, options, message):
    with pytest.raises(UserError, match=message):
        evaluate_files(files([person(0)], [prediction(0, 0.5)], **options))


def test_the_reference_is_named_with_its_installation_where_it_is_missing(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "xtcocotools.coco", None)
    with pytest.raises(UserError, match=r"xtcocotools cannot be loaded .*pip install"):
        evaluate_files(files([person(0)], [prediction(0, 0.5)], evaluator="xtcocotools"))


@pytest.mark.parity
@pytest.mark.parametrize("key", ["auto", "person"])
def test_the_reference_evaluates_the_same_files(files, key):
    pytest.importorskip("xtcocotools.coco", reason="xtcocotools is not installed; see tests/install_oracles.py")
    people, predictions = [person(0), person(1000)], [prediction(20, 0.9, foot_score=0.1), prediction(1010, 0.8)]
    theirs = evaluate_files(files(people, predictions, evaluator="xtcocotools", score_key=key))
    ours = evaluate_files(files(people, predictions, score_key=key))
    assert theirs["evaluator"].startswith("xtcocotools 1.")
    for part, values in theirs["parts"].items():
        assert ours["parts"][part] == pytest.approx(values, abs=1e-9)


def test_the_command_prints_a_table_or_json_and_writes_a_file(files, tmp_path):
    request = files([person(0)], [prediction(0, 0.5)])
    arguments = ["evaluate", "--gt", request.truth, "--pred", request.predictions]
    done = harness(*arguments, "--quirks", "--out", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert "wholebody     1.000" in done.stdout
    assert "17  crowd_takes_many" in done.stdout
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["quirks"][0]["number"] == 1
    printed = json.loads(harness(*arguments, "--json").stdout)
    assert printed["parts"] == written["parts"]


@pytest.mark.parametrize("command", ["evaluate", "errors"])
def test_a_command_refuses_a_file_without_predictions(files, command):
    request = files([person(0)], [])
    done = harness(command, "--gt", request.truth, "--pred", request.predictions)
    assert_user_error(done, "holds no prediction")


def test_the_command_refuses_in_one_line_and_writes_nothing(files, tmp_path):
    request = files([person(0)], [prediction(0, 0.5, image_id=7)])
    out = tmp_path / "out.json"
    done = harness("evaluate", "--gt", request.truth, "--pred", request.predictions, "--out", out)
    assert_user_error(done, "1 of 1 predictions are on images")
    assert not out.exists()


def test_its_own_output_alone_is_written_over(files, tmp_path):
    request, out = files([person(0)], [prediction(0, 0.5)]), tmp_path / "out.json"
    arguments = ["evaluate", "--gt", request.truth, "--pred", request.predictions, "--out", out]
    done = harness(*arguments)
    assert "1 person in 1 image\n" in done.stdout
    assert harness(*arguments).returncode == 0
    out.write_text("{}")
    assert_user_error(harness(*arguments), "--out", "not written over")
    assert out.read_text() == "{}"


@pytest.mark.shared
def test_the_published_example(shared):
    folder = shared / "data" / "xtcocotools-example"
    result = evaluate_files(Request(folder / "example_wholebody_val.json",
                                    folder / "example_wholebody_preds_part_scores.json", quirks=True))
    golden = yaml.load((shared / "reference" / "published.yaml").read_text(),
                       Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["evaluator_golden_values"]
    for part, figures in golden["part_scores_used"].items():
        assert list(result["parts"][part].values()) == pytest.approx(figures, abs=5.1e-5)
    effect = {row["name"]: row["effect"] for row in result["quirks"]}
    assert effect["body_score_unread"]["body"] > 0.02
    assert effect["unlabelled_excuses"]["foot"] < -0.1


@pytest.mark.shared
def test_the_documentation_shows_the_list_as_the_command_prints_it(shared):
    folder = shared / "data" / "xtcocotools-example"
    result = evaluate_files(Request(folder / "example_wholebody_val.json",
                                    folder / "example_wholebody_preds_part_scores.json", quirks=True))
    assert "\n".join(list(quirk_table(result["quirks"]))[1:]) in (ROOT / "docs" / "scoring.md").read_text()
