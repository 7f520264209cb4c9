"""The strict mode beside xtcocotools on hundreds of drawn cases: every figure and every step before it."""

from collections import Counter

import numpy as np
import orjson
import pytest

from harness.layout import load_layout
from harness.scoring import METRICS, match_parts
from harness.scoring.accumulate import figures as part_figures
from harness.scoring.inputs import load_predictions, load_truth
from harness.scoring.oks import pair_oks
from harness.scoring.pairing import group_by_image, pair_up
from harness.scoring.reference import reference
from harness.scoring.score import ignored_people
from tests.parity.cases import FIELDS, LAYOUT, Case, conditions, draw

CASES, GROUP = 510, 30
AT_LEAST = 25
CONDITIONS = ["empty image", "image without predictions", "crowd", "zero-labelled part", "ties in score",
              "more than 20 predictions", "float visibilities", "missing part scores", "missing area",
              "points outside the image", "one key-point person"]

pytestmark = pytest.mark.parity


@pytest.fixture(autouse=True)
def installed():
    pytest.importorskip("xtcocotools.coco", reason="xtcocotools is not installed; see tests/install_oracles.py")


def load(case, folder, layout):
    """The case as our readers see it, through files."""
    (folder / "truth.json").write_bytes(orjson.dumps(case.annotations))
    (folder / "results.json").write_bytes(orjson.dumps(case.results))
    return load_truth(folder / "truth.json", layout), load_predictions(folder / "results.json", layout).scored


def compare(case, folder, layout=LAYOUT):
    """Figures to 1e-9; matches, flags, scores and their order exactly."""
    truth, scored = load(case, folder, layout)
    theirs = reference(case.annotations, case.results, layout, use_area=case.use_area)
    matches = match_parts(truth.people, scored, layout, truth.image_ids, "auto")
    figures = {part: part_figures(found) for part, found in matches.items()}
    rows = loaded_rows(case)
    for part, run in theirs.items():
        expected = [None if value == -1 else value for value in run.stats]
        assert [figures[part][metric] for metric in METRICS] == pytest.approx(expected, abs=1e-9), part
        for area in range(3):
            images = run.evalImgs[area * len(truth.image_ids):(area + 1) * len(truth.image_ids)]
            compare_images(images, matches[part], area, rows, truth, ignored_people(truth.people, part, layout)[area])


def loaded_rows(case):
    """The reference's id of a prediction (its place in the file, from 1) -> our row of it."""
    people = [i for i, entry in enumerate(case.results) if entry["category_id"] == 1]
    return {i + 1: row for row, i in enumerate(people)}


def compare_images(images, matches, area, rows, truth, ignored):
    """One part in one area range; `rows`: the reference's id of a prediction -> our row."""
    row_of = {identity: row for row, identity in enumerate(truth.people.id.tolist())}
    names = np.append(truth.people.id, -1)  # person -1, nobody, reads the last
    images = [image for image in images if image is not None]
    if not images:
        assert len(matches.prediction) == matches.counted[area].sum() == 0
        return
    assert matches.prediction.tolist() == [rows[i] for image in images for i in image["dtIds"]]
    np.testing.assert_array_equal(matches.score, np.concatenate([image["dtScores"] for image in images]))
    np.testing.assert_array_equal(names[matches.person[area]],
                                  np.concatenate([image["dtMatches"] for image in images], axis=1))
    np.testing.assert_array_equal(matches.ignored[area],
                                  np.concatenate([image["dtIgnore"] for image in images], axis=1))
    for image in images:
        assert [int(ignored[row_of[i]]) for i in image["gtIds"]] == list(image["gtIgnore"])
    assert matches.counted[area].sum() == sum(int(np.sum(image["gtIgnore"] == 0)) for image in images)


def test_every_condition_is_there_often_enough():
    counts = Counter(name for seed in range(CASES) for name in conditions(draw(seed)))
    assert CASES >= 500
    assert sorted(counts) == sorted(CONDITIONS)
    assert min(counts.values()) >= AT_LEAST, counts


@pytest.mark.parametrize("first", range(0, CASES, GROUP))
def test_figures_and_all_steps_are_the_references(first, tmp_path):
    for seed in range(first, first + GROUP):
        try:
            compare(draw(seed), tmp_path)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_similarities_are_the_references(tmp_path):
    assert sum(compare_similarities(draw(seed), tmp_path) for seed in range(600, 620)) > 500


def compare_similarities(case, folder):
    """Every OKS that the reference computes; returns how many."""
    truth, scored = load(case, folder, LAYOUT)
    image = np.searchsorted(truth.image_ids, scored.image_id)
    pairs = pair_up(np.arange(len(scored)), image, group_by_image(truth.people.image_id, truth.image_ids), len(scored))
    ours = pair_oks(pairs, truth.people, scored.keypoints, LAYOUT, chunk=7)
    rows, compared = loaded_rows(case), 0
    for part, run in reference(case.annotations, case.results, LAYOUT, use_area=case.use_area).items():
        for entry in run.evalImgs[: len(truth.image_ids)]:
            theirs = [] if entry is None else run.ious[entry["image_id"], 1]
            for prediction, row in zip(entry["dtIds"] if len(theirs) else [], theirs, strict=True):
                start = pairs.start[rows[prediction]]
                np.testing.assert_allclose(ours[part][start:start + len(row)], row, rtol=1e-14, atol=0)
                compared += len(row)
    return compared


@pytest.mark.parametrize("seed", range(1000, 1010))
def test_a_layout_with_a_body_only(seed, tmp_path):
    layout = load_layout("lsp")
    compare(draw(seed, {"keypoints": layout.size}), tmp_path, layout)


@pytest.mark.shared
@pytest.mark.parametrize("file", ["example_wholebody_preds.json", "example_wholebody_preds_part_scores.json"])
def test_the_published_example(file, shared, tmp_path):
    folder = shared / "data" / "xtcocotools-example"
    annotations = orjson.loads((folder / "example_wholebody_val.json").read_bytes())
    compare(Case(annotations, orjson.loads((folder / file).read_bytes())), tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize("seed", range(5))
def test_perturbed_real_people(seed, shared, tmp_path):
    path = shared / "data" / "coco-wholebody-sample" / "annotations" / "coco_wholebody_val_v1.0.json"
    annotations = orjson.loads(path.read_bytes())
    rng = np.random.default_rng(seed)
    results = []
    for person in annotations["annotations"] * 2:
        entry = {"image_id": person["image_id"], "category_id": 1, "score": float(rng.random())}
        for field in FIELDS:
            points = np.array(person[field], float).reshape(-1, 3)
            noise = rng.normal(0, 0.01 * (1 + seed), (len(points), 2)) * np.sqrt(person["area"])
            points[:, :2] += noise * rng.exponential()
            points[:, 2] = rng.random(len(points))
            entry[field] = points.ravel().tolist()
        results.append(entry)
    compare(Case(annotations, results), tmp_path)
