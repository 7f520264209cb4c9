"""A planted loss: the decoder without its quarter-pixel shift, under equal settings, must come out as worse by part.

The network is one that knows the truth to within a pixel or so; everything from the heat maps on is the real code.
"""

import shutil

import numpy as np
import pytest
import torch
from torch import nn

from harness.data.coco import trainable
from harness.data.crops import TestCrops as PlainCrops
from harness.data.sets import DataRef
from harness.data.targets import msra_targets
from harness.files import write_json
from harness.gate.findings import ACCURACY, SAME, WORSE
from harness.gate.sides import resolve
from harness.gate.stored import compare_stored
from harness.inference import predict as prediction
from harness.inference.boxes import annotated_boxes
from harness.inference.decode import decode
from harness.inference.store import save_predictions
from harness.job import evaluate_predictions, intervals_of
from harness.protocol import make_protocol
from tests.gate.results_on_disk import record

PROTOCOL = {"test": {"boxes": "gt", "flip": False, "decode": "quarter", "batch_size": 64}}
ERRORS = (0.2, 0.9)
"""Standard deviations of the network's heat maps around the truth, heat-map pixels: it knows some people well, which
decides faces, and others not, which decides bodies."""


class Knowing(nn.Module):
    """Heat maps around given points (N, K, 2) of the input, batch after batch."""

    def __init__(self, points, visible):
        super().__init__()
        self.points, self.visible, self.done = points, visible, 0

    def forward(self, images):
        rows = slice(self.done, self.done + len(images))
        self.done += len(images)
        return msra_targets(self.points[rows], self.visible[rows], images.shape[-1] // 4, images.shape[-2] // 4,
                            exact=True)[0]


def evaluated(split, reference, folder):
    """Predict, score and resample as a job does, and write the row."""
    protocol = make_protocol(PROTOCOL, "a test")
    boxes = annotated_boxes(split)
    crops = PlainCrops(split, boxes, protocol)
    truth = split.people.keypoints[trainable(split.people, split.images)]  # of those whose boxes these are
    scale = np.array([protocol.crop.width, protocol.crop.height]) / crops.size
    points = (truth[:, :, :2] - (crops.center - crops.size / 2)[:, None]) * scale[:, None]
    rng = np.random.default_rng(0)
    points += 4 * rng.choice(ERRORS, (len(points), 1, 1)) * rng.normal(size=points.shape)
    network = Knowing(torch.tensor(points), torch.tensor(truth[:, :, 2] > 0))
    raw, _ = prediction.predict(network, split, boxes, protocol, "cpu")
    folder.mkdir(parents=True)
    save_predictions(folder / "predictions.npz", raw)
    metrics, scored = evaluate_predictions(raw, split, split.layout, protocol)
    intervals = intervals_of(scored, split, split.layout, folder / "resamples.npz")
    data = {"root": reference.root, "options": reference.options, "images": len(split.images),
            "people": len(split.people)}
    write_json(folder / "record.json", record(
        protocol=PROTOCOL, metrics={"parts": metrics}, intervals=intervals, data={"train": None, "eval": data},
        hashes={"evaluate": reference.fingerprint()}))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Folders of the row as it is, once more, and without the shift."""
    folder = tmp_path_factory.mktemp("planted")
    reference = DataRef("synthetic", str(folder / "data"), "val", {"train": 1, "val": 80})
    split = reference.open()
    for name in ("base", "again"):
        evaluated(split, reference, folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prediction, "decode", lambda maps, method, kernel: decode(maps, "argmax", kernel))
        evaluated(split, reference, folder / "planted")
    return folder


def compared(folder, base, candidate):
    found = compare_stored(resolve(str(folder / base)), resolve(str(folder / candidate)), kinds=(ACCURACY,))
    return {one.metric: one for one in found.findings}


def of(found, verdict):
    return {metric for metric, one in found.items() if one.verdict == verdict}


def test_a_decoder_without_its_shift_is_worse_by_part_and_the_same_decoder_is_not(rows):
    again = compared(rows, "base", "again")
    assert of(again, SAME) == set(again)
    planted = compared(rows, "base", "planted")
    assert {"body AP", "foot AP", "face AP", "hand AP", "wholebody AP"} <= of(planted, WORSE)
    assert all(one.change < -0.005 and one.high < 0 for one in planted.values() if one.verdict == WORSE)
    assert of(compared(rows, "planted", "base"), "better") == of(planted, WORSE)


def test_without_resamples_the_predictions_are_scored_again(rows, tmp_path):
    for name in ("base", "planted"):
        copied = shutil.copytree(rows / name, tmp_path / name)
        (copied / "resamples.npz").unlink()
    assert compared(tmp_path, "base", "planted") == compared(rows, "base", "planted")


def test_predictions_that_give_other_figures_than_the_record_are_not_used(rows, tmp_path):
    copied = shutil.copytree(rows / "base", tmp_path / "base")
    (copied / "resamples.npz").unlink()
    shutil.copy(rows / "planted" / "predictions.npz", copied / "predictions.npz")
    shutil.copytree(rows / "again", tmp_path / "again")
    assert all("evaluator or data have changed" in one.reason for one in compared(tmp_path, "base", "again").values())
