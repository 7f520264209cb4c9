"""What a plan finds, refuses and makes of the content of data, weights and settings."""

import json

import pytest

from harness.classification.pictures import PictureRef, picture_set
from harness.errors import UserError
from harness.plan import Options, make_plan
from harness.registry import spec_data
from tests.classification.conftest import write_images


def plan(tmp_path, **options):
    return make_plan("imagenet", Options(results=str(tmp_path / "runs"), device="cpu", **options))


def job(tmp_path, row="base", **options):
    return plan(tmp_path, rows=(row,), **options).jobs[row]


def imagenet_folder(root, splits=("train", "val")):
    from tests.classification.test_samples import synsets

    for split in splits:
        write_images(root / split, {name: 1 for name in synsets()}, side=8)
    return str(root)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """A folder of a thousand classes, an image each."""
    return imagenet_folder(tmp_path_factory.mktemp("imagenet"))


def test_demo_trains_one_stand_in_and_cites_the_others(tmp_path):
    found = plan(tmp_path)
    assert list(found.jobs) == ["base"]
    assert [row["id"] for row in found.rows] == ["light", "base", "large"]
    assert found.jobs["base"].status == "stand-in"
    assert found.jobs["base"].model == "tcformer_small"


def test_paper_trains_all_three(tmp_path, imagenet):
    found = plan(tmp_path, profile="paper", data_root=imagenet)
    assert list(found.jobs) == ["light", "base", "large"]
    assert {job.status for job in found.jobs.values()} == {"measured"}
    assert all(not job.notes for job in found.jobs.values())  # no deviation from the published protocol


def test_a_job_becomes_a_file_and_a_job_again(tmp_path):
    first = job(tmp_path)
    assert type(first).from_json(json.loads(json.dumps(first.to_json()))) == first


def test_paper_refuses_clearly_without_the_data(tmp_path):
    with pytest.raises(UserError, match=r"imagenet-1k needs its folder: --data-root DIR.*n01440764"):
        plan(tmp_path, profile="paper")
    with pytest.raises(UserError, match="nowhere does not exist"):
        plan(tmp_path, profile="paper", data_root=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"/val not found.*folder for each of the 1,000 synsets"):
        plan(tmp_path, profile="paper", data_root=str(tmp_path))


def test_a_folder_too_deep_names_the_right_one(tmp_path):
    write_images(tmp_path / "set" / "val", {"cat": 1})
    with pytest.raises(UserError, match=f"--data-root {tmp_path / 'set'}$"):
        plan(tmp_path, data="image-folder", data_root=str(tmp_path / "set" / "val"))


def test_a_wrong_number_of_classes_is_told(tmp_path):
    write_images(tmp_path / "val", {"n01440764": 1, "n01443537": 1})
    with pytest.raises(UserError, match=r"val has 2 class folders \(n01440764 ... n01443537\), not 1000"):
        plan(tmp_path, profile="paper", data_root=str(tmp_path))


def test_classes_that_differ_are_named(folder, tmp_path):
    (folder / "val" / "ant").rename(folder / "val" / "wasp")
    with pytest.raises(UserError, match=r"val lacks 1 \(ant\); .*train lacks 1 \(wasp\)"):
        plan(tmp_path, data="image-folder", data_root=str(folder))


def test_a_flat_folder_needs_its_labels(tmp_path):
    write_images(tmp_path, {"val": 2})
    with pytest.raises(UserError, match=r"no class folders, and beside it there is no LOC_val_solution\.csv or val"):
        plan(tmp_path, profile="paper", data_root=str(tmp_path), rows=("base",))


def test_given_weights_need_no_training_data(tmp_path):
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"x")
    root = imagenet_folder(tmp_path / "images", ["val"])
    found = job(tmp_path, profile="paper", data_root=root, weights={"base": str(weights)})
    assert found.train is None
    assert found.train_key is None
    assert found.status == "measured"
    with pytest.raises(UserError, match="train not found"):
        job(tmp_path, profile="paper", data_root=root)


def test_own_folders_train_as_a_stand_in(folder, tmp_path):
    found = job(tmp_path, profile="paper", data="image-folder", data_root=str(folder))
    assert (found.status, found.model) == ("stand-in", "tcformer")


def test_content_makes_the_key(folder, tmp_path):
    init = tmp_path / "init.pth"
    init.write_bytes(b"x")
    base = {"data": "image-folder", "data_root": str(folder)}
    keys = [job(tmp_path, **base, **more).key for more in (
        {}, {"seed": 1}, {"settings": ("train.lr=0.1",)}, {"init": {"base": str(init)}},
        {"settings": ("test.crop_share=1.0",)})]
    assert len(set(keys)) == len(keys)
    assert job(tmp_path, **base).key == keys[0]
    assert job(tmp_path, **base, settings=("test.crop_share=1.0",)).train_key == job(tmp_path, **base).train_key
    (folder / "train" / "ant" / "7.JPEG").write_bytes(b"one more image")
    assert job(tmp_path, **base).key != keys[0]


def test_a_fingerprint_is_remembered_until_a_folder_changes(folder, tmp_path, monkeypatch):
    import harness.classification.pictures as pictures

    ref, cache = PictureRef("image-folder", str(folder), "train"), tmp_path / "hashes.json"
    first = ref.fingerprint(cache)
    looked = []
    real = pictures.picture_listing_hash

    def picture_listing_hash(path):
        looked.append(path)
        return real(path)

    monkeypatch.setattr(pictures, "picture_listing_hash", picture_listing_hash)
    assert ref.fingerprint(cache) == first
    assert not looked
    (folder / "train" / "ant" / "9.JPEG").write_bytes(b"one more")
    assert ref.fingerprint(cache) != first
    assert looked


@pytest.mark.parametrize(("options", "words"), [
    ({"boxes": "gt"}, "--boxes: without a meaning for imagenet"),
    ({"eval_data": "lsp", "eval_split": "0:3"}, "--eval-data, --eval-split"),
    ({"data": "coco-wholebody", "data_root": "/"}, "no classes of images .*imagenet-1k"),
    ({"settings": ("train.milestones=[1]",)}, "unknown setting"),
    ({"profile": "architecture"}, "choices: demo, paper, smoke"),
    ({"weights": {"large": "x"}, "rows": ("large",)}, "row large cannot take weights: no stand-in"),
])
def test_what_has_no_meaning_is_refused(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        plan(tmp_path, **options)


def test_pose_tables_refuse_labelled_folders(tmp_path):
    with pytest.raises(UserError, match="imagenet-1k is for classification"):
        make_plan("table_s2", Options(results=str(tmp_path), data="imagenet-1k", data_root="/"))


def test_every_data_set_of_images_is_well_formed():
    from harness.registry import names

    found = [name for name in names("datasets") if spec_data("datasets", name).get("kind")]
    assert {"imagenet-1k", "image-folder", "synthetic-classes"} <= set(found)
    for name in found:
        assert picture_set(name).title
    with pytest.raises(UserError, match="unknown option of data set synthetic-classes 'sides'"):
        picture_set("synthetic-classes", {"sides": 3})


def test_a_protocol_that_the_table_has_not_is_named(tmp_path, monkeypatch):
    import harness.plan as planning

    table = spec_data("tables", "imagenet")
    table["rows"][1]["protocol"] = "author"
    monkeypatch.setattr(planning, "spec_data", lambda kind, name: table)
    with pytest.raises(UserError, match="unknown protocol 'author'; did you mean authors"):
        job(tmp_path)
