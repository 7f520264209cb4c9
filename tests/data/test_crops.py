import pickle

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from harness.data.coco import trainable
from harness.data.crops import TestCrops, TrainCrops, image_rows, init_worker
from harness.data.types import Boxes, Images, People, Split
from harness.errors import UserError
from harness.layout import load_layout
from harness.protocol import make_protocol

LAYOUT = load_layout("coco-wholebody")
WIDTH, HEIGHT = 320, 240
SMALL = {"crop": {"width": 96, "height": 128}}
PLAIN = {"shift_probability": 0, "flip_probability": 0, "half_body_probability": 0, "scale": 0,
         "rotation_probability": 0}

# Key point -> colour (RGB), apart in every channel; left and right differ.
DOTS = {0: (255, 255, 255), 5: (255, 0, 0), 6: (0, 255, 0), 15: (0, 0, 255), 16: (255, 255, 0), 93: (0, 255, 255),
        118: (255, 0, 255)}


def protocol_with(augment=PLAIN, **sections):
    return make_protocol({**SMALL, "augment": augment, **sections}, "test")


def split_of(folder, people=4, images=2):
    """A split of PNG images of coloured dots, one for each labelled key point; person p is on image p % images."""
    rng = np.random.default_rng(7)
    pictures = np.zeros((images, HEIGHT, WIDTH, 3), np.uint8)
    keypoints = np.zeros((people, 133, 3))
    for p in range(people):
        # people side by side so that nobody's dot covers another's
        left, top = 20 + 140 * (p // images), 30
        grid = [(x, y) for y in range(0, 160, 50) for x in (0, 60)]
        places = rng.permutation(grid)[:len(DOTS)] + rng.uniform(0, 10, (len(DOTS), 2)) + (left, top)
        keypoints[p, list(DOTS), :2], keypoints[p, list(DOTS), 2] = places, rng.choice([0.3, 1, 2], len(DOTS))
        for place, colour in zip(places, DOTS.values(), strict=True):
            middle = tuple(int(v) for v in np.round(place * 16))
            cv2.circle(pictures[p % images], middle, 6 * 16, colour[::-1], -1, cv2.LINE_AA, shift=4)
    paths = tuple(folder / f"{i}.png" for i in range(images))
    for path, picture in zip(paths, pictures, strict=True):
        cv2.imwrite(str(path), picture)
    start, stop = (f(keypoints[:, list(DOTS), :2], axis=1) for f in (np.min, np.max))
    box = np.concatenate([start - 10, stop - start + 20], axis=1)
    table = People(
        id=np.arange(people), image_id=np.array([100 + p % images for p in range(people)]), box=box,
        area=box[:, 2] * box[:, 3], crowd=np.zeros(people, bool), keypoints=keypoints,
        body_labelled=np.full(people, 5))
    sizes = np.tile([WIDTH, HEIGHT], (images, 1))
    return Split("dots", "train", LAYOUT, Images(np.arange(100, 100 + images), paths, sizes), table)


@pytest.fixture
def split(tmp_path):
    return split_of(tmp_path)


def everyone(split):
    return np.arange(len(split.people))


def dot_places(image, colour):
    """Centroids (x, y) of the whole dots of a colour in an RGB crop, those at its border left out."""
    near = (np.abs(image.astype(int) - colour) < 110).all(axis=-1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near.astype(np.uint8))
    places = []
    for i in range(1, count):
        x, y, w, h = stats[i, :4]
        if x > 1 and y > 1 and x + w < image.shape[1] - 1 and y + h < image.shape[0] - 1 and min(w, h) > 3:
            rows, columns = np.nonzero(labels == i)
            places.append((columns.mean(), rows.mean()))
    return np.array(places).reshape(-1, 2)


@pytest.mark.parametrize("augment", [PLAIN, {}, {**PLAIN, "flip_probability": 1}, {**PLAIN, "rotation": 80.0,
                                     "rotation_probability": 1.0}, {"version": "1.x"}],
                         ids=["plain", "all", "flip", "rotation", "1.x"])
def test_points_land_where_the_picture_lands(split, augment):
    crops = TrainCrops(split, everyone(split), protocol_with(augment), seed=1)
    flip, seen, mirrored = LAYOUT.flip_index, 0, 0
    for epoch in range(12):
        crops.set_epoch(epoch)
        for i in range(len(crops)):
            sample = crops[i]
            assert set(np.flatnonzero(sample["visible"])) in ({*DOTS}, {flip[k] for k in DOTS})
            was_mirrored = sample["visible"][93] == 0  # finger 93 is labelled, its partner 114 is not
            mirrored += was_mirrored
            for k, colour in DOTS.items():
                places = dot_places(sample["image"], colour)
                if len(places) == 0:
                    continue
                here = sample["points"][flip[k] if was_mirrored else k]
                x, y = here
                if not (12 < x < 84 and 12 < y < 116):
                    continue  # perhaps cut off; the dots seen may be another person's
                assert np.abs(places - here).max(axis=1).min() < 0.5, (epoch, i, k)
                seen += 1
    assert seen > 60
    assert {0: mirrored == 0, 1: mirrored == 48}.get(augment.get("flip_probability", 0.5), 0 < mirrored < 48)


def test_folding_the_mirror_into_the_affine_is_mirroring_first(split):
    """Not only dots: every pixel of a crop of noise is the same to rounding."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    noise = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    for path in split.images.path:
        cv2.imwrite(str(path), noise)
    settings = {**PLAIN, "rotation": 30.0, "rotation_probability": 1, "scale": 0.3}
    folded = TrainCrops(split, everyone(split), protocol_with({**settings, "flip_probability": 1}))[0]
    for path in split.images.path:
        cv2.imwrite(str(path), noise[:, ::-1])
    box = split.people.box[0]
    split.people.box[0] = [WIDTH - 1 - box[0] - box[2], *box[1:]]
    plain = TrainCrops(split, everyone(split), protocol_with(settings))[0]
    difference = np.abs(folded["image"].astype(int) - plain["image"])
    assert difference.max() <= 8
    assert difference.mean() < 0.2


def test_without_augmentation_training_and_test_crops_are_the_same(split):
    protocol = protocol_with()
    train = TrainCrops(split, everyone(split), protocol)
    test = TestCrops(split, Boxes(split.people.image_id, split.people.box, np.ones(4)), protocol)
    for i in range(len(train)):
        assert test[i]["readable"]
        np.testing.assert_array_equal(train[i]["image"], test[i]["image"])
        assert train[i]["image"].shape == (128, 96, 3)
        assert train[i]["points"].dtype == train[i]["visible"].dtype == np.float32


def test_without_augmentation_both_versions_are_the_same(split):
    old, new = (TrainCrops(split, everyone(split), protocol_with({**PLAIN, "version": version}))
                for version in ("0.x", "1.x"))
    for i in range(len(old)):
        np.testing.assert_array_equal(old[i]["image"], new[i]["image"])
        np.testing.assert_array_equal(old[i]["points"], new[i]["points"])


@pytest.mark.parametrize("version", ["0.x", "1.x"])
def test_numbers_for_colours_change_nothing_else(split, version):
    look = {"brightness": 0.4, "erase_probability": 0.5}
    plain = TrainCrops(split, everyone(split), protocol_with({"version": version}), seed=2)
    changed = TrainCrops(split, everyone(split), protocol_with({"version": version, **look}), seed=2)
    found = []
    for epoch in range(3):
        plain.set_epoch(epoch)
        changed.set_epoch(epoch)
        for i in range(len(plain)):
            sample = changed[i]
            found.append(sample.pop("colour")[0])
            assert sample.pop("erased").shape == (4,)
            assert sample.keys() == plain[i].keys()
            for name, value in plain[i].items():
                np.testing.assert_array_equal(sample[name], value)
    assert len(set(found)) == len(found)
    again = TrainCrops(split, everyone(split), protocol_with({"version": version, **look}), seed=2)
    again.set_epoch(2)
    assert again[len(again) - 1]["colour"][0] == found[-1]


def test_a_fraction_of_visibility_counts_as_labelled_and_weighs_one(split):
    assert (split.people.keypoints[..., 2] == 0.3).any()
    assert set(np.unique(TrainCrops(split, everyone(split), protocol_with())[0]["visible"])) == {0, 1}


@pytest.mark.parametrize("parts", [["body"], ["lefthand", "righthand"], ["righthand"], ["face"]])
def test_only_points_of_the_trained_parts_weigh_also_of_a_mirrored_person(split, parts):
    chosen = set(LAYOUT.points_of(parts))
    for flip in (0, 1):
        augment = {**PLAIN, "flip_probability": flip}
        whole = TrainCrops(split, everyone(split), protocol_with(augment))
        some = TrainCrops(split, everyone(split), protocol_with(augment, train={"parts": parts}))
        for i in range(len(whole)):
            shown = {LAYOUT.flip_index[k] if flip else k for k in DOTS}
            assert set(np.flatnonzero(some[i]["visible"])) == shown & chosen
            np.testing.assert_array_equal(some[i]["points"], whole[i]["points"])
            np.testing.assert_array_equal(some[i]["image"], whole[i]["image"])


def test_training_boxes_are_clipped_to_the_image(split):
    split.people.box[0] = [-30, 20, 400, 100]
    crops = TrainCrops(split, everyone(split), protocol_with())
    np.testing.assert_allclose(crops.center[0], [(WIDTH - 1) / 2, 70])


def samples_of(crops, workers, order, persistent=False):
    loader = DataLoader(crops, batch_size=None, sampler=order, num_workers=workers, worker_init_fn=init_worker,
                        persistent_workers=persistent)
    return {i: sample for i, sample in zip(order, loader, strict=True)}


def assert_equal_samples(first, second):
    assert first.keys() == second.keys()
    for i in first:
        for name in first[i]:
            assert torch.equal(torch.as_tensor(first[i][name]), torch.as_tensor(second[i][name])), (i, name)


def test_a_sample_depends_on_seed_epoch_and_index_alone(split):
    crops = TrainCrops(split, everyone(split), protocol_with({}), seed=3)
    crops.set_epoch(5)
    alone = samples_of(crops, 0, [0, 1, 2, 3])
    np.random.seed(0)  # noqa: NPY002 - the global state must not matter
    assert_equal_samples(alone, samples_of(crops, 0, [2, 0, 3, 1]))
    assert_equal_samples(alone, samples_of(crops, 2, [3, 2, 1, 0]))
    fresh = TrainCrops(split, everyone(split), protocol_with({}), seed=3)
    fresh.set_epoch(5)
    assert_equal_samples(alone, samples_of(pickle.loads(pickle.dumps(fresh)), 0, [0, 1, 2, 3]))
    fresh.set_epoch(6)
    assert not np.array_equal(fresh[0]["points"], alone[0]["points"])
    other = TrainCrops(split, everyone(split), protocol_with({}), seed=4)
    other.set_epoch(5)
    assert not np.array_equal(other[0]["points"], alone[0]["points"])


def test_loader_processes_that_stay_see_the_epoch_change(split):
    crops = TrainCrops(split, everyone(split), protocol_with({}), seed=3)
    loader = DataLoader(crops, batch_size=4, num_workers=1, persistent_workers=True)
    for epoch in (0, 1):
        crops.set_epoch(epoch)
        batch = next(iter(loader))
        expected = np.stack([crops[i]["points"] for i in range(4)])
        np.testing.assert_array_equal(batch["points"].numpy(), expected)


def test_the_person_of_a_broken_image_is_replaced_by_the_next_readable_one(tmp_path):
    split = split_of(tmp_path, people=6, images=3)
    split.images.path[1].write_bytes(b"")
    protocol = protocol_with({}, train={"max_broken_images": 0.5})
    for workers in (0, 2):
        crops = TrainCrops(split, everyone(split), protocol)
        assert crops.broken_report() == []
        samples = samples_of(crops, workers, list(range(6)))
        # persons 1 and 4 are on the broken image; 2 and 5 stand in, with the augmentation of 1 and 4
        assert not np.array_equal(samples[1]["points"], samples[2]["points"])
        crops.check_broken()
        (line,) = crops.broken_report()
        assert "1 of 3 images" in line
        assert str(split.images.path[1]) in line
        if workers == 0:
            alone = samples
    assert_equal_samples(alone, samples)


def test_a_stand_in_is_the_next_person(tmp_path):
    split = split_of(tmp_path, people=6, images=3)
    whole = TrainCrops(split, everyone(split), protocol_with(train={"max_broken_images": 0.9}))
    expected = {i: whole[i] for i in (2, 0)}
    split.images.path[1].unlink()
    crops = TrainCrops(split, everyone(split), protocol_with(train={"max_broken_images": 0.9}))
    np.testing.assert_array_equal(crops[1]["image"], expected[2]["image"])
    split.images.path[2].unlink()
    crops = TrainCrops(split, everyone(split), protocol_with(train={"max_broken_images": 0.9}))
    np.testing.assert_array_equal(crops[5]["image"], expected[0]["image"])  # past the end: from the front


@pytest.mark.parametrize("workers", [0, 1])
def test_too_many_broken_images_are_one_line_in_any_process(split, workers):
    for path in split.images.path:
        path.unlink()
    crops = TrainCrops(split, everyone(split), protocol_with())
    with pytest.raises(UserError) as error:
        samples_of(crops, workers, [0])
    assert str(error.value).startswith("1 of 2 images of dots/train cannot be read, more than is tolerated")
    assert "\n" not in str(error.value)


def test_broken_images_of_all_processes_count_together(tmp_path):
    split = split_of(tmp_path, people=6, images=6)
    for i in (1, 4):
        split.images.path[i].unlink()
    crops = TrainCrops(split, everyone(split), protocol_with(train={"max_broken_images": 0.2}))
    list(DataLoader(crops, batch_sampler=[[1]], num_workers=1))  # one of six is tolerable
    crops.check_broken()
    with pytest.raises(UserError, match="2 of 6 images"):
        list(DataLoader(crops, batch_sampler=[[4]], num_workers=1))
    with pytest.raises(UserError, match="2 of 6 images"):
        crops.check_broken()


def test_an_unreadable_test_image_is_a_black_crop_that_says_so(tmp_path):
    split = split_of(tmp_path, people=2, images=2)
    split.images.path[1].unlink()
    boxes = Boxes(split.people.image_id, split.people.box, np.ones(2))
    crops = TestCrops(split, boxes, protocol_with(train={"max_broken_images": 0.5}))
    assert [crops[i]["readable"] for i in range(2)] == [True, False]
    assert not crops[1]["image"].any()
    assert list(crops.reader.broken()) == [str(split.images.path[1])]


def test_nobody_to_train_on_is_an_error(split):
    with pytest.raises(UserError, match=r"dots/train has no person to train on \(of 4\)"):
        TrainCrops(split, np.array([], int), protocol_with())


def test_ids_find_their_images_in_any_order(split):
    images = Images(np.array([7, 3, 5]), split.images.path, split.images.size)
    np.testing.assert_array_equal(image_rows(images, np.array([5, 5, 7, 3])), [2, 2, 0, 1])
    with pytest.raises(UserError, match="image 4, which is not among the 3"):
        image_rows(images, np.array([3, 4]))


def test_the_filter_of_people_fits(split):
    """`trainable` gives what the constructor takes."""
    split.people.crowd[1] = True
    chosen = trainable(split.people, split.images).nonzero()[0]
    assert len(TrainCrops(split, chosen, protocol_with())) == 3
