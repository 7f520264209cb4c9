"""The metric beside xtcocotools, from the same files: figures, matches and similarities."""

import contextlib
import copy
import io
import json
import warnings

import numpy as np
import pytest

from harness.data.coco import read_coco_split
from harness.layout import load_layout
from harness.scoring import METRICS, load_results, match_parts, score
from harness.scoring.oks import pair_oks
from harness.scoring.pairing import group_by_image, pair_up

LAYOUT = load_layout("coco-wholebody")
IOU_TYPES = {"body": "keypoints", **{part: f"keypoints_{part}" for part in LAYOUT.parts if part != "body"}}
FIELDS = {part.points: part.stop - part.start for part in LAYOUT.parts.values() if part.points is not None}

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def reference():
    """Evaluate with xtcocotools: (annotations, results, part) -> its COCOeval, summarized."""
    reason = "xtcocotools is not installed; see tests/install_oracles.py"
    coco_module = pytest.importorskip("xtcocotools.coco", reason=reason)
    eval_module = pytest.importorskip("xtcocotools.cocoeval", reason=reason)

    def run(annotations, results, part, layout=LAYOUT):
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            truth = coco_module.COCO()
            truth.dataset = copy.deepcopy(annotations)
            for entry in truth.dataset["annotations"]:
                entry.setdefault("iscrowd", 0)
            truth.createIndex()
            found = truth.loadRes(copy.deepcopy(results))
            sigmas = layout.sigmas[layout.parts[part].slice]
            evaluation = eval_module.COCOeval(truth, found, IOU_TYPES[part], sigmas)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return evaluation

    return run


def load(annotations, results, folder, layout=LAYOUT):
    """The same through files and our readers."""
    (folder / "truth.json").write_text(json.dumps(annotations))
    (folder / "results.json").write_text(json.dumps(results))
    split = read_coco_split(folder / "truth.json", folder, layout, "case", "val", None)
    return split, load_results(folder / "results.json", layout)


def assert_equal_figures(annotations, results, folder, reference, layout=LAYOUT):
    split, scored = load(annotations, results, folder, layout)
    ours = score(split.people, scored, layout, split.images.id, "auto")
    for part in layout.parts:
        theirs = reference(annotations, results, part, layout).stats
        expected = [None if value == -1 else value for value in theirs]
        for metric, mine, other in zip(METRICS, ours[part].values(), expected, strict=True):
            assert mine == pytest.approx(other, abs=1e-9), f"{part} {metric}"


@pytest.mark.shared
@pytest.mark.parametrize("file", ["example_wholebody_preds.json", "example_wholebody_preds_part_scores.json"])
def test_published_example(file, shared, tmp_path, reference):
    folder = shared / "data" / "xtcocotools-example"
    annotations = json.loads((folder / "example_wholebody_val.json").read_text())
    results = json.loads((folder / file).read_text())
    assert_equal_figures(annotations, results, tmp_path, reference)


@pytest.mark.shared
@pytest.mark.parametrize("seed", range(3))
def test_perturbed_real_people(seed, shared, tmp_path, reference):
    path = shared / "data" / "coco-wholebody-sample" / "annotations" / "coco_wholebody_val_v1.0.json"
    annotations = json.loads(path.read_text())
    rng = np.random.default_rng(seed)
    results = []
    for person in annotations["annotations"] * 2:
        entry = {"image_id": person["image_id"], "category_id": 1, "score": float(rng.random())}
        for field in FIELDS:
            points = np.array(person[field], float).reshape(-1, 3)
            noise = rng.normal(0, 0.02 * (1 + seed), (len(points), 2)) * np.sqrt(person["area"])
            points[:, :2] += noise * rng.exponential()
            points[:, 2] = rng.random(len(points))
            entry[field] = points.ravel().tolist()
        results.append(entry)
    assert_equal_figures(annotations, results, tmp_path, reference)


def random_case(seed, fields=FIELDS):
    """Annotations and results with all that the metric treats in a way of its own, in varying amounts."""
    rng = np.random.default_rng(seed)
    often = rng.choice([0.05, 0.3])
    images = [{"id": int(i), "file_name": f"{i}.jpg", "width": 640, "height": 480}
              for i in rng.permutation(50)[: rng.integers(1, 8)]]
    annotations, results = [], []
    for image in images:
        people = int(rng.choice([0, 1, 2, 5]))
        for _ in range(people):
            annotations.append(random_person(rng, image["id"], often, fields))
            if rng.random() < 0.15:  # somebody annotated twice: equal similarities
                annotations.append(copy.deepcopy(annotations[-1]))
        here = [person for person in annotations if person["image_id"] == image["id"]]
        for _ in range(int(rng.choice([0, 3, 8, 26]))):
            results.append(random_prediction(rng, image["id"], here, often, fields))
    for person, identity in zip(annotations, rng.permutation(1000)[:len(annotations)], strict=True):
        person["id"] = int(identity) + 1
    annotations = [annotations[i] for i in rng.permutation(len(annotations))]
    results = [results[i] for i in rng.permutation(len(results))]
    if rng.random() < 0.4:
        for entry in results:
            entry["bbox"] = [0.0, 0.0, float(rng.choice([20.0, 48.0, 96.0, 300.0])), 96.0]
    if not any("score" in entry for entry in results):  # loadRes wants one at least
        results.append(random_prediction(rng, images[0]["id"], [], often, fields))
    categories = [{"id": 1, "name": "person"}]
    return {"images": images, "annotations": annotations, "categories": categories}, results


