"""The index of a split: equal to what was parsed, made once, never stale, never half there."""

import json
import shutil
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from harness.data import index as indexes
from harness.data.sets import DataRef, coco_index, dataset_spec
from harness.errors import UserError
from tests.data.test_coco import annotation, detection


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A small COCO-WholeBody folder, large enough for an index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(indexes, "FROM_BYTES", 0)
    root = tmp_path / "coco"
    images = [{"id": i, "file_name": name, "width": 100 + i, "height": 90}
              for i, name in ((9, "9.jpg"), (2, "sub/2.jpg"), (5, "é.jpg"))]
    people = [annotation(31, 9), annotation(12, 2, iscrowd=1), annotation(77, 9, num_keypoints=3)]
    write(root / "annotations" / "coco_wholebody_val_v1.0.json", {"images": images, "annotations": people})
    write(root / "annotations" / "person_detections.json", [detection(9, 0.5), detection(2, 0.25)])
    (root / "val2017").mkdir()
    return root


def write(path: Path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def val(root: Path) -> DataRef:
    return DataRef("coco-wholebody", str(root), "val")


def made(folder: Path) -> list[Path]:
    return sorted(folder.rglob("val-*.safetensors"))


def assert_equal(found, expected) -> None:
    assert (found.dataset, found.name, found.layout) == (expected.dataset, expected.name, expected.layout)
    assert found.images.path == expected.images.path
    for table in ("images", "people", "detections"):
        for field in fields(getattr(expected, table)):
            ours, parsed = (getattr(getattr(of, table), field.name) for of in (found, expected))
            if field.name != "path":
                assert ours.dtype == parsed.dtype
                assert ours.tobytes() == parsed.tobytes()
                assert ours.shape == parsed.shape


def test_the_opened_split_is_the_parsed_one(root, monkeypatch):
    parsed = coco_index(dataset_spec("coco-wholebody"), root, "val")[1]()
    assert_equal(val(root).open(), parsed)
    monkeypatch.setattr("harness.data.coco.list_chunks", None)  # nothing is parsed from here on
    opened = val(root).open()
    assert_equal(opened, parsed)
    assert not opened.people.keypoints.flags.writeable
    assert opened.people.keypoints.flags.aligned


def test_a_split_without_people_boxes_or_images(root):
    path = root / "annotations" / "coco_wholebody_val_v1.0.json"
    (root / "annotations" / "person_detections.json").unlink()
    write(path, {"images": [], "annotations": []})
    split = val(root).open()
    assert made(root)
    assert (len(split.images), split.people.keypoints.shape, split.detections) == (0, (0, 133, 3), None)


def test_others_can_read_the_file(root):
    split = val(root).open()
    np.testing.assert_array_equal(load_file(made(root)[0])["people.keypoints"], split.people.keypoints)


def test_small_files_get_no_index(root, monkeypatch):
    monkeypatch.setattr(indexes, "FROM_BYTES", 1 << 20)
    assert len(val(root).open().people) == 3
    assert not made(root)


@pytest.mark.parametrize("name", ["coco_wholebody_val_v1.0.json", "person_detections.json"])
def test_a_changed_file_gets_another_index_and_the_old_one_goes(root, name):
    val(root).open()
    (first,) = made(root)
    path = root / "annotations" / name
    path.write_text(path.read_text().replace("0.25", "0.75").replace('"id": 77', '"id": 78'))
    split = val(root).open()
    (second,) = made(root)
    assert second != first
    assert split.people.id[2] == (78 if "val" in name else 77)
    assert split.detections.score[1] == (0.25 if "val" in name else 0.75)


def test_a_touched_file_keeps_its_index(root):
    val(root).open()
    (first,) = made(root)
    stamp = first.stat().st_mtime_ns
    (root / "annotations" / "coco_wholebody_val_v1.0.json").touch()
    val(root).open()
    assert made(root) == [first]
    assert first.stat().st_mtime_ns == stamp


def test_data_that_cannot_be_written_to_have_their_index_in_the_cache(root, tmp_path):
    (root / indexes.FOLDER).write_text("in the way")
    split = val(root).open()
    (path,) = made(tmp_path / "cache")
    assert_equal(val(root).open(), split)
    elsewhere = tmp_path / "copy"
    shutil.copytree(root, elsewhere)
    val(elsewhere).open()
    assert len(made(tmp_path / "cache")) == 2
    assert path.is_file()


def test_too_little_disk_is_told_before_anything_is_read(root, monkeypatch, capsys):
    index, _, images = coco_index(dataset_spec("coco-wholebody"), root, "val")
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(indexes.shutil, "disk_usage", lambda _: usage(1000))
    with pytest.raises(UserError, match=r"index needs up to 1 MiB, and its disk has 0 MiB free"):
        index.make(lambda: pytest.fail("read"), images)
    assert len(val(root).open().people) == 3  # a run goes on without
    assert "note: " in capsys.readouterr().err
    assert not made(root)


def test_the_estimate_is_enough(root):
    index, parse, images = coco_index(dataset_spec("coco-wholebody"), root, "val")
    path = index.make(parse, images)
    assert path.stat().st_size <= index.estimate() <= path.stat().st_size + (1 << 20) + 10_000


def test_a_damaged_index_is_named(root):
    val(root).open()
    (path,) = made(root)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(UserError, match=r"index .*\.safetensors is damaged .*; remove it"):
        val(root).open()


def test_what_a_killed_run_left_goes_and_a_failed_parse_leaves_nothing(root):
    folder = root / indexes.FOLDER
    folder.mkdir()
    (folder / ".val-0123.safetensors.abc.part").write_text("half")
    index, _, images = coco_index(dataset_spec("coco-wholebody"), root, "val")

    def fail():
        raise UserError("no JSON")

    with pytest.raises(UserError, match="no JSON"):
        index.make(fail, images)
    assert {path.name for path in folder.iterdir()} == {"hashes.json", "val.lock"}


def test_it_is_made_once_whoever_asks(root):
    index, parse, images = coco_index(dataset_spec("coco-wholebody"), root, "val")
    calls = []

    def counted():
        calls.append(1)
        return parse()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: index.make(counted, images), range(4)))) == 1
    assert len(calls) == 1


@pytest.mark.shared
def test_the_sample(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "sample"
    shutil.copytree(shared / "data" / "coco-wholebody-sample", root, copy_function=shutil.copyfile)
    for path in (root, *root.iterdir()):
        path.chmod(0o755)
    parsed = val(root).open()
    assert not made(root)
    monkeypatch.setattr(indexes, "FROM_BYTES", 0)
    val(root).open()
    assert_equal(val(root).open(), parsed)
    cut = DataRef("coco-wholebody", str(root), "val", first=1, last=3).open()
    assert cut.images.id.tolist() == parsed.images.id[1:3].tolist()
