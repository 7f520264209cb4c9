import cv2
import numpy as np
import pytest

from harness.data.images import ImageReader, TooManyBroken, read_image
from harness.data.types import Images
from harness.errors import UserError

SIZE = (32, 24)


@pytest.fixture
def folder(tmp_path):
    """Nine JPEG files 0.jpg ... of 32 x 24 pixels, each of one grey."""
    for i in range(9):
        cv2.imwrite(str(tmp_path / f"{i}.jpg"), np.full((24, 32, 3), 20 * i, np.uint8))
    return tmp_path


def images_in(folder, count=9):
    paths = tuple(folder / f"{i}.jpg" for i in range(count))
    return Images(np.arange(count), paths, np.tile(np.array(SIZE), (count, 1)))


def test_a_whole_image_is_read(folder):
    image = read_image(folder / "5.jpg", SIZE)
    assert image.shape == (24, 32, 3)
    assert image.dtype == np.uint8
    assert abs(int(image.mean()) - 100) <= 2


@pytest.mark.parametrize(("damage", "reason"), [
    (lambda p: p.unlink(), "No such file"),
    (lambda p: p.write_bytes(b""), "empty"),
    (lambda p: p.write_bytes(p.read_bytes()[:-3]), "cut off"),
    (lambda p: p.write_bytes(p.read_bytes()[:60]), "cut off"),
    (lambda p: p.write_bytes(b"not a picture"), "not an image"),
    (lambda p: cv2.imwrite(str(p), np.zeros((9, 7, 3), np.uint8)), "7x9 pixels, annotated as 32x24"),
], ids=["missing", "empty", "cut in the scan", "cut in the header", "text", "other size"])
def test_what_cannot_be_used_is_told_in_words(folder, damage, reason):
    damage(folder / "0.jpg")
    assert reason in read_image(folder / "0.jpg", SIZE)


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(folder):
    path = folder / "0.jpg"
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert not isinstance(read_image(path, SIZE), str)


def test_a_tolerated_broken_image_is_none_and_listed(folder):
    (folder / "3.jpg").write_bytes(b"")
    reader = ImageReader(images_in(folder), np.arange(9), tolerated=0.2, title="here/train")
    assert reader.read(3) is None
    assert reader.read(3) is None
    assert reader.read(4).shape == (24, 32, 3)
    assert reader.broken() == {str(folder / "3.jpg"): "the file is empty"}


def test_one_too_many_is_an_error_that_names_the_files(folder):
    for i in (2, 6):
        (folder / f"{i}.jpg").unlink()
    reader = ImageReader(images_in(folder), np.arange(9), tolerated=0.2, title="here/train")
    assert reader.read(2) is None
    with pytest.raises(UserError, match=r"2 of 9 images of here/train .*0\.2.*2\.jpg .*; .*6\.jpg"):
        reader.read(6)


def test_the_share_is_of_the_images_in_use(folder):
    (folder / "2.jpg").unlink()
    with pytest.raises(TooManyBroken, match="1 of 3 images"):
        ImageReader(images_in(folder), np.array([1, 2, 2, 4]), tolerated=0.2, title="t").read(2)


def test_no_readable_image_at_all_is_never_tolerated(folder):
    (folder / "0.jpg").unlink()
    with pytest.raises(TooManyBroken):
        ImageReader(images_in(folder, 1), np.array([0]), tolerated=1.0, title="t").read(0)


def test_the_error_reads_the_same_after_passing_through_a_loader():
    text = "3 of 9 images of x cannot be read: more"
    wrapped = f'Caught TooManyBroken in worker 0.\nTraceback:\n  File "a.py"\nharness.x.TooManyBroken: {text}\n'
    assert str(TooManyBroken(wrapped)) == str(TooManyBroken(text)) == text
