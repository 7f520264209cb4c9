"""The synthetic people: deterministic, truthful in their annotations, and not to be guessed."""

import json
import multiprocessing
import os
import signal

import cv2
import numpy as np
import pytest

from harness.data import made, synthetic
from harness.data.coco import read_coco_split
from harness.data.synthetic import SPLIT_START, draw_image, is_complete, recipe, write_synthetic
from harness.data.synthetic.body import (
    FACE,
    LEFT_HAND,
    NECK,
    PELVIS,
    RIGHT_HAND,
    pose_figure,
    random_build,
    turn_y,
)
from harness.data.synthetic.boxes import box_iou
from harness.data.synthetic.draw import ARM_LIMBS, LIMBS
from harness.data.synthetic.hand import hand_points
from harness.data.synthetic.pose import random_pose
from harness.data.synthetic.scene import random_scene
from harness.data.synthetic.sheet import ZOOM, example_sheet, keypoints_of
from harness.errors import UserError
from harness.layout import load_layout
from harness.scoring import Scored, score

LAYOUT = load_layout("coco-wholebody")
SPLITS = {"train": 80, "val": 160}
PART_FIELDS = {"foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "data"
    write_synthetic(folder, SPLITS, seed=3)
    return folder


def annotations(root, split):
    return json.loads((root / "annotations" / f"coco_wholebody_{split}_v1.0.json").read_text())


@pytest.fixture(scope="module")
def val(root):
    return annotations(root, "val")


@pytest.fixture(scope="module")
def detections(root):
    return json.loads((root / "annotations" / "person_detections.json").read_text())


def figures(count, seed=0):
    rng = np.random.default_rng(seed)
    return [pose_figure(random_build(rng), random_pose(rng)) for _ in range(count)]


def files_of(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


# What is on the disk


def test_folder_is_an_ordinary_coco_wholebody_data_set(root, val):
    assert len(list((root / "train2017").iterdir())) == SPLITS["train"]
    assert [i["file_name"] for i in val["images"]] == sorted(p.name for p in (root / "val2017").iterdir())
    for image in val["images"][:5]:
        assert cv2.imread(str(root / "val2017" / image["file_name"])).shape == (image["height"], image["width"], 3)
    assert val["categories"][0]["id"] == 1
    assert len(val["categories"][0]["keypoints"]) == 17
    split = read_coco_split(root / "annotations" / "coco_wholebody_val_v1.0.json", root / "val2017", LAYOUT,
                            "synthetic", "val", root / "annotations" / "person_detections.json")
    assert len(split.images) == SPLITS["val"]
    assert len(split.people) == len(val["annotations"])


def test_splits_share_no_picture(root, val):
    train = annotations(root, "train")
    ids = [{i["id"] for i in part["images"]} for part in (train, val)]
    assert not ids[0] & ids[1]
    assert SPLIT_START["train"] >= SPLIT_START["val"] + synthetic.SPLIT_LIMIT


def test_files_do_not_depend_on_workers_or_other_splits(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "_CHUNK", 4)
    write_synthetic(tmp_path / "a", {"val": 10}, seed=7)
    write_synthetic(tmp_path / "b", {"val": 10}, seed=7, workers=2)
    write_synthetic(tmp_path / "c", {"val": 12, "train": 2}, seed=7)
    a, b, c = (files_of(tmp_path / name) for name in "abc")
    assert len(a) == 10 + 3
    assert a == b
    pictures = {name for name in a if name.endswith(".jpg")}
    assert all(a[name] == c[name] for name in pictures)
    known = annotations(tmp_path / "a", "val")["annotations"]
    assert known == annotations(tmp_path / "c", "val")["annotations"][:len(known)]


def test_picture_depends_on_seed_and_index():
    first, people = draw_image(1, 5)
    again, same = draw_image(1, 5)
    assert np.array_equal(first, again)
    assert people == same
    for other in (draw_image(2, 5), draw_image(1, 6)):
        assert not np.array_equal(first, other[0])


def test_other_sizes():
    image, people = draw_image(0, 1, 480, 360)
    assert image.shape == (360, 480, 3)
    assert all(p["bbox"][0] + p["bbox"][2] <= 480 and p["bbox"][1] + p["bbox"][3] <= 360 for p in people)


# Writing


def test_complete_data_are_left_alone(root):
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    write_synthetic(root, SPLITS, seed=3)
    assert before == {p: p.stat().st_mtime_ns for p in root.rglob("*")}


def test_leftovers_of_a_killed_run_are_neither_taken_nor_kept(tmp_path):
    root = tmp_path / "data"
    leftover = tmp_path / ".data.killed.part"
    (leftover / "val2017").mkdir(parents=True)
    assert not is_complete(root, recipe({"val": 2}, 0))
    write_synthetic(root, {"val": 2}, seed=0)
    assert is_complete(root, recipe({"val": 2}, 0))
    assert not leftover.exists()


def _write(root):
    write_synthetic(root, {"val": 3}, seed=0)


def _write_and_die(root):
    made.write_json = lambda path, data: os.kill(os.getpid(), signal.SIGKILL)
    write_synthetic(root, {"val": 3}, seed=0)


def _run(*targets_and_roots):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=target, args=(root,)) for target, root in targets_and_roots]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def test_killed_writer_leaves_nothing_under_the_name(tmp_path):
    root = tmp_path / "data"
    assert _run((_write_and_die, root)) == [-signal.SIGKILL]
    assert not root.exists()
    assert len(list(tmp_path.glob(".data.*.part"))) == 1
    _write(root)
    assert is_complete(root, recipe({"val": 3}, 0))
    assert not list(tmp_path.glob(".data.*.part"))


