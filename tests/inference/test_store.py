import numpy as np
import pytest

from harness.data.types import Predictions
from harness.errors import UserError
from harness.inference.store import load_predictions, save_predictions


def predictions(rounded):
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(0, 500, (7, 14, 3))
    if rounded:
        keypoints = keypoints.astype(np.float32).astype(np.float64)
    return Predictions(rng.integers(0, 2**40, 7), rng.uniform(0, 500, (7, 4)), rng.random(7), keypoints)


@pytest.mark.parametrize("rounded", [True, False])
def test_what_is_saved_comes_back_exactly(tmp_path, rounded):
    before = predictions(rounded)
    save_predictions(tmp_path / "a" / "p.npz", before)
    after = load_predictions(tmp_path / "a" / "p.npz")
    for name, value in vars(before).items():
        got = getattr(after, name)
        np.testing.assert_array_equal(got, value)
        assert got.dtype == value.dtype


def test_rounded_points_take_half_the_room_and_equal_predictions_are_equal_bytes(tmp_path):
    for name, rounded in (("a", True), ("b", True), ("c", False)):
        save_predictions(tmp_path / name, predictions(rounded))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "c").stat().st_size - (tmp_path / "a").stat().st_size == 7 * 14 * 3 * 4


def test_no_predictions_at_all(tmp_path):
    empty = Predictions(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0), np.zeros((0, 14, 3)))
    save_predictions(tmp_path / "p.npz", empty)
    assert load_predictions(tmp_path / "p.npz").keypoints.shape == (0, 14, 3)


@pytest.mark.parametrize("spoil", [
    lambda p: p.unlink(),
    lambda p: p.write_bytes(p.read_bytes()[:200]),
    lambda p: p.write_bytes(b""),
    lambda p: p.write_text("hello"),
    lambda p: np.savez(p, image_id=np.zeros(3, int)),
    lambda p: np.savez(p, image_id=np.zeros(3, int), box=np.zeros((3, 4)), box_score=np.zeros(2),
                       keypoints=np.zeros((3, 14, 3))),
    lambda p: np.savez(p, image_id=np.array([{}]), box=np.zeros((1, 4)), box_score=np.zeros(1),
                       keypoints=np.zeros((1, 14, 3))),
    lambda p: np.save(p.open("wb"), np.zeros(3)),
], ids=["missing", "cut off", "empty", "text", "arrays missing", "lengths differ", "objects", "bare array"])
def test_anything_else_is_an_error_that_names_the_file(tmp_path, spoil):
    path = tmp_path / "p.npz"
    save_predictions(path, predictions(True))
    spoil(path)
    with pytest.raises(UserError, match=r"p\.npz"):
        load_predictions(path)