def category(rng, often):
    """Mostly people; others must be left out."""
    return 2 if rng.random() < often / 5 else 1


def random_person(rng, image, often, fields):
    """An annotation: also on the borders of the area ranges, labelled in part, sometimes a crowd."""
    side = float(rng.choice([20.0, 32.0, 60.0, 96.0, 200.0]))
    corner = rng.uniform(-30, 300, 2)
    labelled = rng.choice(["most", "one", "none"], p=[0.8, 0.1, 0.1])
    person = {"image_id": image, "category_id": category(rng, often), "bbox": [*corner.round(2).tolist(), side, side],
              "area": float(rng.choice([side * side, 0.6 * side * side]))}
    if rng.random() < often:
        person["iscrowd"] = 1
    if rng.random() < often:
        person["ignore"] = 1
    for field, count in fields.items():
        points = np.zeros((count, 3))
        if labelled == "most" and rng.random() > often:
            points[:, :2] = corner + rng.random((len(points), 2)) * side
            points[:, 2] = rng.choice([0, 1, 2, 0.3], len(points))
            points[points[:, 2] == 0] = 0
        elif labelled == "one":
            points[rng.integers(len(points))] = [*corner, 2]
        person[field] = points.round(1).ravel().tolist()
    return person


def random_prediction(rng, image, people, often, fields):
    """A prediction: a person exactly, nearly or not at all; scores on a coarse grid: many are equal."""
    entry = {"image_id": image, "category_id": category(rng, often), "score": round(float(rng.random()), 1)}
    base = people[rng.integers(len(people))] if people and rng.random() < 0.8 else None
    noise = float(rng.choice([0.0, 1.0, 4.0, 15.0]))
    for field, count in fields.items():
        if base is None:
            points = rng.uniform(-100, 700, (count, 3))
        else:
            points = np.array(base[field]).reshape(count, 3)
            points[:, :2] += noise * rng.normal(size=(count, 2)).round(1)
        points[:, 2] = 0 if rng.random() < often / 2 else rng.random(count).round(2)
        entry[field] = points.ravel().tolist()
    for part in LAYOUT.parts.values():
        if part.score != "score" and rng.random() < 0.5:
            entry[part.score] = round(float(rng.random()), 1)
    return entry


@pytest.mark.parametrize("seed", range(80))
def test_random_cases(seed, tmp_path, reference):
    assert_equal_figures(*random_case(seed), tmp_path, reference)


@pytest.mark.parametrize("seed", range(300, 308))
def test_a_layout_with_a_body_only(seed, tmp_path, reference):
    layout = load_layout("lsp")
    annotations, results = random_case(seed, {"keypoints": layout.size})
    assert_equal_figures(annotations, results, tmp_path, reference, layout)


def loaded_rows(results):
    """The reference's id of a prediction (its place in the file, from 1) -> our row of it."""
    people = [i for i, entry in enumerate(results) if entry["category_id"] == 1]
    return {i + 1: row for row, i in enumerate(people)}


@pytest.mark.parametrize("seed", range(101, 107))
def test_matches(seed, tmp_path, reference):
    """Who was matched with whom and who was ignored, in every area range, at every threshold."""
    annotations, results = random_case(seed)
    assert annotations["annotations"]  # without any the reference leaves its score key at the person's
    split, scored = load(annotations, results, tmp_path)
    ours = match_parts(split.people, scored, LAYOUT, split.images.id, "auto")
    rows = loaded_rows(results)
    names = np.append(split.people.id, -1)  # person -1, nobody, reads the last
    for part, matches in ours.items():
        images = reference(annotations, results, part).evalImgs
        for a, start in enumerate(range(0, len(images), len(split.images))):
            theirs = [e for e in images[start:start + len(split.images)] if e is not None]
            assert matches.prediction.tolist() == [rows[i] for e in theirs for i in e["dtIds"]]
            np.testing.assert_array_equal(names[matches.person[a]],
                                          np.concatenate([e["dtMatches"] for e in theirs], axis=1))
            np.testing.assert_array_equal(matches.ignored[a],
                                          np.concatenate([e["dtIgnore"] for e in theirs], axis=1))
            np.testing.assert_array_equal(matches.score, np.concatenate([e["dtScores"] for e in theirs]))
            counted = sum(int(np.sum(e["gtIgnore"] == 0)) for e in theirs)
            assert matches.counted[a].sum() == counted


@pytest.mark.parametrize("seed", range(200, 204))
def test_similarities(seed, tmp_path, reference):
    annotations, results = random_case(seed)
    split, scored = load(annotations, results, tmp_path)
    people = group_by_image(split.people.image_id, split.images.id)
    image = np.searchsorted(split.images.id, scored.image_id)
    pairs = pair_up(np.arange(len(scored)), image, people, len(scored))
    ours = pair_oks(pairs, split.people, scored.keypoints, LAYOUT, chunk=7)
    rows, compared = loaded_rows(results), 0
    for part in LAYOUT.parts:
        evaluation = reference(annotations, results, part)
        for entry in evaluation.evalImgs[: len(split.images)]:
            theirs = [] if entry is None else evaluation.ious[entry["image_id"], 1]
            for prediction, row in zip(entry["dtIds"] if len(theirs) else [], theirs, strict=True):
                start = pairs.start[rows[prediction]]
                np.testing.assert_allclose(ours[part][start:start + len(row)], row, rtol=1e-14, atol=0)
                compared += len(row)
    assert compared > 0
