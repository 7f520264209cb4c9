"""What is checked before a row's first step: boxes, images, and that nothing is trained on that is evaluated on."""

import shutil
from pathlib import Path

import pytest

from harness.beforehand import check, in_both, short_epoch
from harness.errors import UserError
from harness.plan import Options, make_plan
from harness.protocol import make_protocol
from tests.helpers import assert_user_error, harness

ROW = "hrnet_w48"


@pytest.fixture
def root(drawn_people, tmp_path) -> Path:
    """A copy of it: train2017, val2017, annotations; no detections."""
    copy = Path(shutil.copytree(drawn_people, tmp_path / "data"))
    (copy / "annotations" / "person_detections.json").unlink()
    return copy


def checked(root, boxes="gt", told=lambda *arguments: None, **options):
    results = root.parent / "runs"
    plan = make_plan("table_s2", Options(profile="smoke", data="coco-wholebody", data_root=str(root), rows=(ROW,),
                                         boxes=boxes, device="cpu", results=str(results), **options))
    job = plan.jobs[ROW]
    return check(job, make_protocol(job.protocol, ROW), results, told)


def test_nothing_to_say_of_whole_data(root):
    told = []
    assert checked(root, told=lambda *arguments: told.append(arguments)) == []
    assert told[-1] == ("data", 4, 4, "reading the images to evaluate on")


def test_boxes_of_a_detector_are_missed_before_the_training(root):
    with pytest.raises(UserError, match="has no detector boxes"):
        checked(root, boxes="detector")


@pytest.mark.parametrize(("damage", "word"), [
    (Path.unlink, "No such file"), (lambda path: path.write_bytes(path.read_bytes()[:400]), "cut off")])
def test_images_to_evaluate_on_are_read(root, damage, word):
    image = sorted((root / "val2017").iterdir())[0]
    damage(image)
    with pytest.raises(UserError, match=f"1 of 4 images of coco-wholebody/val cannot be read.*{image.name}.*{word}"):
        checked(root)
    checked(root, settings=("train.max_broken_images=0.5",))


def test_images_to_train_on_are_looked_for(root):
    image = sorted((root / "train2017").iterdir())[0]
    image.unlink()
    with pytest.raises(UserError, match=f"1 of 6 images of coco-wholebody/train cannot be read.*{image.name}"):
        checked(root)


def test_an_image_in_both_splits_is_refused(root):
    annotations = root / "annotations"
    train, val = (next(annotations.glob(f"*{split}*")) for split in ("train", "val"))
    shutil.copy(val, train)
    shutil.copytree(root / "val2017", root / "train2017", dirs_exist_ok=True)
    with pytest.raises(UserError, match=r"4 of 4 images of coco-wholebody/val are trained on .*data verify"):
        checked(root)


def test_evaluating_on_the_training_split_is_allowed_where_it_was_asked_for(root):
    (note,) = checked(root, eval_split="train")
    assert "6 of 6 images of coco-wholebody/train are trained on as well" in note


def test_a_name_alone_makes_no_image_the_same(root):
    from harness.data.sets import DataRef

    training = DataRef("coco-wholebody", str(root), "train").open().images
    evaluation = DataRef("coco-wholebody", str(root), "val").open().images
    other = root / "train2017" / evaluation.path[0].name
    shutil.copy(training.path[0], other)
    shared = type(training)(training.id, (other, *training.path[1:]), training.size)
    assert in_both(shared, range(len(shared)), evaluation) == []
    shutil.copy(evaluation.path[0], other)
    assert in_both(shared, range(len(shared)), evaluation) == [evaluation.path[0]]
    assert in_both(shared, range(1, len(shared)), evaluation) == []


def test_steps_that_an_epoch_does_not_have_are_said():
    train = make_protocol({"train": {"batch_size": 8, "processes": 2, "steps_per_epoch": 5}}, "a test").train
    assert short_epoch(80, train) == []
    assert short_epoch(33, train) == ["training: an epoch has all its 3 step(s), not the protocol's 5 "
                                      "(train.steps_per_epoch)"]
    assert short_epoch(10, train)[0].startswith("training: each step has all 10 people, not the protocol's 16")


def test_a_row_without_its_boxes_fails_before_it_trains(root):
    results = root.parent / "runs"
    done = harness("run", "table_s2", "--profile", "smoke", "--data", "coco-wholebody", "--data-root", root, "--rows",
                   ROW, "--boxes", "detector", "--results", results, "--device", "cpu")
    assert_user_error(done, ROW)
    assert "no detector boxes" in done.stdout
    assert not list((results / "trainings").glob("*"))
