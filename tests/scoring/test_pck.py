"""PCK by hand, its resamples, and the conventions that its numbers depend on."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.sets import DataRef
from harness.data.types import People
from harness.layout import load_layout
from harness.scoring import Scored, pck

LAYOUT = load_layout("lsp")
SHOULDER, HIP = 9, 2


def people_of(count):
    """One person an image, 100 pixels of torso, joints on a line."""
    points = np.zeros((count, 14, 3))
    points[..., 0], points[..., 2] = 50 * np.arange(14), 2
    points[:, SHOULDER, :2], points[:, HIP, :2] = (0, 100), (0, 0)
    ids = np.arange(count)
    return People(ids, ids, np.zeros((count, 4)), np.ones(count), np.zeros(count, bool), points, np.full(count, 14))


def predictions_of(people, shift=0.0):
    points = people.keypoints.copy()
    points[..., 0] += shift
    return Scored(people.image_id.copy(), points, np.ones(len(people)))


@pytest.mark.parametrize(("shift", "value"), [(0, 1.0), (19.9, 1.0), (20.0, 1.0), (20.1, 0.0)])
def test_a_joint_counts_within_a_fifth_of_the_torso(shift, value):
    people = people_of(3)
    assert pck.find(people, predictions_of(people, shift), LAYOUT, people.image_id).value == value


def test_unlabelled_joints_and_people_without_a_torso_are_left_out():
    people = people_of(3)
    people.keypoints[0, 5, 2] = 0
    people.keypoints[1, HIP, 2] = 0
    scored = predictions_of(people)
    scored.keypoints[2, 3, 0] += 50
    found = pck.find(people, scored, LAYOUT, people.image_id)
    assert found.left_out == 1
    assert found.value == pytest.approx(26 / 27)
    details = found.to_json(LAYOUT)
    assert details["people"] == 2
    assert details["joints"]["left_hip"] == 0.5
    assert details["torso"] == ["left_shoulder", "right_hip"]


def test_of_several_predictions_the_surest_counts_and_none_is_a_miss():
    people = people_of(2)
    good, bad = predictions_of(people), predictions_of(people, 70)
    both = Scored(np.array([0, 0]), np.stack([bad.keypoints[0], good.keypoints[0]]), np.array([0.1, 0.9]))
    assert pck.find(people, both, LAYOUT, people.image_id).value == 0.5
    turned = replace(both, score=np.array([0.9, 0.1]))
    assert pck.find(people, turned, LAYOUT, people.image_id).value == 0.0


def test_several_people_an_image_or_no_torso_have_no_pck():
    people = people_of(2)
    together = replace(people, image_id=np.zeros(2, np.int64))
    assert pck.find(together, predictions_of(together), LAYOUT, np.array([0])) is None
    assert pck.find(people, predictions_of(people), replace(LAYOUT, torso=None), people.image_id) is None


def test_resamples_are_what_repeated_images_give():
    people, rng = people_of(5), np.random.default_rng(0)
    scored = predictions_of(people)
    scored.keypoints[..., :2] += rng.normal(0, 20, scored.keypoints[..., :2].shape)
    found = pck.find(people, scored, LAYOUT, people.image_id)
    copies = np.array([[1, 1, 1, 1, 1], [2, 0, 0, 3, 0], [0, 0, 0, 0, 0]])
    values = found.resampled(copies)
    assert values[0] == found.value
    rows = [0, 0, 3, 3, 3]
    assert values[1] == found.right[rows].sum() / found.labelled[rows].sum()
    assert np.isnan(values[2])


def test_46_of_the_400_photographs_have_no_torso(shared):
    split = DataRef("lsp", str(shared / "data/lspet-mini"), "test").open()
    found = pck.find(split.people, predictions_of(split.people), LAYOUT, split.images.id)
    assert (found.left_out, found.value) == (46, 1.0)
