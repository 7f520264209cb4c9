"""What a network sees of an image, for each task."""

from pathlib import Path

import numpy as np
import pytest

from harness.data.types import Boxes, Images, People, Split
from harness.errors import UserError
from harness.figures import views
from harness.figures.photos import Photos, nobody
from harness.figures.rows import open_row
from harness.layout import load_layout

LAYOUT = load_layout("coco-wholebody")
IMAGES = Images(np.array([1, 2]), (None, None), np.array([[200, 100], [200, 100]]))
BOXES = Boxes(np.array([1]), np.array([[10.0, 10, 30, 40]]), np.ones(1))
ROW = open_row("tcformer_small", Path("nowhere"))


def faces(*spans, image_id=1):
    """People with two labelled face points each, at opposite corners x0, y0, x1, y1; None for one without."""
    keypoints = np.zeros((len(spans), 133, 3))
    for person, span in zip(keypoints, spans, strict=True):
        if span:
            person[30], person[40] = (*span[:2], 2), (*span[2:], 1)
    ids = np.arange(len(spans))
    return People(ids, np.full(len(spans), image_id), np.tile([0.0, 0, 90, 90], (len(spans), 1)), np.ones(len(spans)),
                  np.zeros(len(spans), bool), keypoints, ids)


def photos(people):
    return Photos(Split("x", "x", LAYOUT, IMAGES, people), BOXES, [])


def test_only_the_largest_box_of_an_image_is_drawn():
    boxes = Boxes(np.array([1, 2, 1]), np.array([[0, 0, 5, 5], [0, 0, 1, 1], [0, 0, 6, 5.0]]), np.ones(3))
    assert views.largest(boxes).box[:, 2].tolist() == [6, 1]


def test_views_are_the_crops_of_the_protocol_or_the_centre_of_the_image():
    (view,) = views.views_of(photos(nobody(LAYOUT)), ROW, "pose")
    crop = ROW.protocol.crop
    assert (view.width, view.height) == (crop.width, crop.height)
    assert view.center.tolist() == [25, 30]
    assert view.size == pytest.approx([30 * crop.padding, 40 * crop.padding])
    view, _ = views.views_of(photos(nobody(LAYOUT)), ROW, "classification")
    assert (view.width, view.height) == (224, 224)
    assert view.center.tolist() == [100, 50]
    assert view.size.tolist() == [90, 90]


def test_a_face_is_the_box_around_its_labelled_points():
    people = faces((10, 20, 40, 60), None, (50, 20, 60, 30), (5, 5, 5, 9))  # no face; a face without a width
    found = views.face_boxes(people, LAYOUT)
    assert found.box.tolist() == [[10, 20, 30, 40], [50, 20, 10, 10]]
    assert len(views.views_of(photos(people), ROW, "face")) == 2
    (view,) = views.views_of(photos(people), ROW, "face", one_each=True)
    assert view.center.tolist() == [25, 40]
    assert (view.width, view.height) == (ROW.protocol.crop.width, ROW.protocol.crop.height)
    assert len(views.face_boxes(faces(None), load_layout("lsp"))) == 0


def test_boxes_are_taken_for_faces_where_nobody_is_annotated():
    (view,) = views.views_of(photos(nobody(LAYOUT)), ROW, "face")
    assert view.center.tolist() == [25, 30]


def test_people_without_a_face_are_said():
    with pytest.raises(UserError, match="nobody annotated in x/x has a labelled face"):
        views.views_of(photos(faces(None)), ROW, "face")


def test_tasks_are_read_once_each():
    assert views.parse_tasks("pose, classification,pose") == ["pose", "classification"]
    with pytest.raises(UserError, match="unknown task 'poses'; did you mean pose"):
        views.parse_tasks("face,poses")