def test_two_writers_at_once(tmp_path):
    root = tmp_path / "data"
    assert _run((_write, root), (_write, root)) == [0, 0]
    assert is_complete(root, recipe({"val": 3}, 0))
    assert not list(tmp_path.glob("*.part"))


def test_other_contents_are_refused(tmp_path, root):
    with pytest.raises(UserError, match="not the synthetic data asked for"):
        write_synthetic(root, SPLITS, seed=4)
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UserError, match=str(tmp_path)):
        write_synthetic(tmp_path, {"val": 1}, seed=0)
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(("arguments", "message"), [
    (({"test": 3}, 0), "unknown split of the synthetic data 'test'"), (({"val": 0}, 0), "0 pictures"),
    (({}, 0), "at least one split"), (({"val": 3}, -1), "seed -1"), (({"val": 3}, 0, 200, 240), "200x240"),
])
def test_bad_recipes_are_named(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        write_synthetic(tmp_path / "data", *arguments)
    assert not (tmp_path / "data").exists()


# Annotations


def test_annotations_are_valid(val):
    assert len({a["id"] for a in val["annotations"]}) == len(val["annotations"])
    for a in val["annotations"]:
        points = keypoints_of(a, LAYOUT)
        v = points[:, 2]
        assert points.shape == (133, 3)
        assert set(v) <= {0, 1, 2}
        assert (points[v == 0] == 0).all()
        labelled = points[v > 0]
        assert (labelled[:, :2] >= -0.5).all()
        assert (labelled[:, :2] <= [319.5, 239.5]).all()
        assert a["num_keypoints"] == (v[:17] > 0).sum() > 0
        for field, count in PART_FIELDS.items():
            part = field.removesuffix("_kpts")
            assert len(a[field]) == 3 * count
            assert a[f"{part}_valid"] == any(a[field])
            if part != "foot":
                x, y, w, h = a[f"{part}_box"]
                at = np.array(a[field]).reshape(-1, 3)
                at = at[at[:, 2] > 0, :2]
                assert ((at >= [x - 0.02, y - 0.02]) & (at <= [x + w + 0.02, y + h + 0.02])).all()
        x, y, w, h = a["bbox"]
        assert x >= 0
        assert y >= 0
        assert x + w <= 320
        assert y + h <= 240
        assert 0 < a["area"] <= w * h
        assert (a["iscrowd"], a["category_id"]) == (0, 1)


def test_box_and_area_are_those_of_the_painted_pixels():
    for index in range(1, 30):
        rng = synthetic._stream(3, index, 0)
        codes = random_scene(rng, 320, 240).codes
        for a in draw_image(3, index)[1]:
            rows, columns = np.nonzero(codes // LIMBS == a["id"] - 10 * index)
            assert len(rows) == a["area"]
            assert a["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


def test_enough_people_are_occluded_or_truncated(val):
    either = [a["occluded"] or a["truncated"] for a in val["annotations"]]
    assert len(either) > 1.4 * SPLITS["val"]
    assert 0.3 <= np.mean(either) <= 0.75
    assert np.mean([a["occluded"] for a in val["annotations"]]) > 0.05


def test_one_to_three_people_in_a_picture():
    counts = {len(random_scene(synthetic._stream(0, i, 0), 320, 240).people) for i in range(40)}
    assert counts == {1, 2, 3}


def test_visible_points_lie_on_their_own_limb():
    """Wherever a hand or face point is visible, the picture shows that person's hand or head within a pixel."""
    checked = 0
    for index in range(1, 40):
        scene = random_scene(synthetic._stream(3, index, 0), 320, 240)
        for a in draw_image(3, index)[1]:
            points = keypoints_of(a, LAYOUT)
            own = (a["id"] - 10 * index) * LIMBS
            for part, limb in ((LEFT_HAND, ARM_LIMBS[0][2]), (RIGHT_HAND, ARM_LIMBS[1][2]), (FACE, 1)):
                mask = cv2.dilate((scene.codes == own + limb).astype(np.uint8), np.ones((3, 3), np.uint8))
                shown = points[part][1:] if limb != 1 else points[part]  # the root of a hand may show the forearm
                at = np.rint(shown[shown[:, 2] == 2, :2]).astype(int)
                at = np.clip(at, 0, [319, 239])
                assert mask[at[:, 1], at[:, 0]].all()
                checked += len(at)
    assert checked > 1000


def test_hands_and_face_of_one_person_have_the_colour_of_skin():
    """The middle of the palm and the cheeks are about as red as each other, whoever the person is."""
    hues = []
    for index in range(1, 60):
        image, people = draw_image(3, index)
        for a in people:
            points = keypoints_of(a, LAYOUT)
            middle = points[[100, 121]]
            cheeks = points[[23 + 31, 23 + 35]]
            if (middle[:, 2] == 2).any() and (cheeks[:, 2] == 2).all() and a["bbox"][3] > 140:
                hand, face = middle[middle[:, 2] == 2][0], cheeks.mean(0)
                colour = [image[round(p[1]), round(p[0])].astype(float) + 8 for p in (hand, face)]
                hues.append([c[2] / c[0] for c in colour])
    hues = np.array(hues)
    assert len(hues) > 10
    assert np.corrcoef(hues.T)[0, 1] > 0.5
    assert (np.median(hues, axis=0) > 1.15).all()


# The figure


def test_left_is_the_figures_own_left():
    for figure in figures(200):
        across = figure.points[5] - figure.points[6]
        if figure.front > 0.7:
            assert across[0] > 0  # facing the viewer, the left shoulder is further right in the picture
        if figure.front < -0.7:
            assert across[0] < 0
        if figure.face_front > 0.8:
            assert figure.points[1, 0] > figure.points[2, 0]
            assert figure.points[3, 0] > figure.points[4, 0]
            contour = (figure.points[FACE] @ (figure.points[1] - figure.points[2]))[:17]
            assert (np.diff(contour) > 0).all()  # from the right ear over the chin to the left


def test_raised_left_hand_shows_its_thumb_towards_the_head():
    """The palm of a raised left hand turned to the viewer has its thumb at the left in the picture."""
    hand = hand_points(np.zeros(5), 1.0, 1.0)
    # From the hand's axes (-x out of the palm, y along the fingers, the third to the right of both) to the viewer's.
    out_of_palm, along = np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0])
    turn = np.stack([-out_of_palm, along, np.cross(-out_of_palm, along)], axis=1)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    seen = hand @ turn.T
    assert seen[12, 1] < seen[9, 1] < seen[0, 1] < 0  # middle finger up
    assert seen[4, 0] < seen[8, 0] < seen[12, 0] < seen[16, 0] < seen[20, 0]  # thumb to little finger
    curled = hand_points(np.ones(5), 0.0, 1.0) @ turn.T
    assert (curled[[8, 12, 16, 20], 2] < curled[[5, 9, 13, 17], 2]).all()  # fingers close towards the palm
    assert (curled[[8, 12, 16, 20], 1] > seen[[8, 12, 16, 20], 1]).all()


def test_hands_of_figures_are_mirror_images_and_fingers_close_inwards():
    for figure in figures(100, seed=1):
        for hand, sign in ((figure.points[LEFT_HAND], 1.0), (figure.points[RIGHT_HAND], -1.0)):
            out_of_palm = np.cross(hand[9] - hand[0], hand[5] - hand[17]) * sign
            for tip, base in ((8, 5), (12, 9), (16, 13), (20, 17)):
                assert (hand[tip] - hand[base]) @ out_of_palm >= -1e-9


def test_feet_point_forward_and_big_toes_are_inside():
    for figure in figures(100, seed=2):
        for side in (0, 1):
            big, small, heel = figure.points[17 + 3 * side:20 + 3 * side]
            ankle, knee = figure.points[15 + side], figure.points[13 + side]
            assert (big - heel) @ (ankle - knee) > -0.12 * np.linalg.norm(ankle - knee)
            assert np.linalg.norm(big - heel) > np.linalg.norm(small - heel)
            forward, down = (big + small) / 2 - heel, heel - ankle
            # Towards the figure's left: up crossed with forward, in axes with y down and z away.
            left = np.cross(forward, down)
            assert (small - big) @ left * (1 if side == 0 else -1) > 0


def test_limbs_keep_their_length_in_every_pose():
    rng = np.random.default_rng(4)
    build = random_build(rng)
    lengths = []
    for _ in range(50):
        points = pose_figure(build, random_pose(rng)).points
        pairs = [(5, 7), (6, 8), (7, 9), (8, 10), (11, 13), (12, 14), (13, 15), (14, 16)]
        lengths.append([np.linalg.norm(points[a] - points[b]) for a, b in pairs])
    assert np.allclose(lengths, lengths[0])
    assert np.allclose(np.array(lengths)[:, ::2], np.array(lengths)[:, 1::2])


def test_mirrored_pose_gives_mirrored_points():
    """A left-right mirrored figure has exactly the flipped points of the layout."""
    from dataclasses import replace

    flip = np.array(LAYOUT.flip_index)
    for figure in figures(30, seed=5):
        pose = figure.pose
        turned = replace(
            pose, yaw=-pose.yaw, tilt=-pose.tilt, spine=(-pose.spine[0], pose.spine[1], -pose.spine[2]),
            head=(-pose.head[0], pose.head[1], -pose.head[2]), arms=pose.arms[::-1], legs=pose.legs[::-1])
        mirrored = pose_figure(figure.build, turned).points[:133] * [-1, 1, 1]
        assert np.allclose(mirrored[flip], figure.points[:133])


def test_camera_keeps_the_pelvis_and_enlarges_what_is_near():
    figure = figures(1)[0]
    points, size = figure.project(200.0, 160.0, 120.0)
    assert np.allclose(points[PELVIS, :2], [160, 120])
    assert size[PELVIS] == pytest.approx(200.0)
    order = np.argsort(points[:, 2])
    assert (np.diff(size[order]) <= 0).all()
    assert points[NECK, 1] < 120


def test_turns_are_rotations():
    assert np.allclose(turn_y(30) @ turn_y(-30), np.eye(3))
    assert turn_y(40)[0] @ [0, 0, -1] < 0  # to the figure's own right, which is left in the picture


# Detections


def matched(val, detections):
    """Best IoU of every detection with the people of its picture."""
    truth = {}
    for a in val["annotations"]:
        truth.setdefault(a["image_id"], []).append(a["bbox"])
    best = []
    for d in detections:
        boxes = np.array(truth.get(d["image_id"], np.zeros((0, 4))), dtype=float)
        best.append(box_iou(boxes, np.array(d["bbox"])).max() if len(boxes) else 0.0)
    return np.array(best)


def test_detector_boxes_are_jittered_truth_with_misses_and_false_alarms(val, detections):
    best = matched(val, detections)
    scores = np.array([d["score"] for d in detections])
    false = best < 0.3
    assert ((best[~false] >= 0.6) & (best[~false] <= 0.97)).all()
    people, found = len(val["annotations"]), int((~false).sum())
    deviation = np.sqrt(people * 0.1 * 0.9)
    assert abs(people - found - 0.1 * people) < 4 * deviation
    assert 0.02 < false.mean() < 0.2
    assert scores[false].mean() < scores[~false].mean() - 0.2
    assert np.corrcoef(best[~false], scores[~false])[0, 1] > 0.3
    assert ((scores > 0) & (scores < 1)).all()
    boxes = np.array([d["bbox"] for d in detections])
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= [320.01, 240.01]).all()


@pytest.mark.parametrize("box", [[0, 0, 320, 240], [0, 0, 5, 5], [315, 100, 5, 140], [100, 60, 80, 120]])
def test_jitter_keeps_its_range_at_the_edges_of_the_picture(box):
    from harness.data.synthetic.boxes import jittered_box

    rng = np.random.default_rng(0)
    for _ in range(100):
        moved, iou = jittered_box(rng, np.array(box, dtype=float), 320, 240)
        assert 0.6 <= iou <= 0.95
        assert iou == pytest.approx(float(box_iou(moved, np.array(box))))


# Not to be guessed


def test_mean_pose_predictor_gets_next_to_nothing(root):
    train = annotations(root, "train")["annotations"]
    shares = []
    for a in train:
        points, box = keypoints_of(a, LAYOUT), np.array(a["bbox"], dtype=float)
        points[:, :2] = np.where(points[:, 2:] > 0, (points[:, :2] - box[:2]) / box[2:], np.nan)
        shares.append(points[:, :2])
    split = read_coco_split(root / "annotations" / "coco_wholebody_val_v1.0.json", root / "val2017", LAYOUT,
                            "synthetic", "val", None)
    people = split.people
    perfect = Scored(people.image_id, np.concatenate([people.keypoints[..., :2], np.ones((len(people), 133, 1))], 2),
                     np.ones(len(people)))
    assert score(people, perfect, LAYOUT, split.images.id)["body"]["AP"] == pytest.approx(1.0)
    for middle in (np.nanmean(shares, axis=0), np.nanmedian(shares, axis=0)):
        at = people.box[:, None, :2] + middle * people.box[:, None, 2:]
        guess = Scored(people.image_id, np.concatenate([at, np.ones((len(people), 133, 1))], 2), np.ones(len(people)))
        figures = score(people, guess, LAYOUT, split.images.id)
        assert figures["body"]["AP"] <= 0.05
        assert figures["wholebody"]["AP"] <= 0.05


# The sheet


def test_example_sheet(tmp_path):
    path = tmp_path / "sheet.png"
    example_sheet(path, rows=2, cols=1, seed=3)
    sheet = cv2.imread(str(path))
    assert sheet.shape == (2 * (240 * ZOOM + 6), 2 * 320 * ZOOM + 6, 3)
    plain, drawn = sheet[3:3 + 480, 3:643], sheet[3:483, 643:1283]
    assert np.abs(plain.astype(int) - drawn).mean() > 3
    example_sheet(tmp_path / "again.png", rows=2, cols=1, seed=3)
    assert path.read_bytes() == (tmp_path / "again.png").read_bytes()
