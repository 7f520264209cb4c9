import json
import time

import pytest

from harness.cli import planned
from harness.cli.launched import show_launch, steps
from harness.errors import UserError
from harness.job import chosen_ap
from harness.launch.launch import HERE
from harness.plan import Job, Options, deviations, keyed, make_plan, seeds_of
from harness.protocol import Protocol
from harness.training.room import size_text
from tests.helpers import harness

RUNNABLE = ["sbl_res152", "hrnet_w48", "tcformer_large"]


def plan(tmp_path, table="table_s2", **options):
    return make_plan(table, Options(results=str(tmp_path / "runs"), device="cpu", **options))


def test_the_demo_runs_the_stand_ins_and_cites_the_rest(tmp_path):
    made = plan(tmp_path)
    assert [row["id"] for row in made.rows] == ["sn", "openpose", "paf", "ae_hrnet_w48", "higherhrnet_w48", "zoomnet",
                                                *RUNNABLE]
    assert list(made.jobs) == RUNNABLE
    assert {job.status for job in made.jobs.values()} == {"stand-in"}
    assert all("cross_entropy" in " ".join(job.notes) for job in made.jobs.values())


def test_a_table_may_train_several_seeds_a_row(tmp_path):
    made = plan(tmp_path, "table_s3")
    rows = ["wo_ctm", "ctm_topk", "tcformer"]
    assert list(made.jobs) == [*rows, *(f"{row}, seed {seed}" for seed in (1, 2) for row in rows)]
    assert [job.seed for job in made.jobs_of("wo_ctm")] == [0, 1, 2]
    assert len({job.train_key for job in made.jobs.values()}) == 9
    assert made.jobs["wo_ctm, seed 1"].key == plan(tmp_path, "table_s3", seed=1).jobs["wo_ctm"].key
    assert [job.seed for job in plan(tmp_path, "table_s3", profile="smoke").jobs.values()] == [0, 0, 0]


def test_given_weights_are_tested_once_whatever_the_seeds(tmp_path):
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"x")
    made = plan(tmp_path, "table_s3", rows=("tcformer", "wo_ctm"), weights={"tcformer": str(weights)})
    assert list(made.jobs) == ["wo_ctm", "tcformer", "wo_ctm, seed 1", "wo_ctm, seed 2"]


def test_other_readings_run_only_when_named(tmp_path):
    assert "wo_ctm_average" not in plan(tmp_path, "table_s3").jobs
    made = plan(tmp_path, "table_s3", rows=("wo_ctm_average",), seed=0)
    assert made.jobs["wo_ctm_average"].model_args == {"merge": "average"}


@pytest.mark.parametrize("seeds", [[], [0, 0], [-1], ["1"], 3])
def test_seeds_that_are_none_are_refused(seeds):
    with pytest.raises(UserError, match=r"table_s3, profile demo: expected different whole numbers"):
        seeds_of({"name": "table_s3", "seeds": {"demo": seeds}}, {"name": "demo"})


def test_a_job_survives_json(tmp_path):
    job = plan(tmp_path, seed=3).jobs["hrnet_w48"]
    assert Job.from_json(json.loads(json.dumps(job.to_json()))).key == job.key


@pytest.mark.parametrize("change", [
    {"seed": 1}, {"settings": ("train.lr=0.1",)}, {"settings": ("test.flip=false",)}, {"boxes": "gt"},
    {"eval_split": "0:5"},
])
def test_the_key_changes_with_what_the_result_depends_on(tmp_path, change):
    before, after = plan(tmp_path).jobs["hrnet_w48"], plan(tmp_path, **change).jobs["hrnet_w48"]
    assert before.key != after.key


def test_what_is_only_evaluated_otherwise_shares_the_training(tmp_path):
    before = plan(tmp_path).jobs["hrnet_w48"]
    assert plan(tmp_path, boxes="gt").jobs["hrnet_w48"].train_key == before.train_key
    assert plan(tmp_path, eval_split="0:5").jobs["hrnet_w48"].train_key == before.train_key
    assert plan(tmp_path, seed=1).jobs["hrnet_w48"].train_key != before.train_key


def test_one_hand_is_trained_where_nothing_is_mirrored_at_test(tmp_path):
    job = plan(tmp_path, settings=("train.parts=[lefthand]", "test.flip=false")).jobs["hrnet_w48"]
    assert job.protocol["train"]["parts"] == ["lefthand"]


def test_the_best_epoch_is_chosen_by_what_was_trained():
    metrics = {part: {"AP": ap} for part, ap in
               {"body": 0.5, "face": None, "lefthand": 0.2, "righthand": 0.4, "wholebody": 0.3}.items()}
    assert chosen_ap(metrics, ()) == 0.3
    assert chosen_ap(metrics, ("lefthand", "righthand")) == pytest.approx(0.3)
    assert chosen_ap(metrics, ("face",)) == 0.0
    assert chosen_ap({"body": {"AP": 0.5}}, ()) == 0.5


def test_the_same_request_has_the_same_keys(tmp_path):
    assert plan(tmp_path).jobs["sbl_res152"].key == plan(tmp_path / "elsewhere").jobs["sbl_res152"].key


def test_training_parts_is_another_training_and_a_deviation_from_the_published_protocol(tmp_path):
    plain = plan(tmp_path).jobs["hrnet_w48"]
    hands = plan(tmp_path, settings=("train.parts=[righthand,lefthand]",)).jobs["hrnet_w48"]
    assert hands.protocol["train"]["parts"] == ["lefthand", "righthand"]
    assert hands.train_key != plain.train_key
    assert hands.key != plain.key
    assert any("parts [] -> ['lefthand', 'righthand']" in note for note in hands.notes)
    twice = plan(tmp_path, settings=("train.parts=[lefthand,righthand,lefthand]",)).jobs["hrnet_w48"]
    assert twice.key == hands.key  # the order and repetitions mean nothing


def test_a_younger_setting_leaves_earlier_keys_alone():
    now = Protocol().model_dump(mode="json")
    assert "parts" in now["train"]
    assert "parts" not in keyed(now)["train"]
    changed = Protocol(train={"parts": ["face"]}).model_dump(mode="json")
    assert keyed(changed)["train"]["parts"] == ["face"]
    assert {**keyed(now)["train"], "parts": ["face"]} == keyed(changed)["train"]


def test_augmentation_as_published_has_the_keys_it_had_before_there_was_another():
    younger = {"version": "1.x", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "erase_probability": 0.3}
    now = Protocol().model_dump(mode="json")
    assert not younger.keys() & keyed(now)["augment"].keys()
    for name, value in younger.items():
        changed = Protocol(augment={name: value}).model_dump(mode="json")
        assert keyed(changed)["augment"] == {**keyed(now)["augment"], name: value}


def test_the_models_of_figure_s9_share_everything_but_the_trained_parts(tmp_path):
    jobs = plan(tmp_path, "figure_s9").jobs
    assert {name: job.protocol["train"]["parts"] for name, job in jobs.items()} == {
        "whole_body": [], "hands_only": ["lefthand", "righthand"], "faces_only": ["face"]}
    assert jobs["whole_body"].train_key == plan(tmp_path, "table_s3", seed=0).jobs["tcformer"].train_key
    without = [{**job.protocol, "train": {**job.protocol["train"], "parts": []}} for job in jobs.values()]
    assert without[0] == without[1] == without[2]


@pytest.mark.parametrize(("options", "words"), [
    ({"settings": ("train.parts=[hand]",)}, r"unknown part of layout coco-wholebody 'hand'.*lefthand.*in train\.parts"),
    ({"settings": ("train.parts=[lefthand]",)}, "the flip test averages .* righthand"),
    ({"settings": ("train.parts=face",)}, "train.parts = 'face'"),
    ({"rows": ("hrnet_w49",)}, "hrnet_w48"),
    ({"profile": "dem"}, "demo"),
    ({"data": "cocowholebody"}, "coco-wholebody"),
    ({"data": "lsp"}, "--data-root"),
    ({"data": "lsp", "data_root": "nowhere"}, "nowhere"),
    ({"data_root": "mine"}, "--data-root mine: profile demo runs on synthetic, .*--data NAME"),
    ({"eval_data_root": "mine"}, "--eval-data-root mine: .*--eval-data NAME"),
    ({"settings": ("train.batch_size=100000000",)}, "batch_size 100000000 .* synthetic/train has 9000 at most"),
    ({"boxes": "none.json"}, "none.json"),
    ({"settings": ("train.learning_rate=1",)}, "train.lr"),
    ({"settings": ("crop=3",)}, r"'crop': .* name one of it \(choices: crop.width, crop.height, crop.padding\)"),
    ({"weights": {"sn": "x.pth"}}, "sn"),
    ({"eval_split": "x:y"}, "x:y"),
    ({"eval_split": "test"}, "val"),
    ({"profile": "paper"}, "--data-root"),
    ({"settings": ("train.precision=fp16",)}, "fp16 needs a GPU"),
])
def test_mistakes_are_named_with_the_choices(tmp_path, options, words):
    with pytest.raises(UserError, match=words):
        plan(tmp_path, **options)


def test_an_unknown_table_is_named():
    with pytest.raises(UserError, match="table_s2"):
        make_plan("table_s9", Options())


def coco_folder(root, splits):
    """A COCO-WholeBody folder with empty annotation files: enough to be planned."""
    for split in splits:
        (root / f"{split}2017").mkdir(parents=True)
        path = root / "annotations" / f"coco_wholebody_{split}_v1.0.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    return str(root)


def test_paper_plans_the_published_models_on_real_data(tmp_path):
    root = coco_folder(tmp_path / "coco", ["train", "val"])
    jobs = plan(tmp_path, profile="paper", data_root=root).jobs
    assert [job.model for job in jobs.values()] == ["sbl_resnet152", "hrnet_w48", "tcformer_large"]
    assert {job.status for job in jobs.values()} == {"measured"}
    assert {job.protocol["target"]["loss"] for job in jobs.values()} == {"mse"}
    assert {job.protocol["crop"]["height"] for job in jobs.values()} == {384}
    assert not any("published protocol" in note for job in jobs.values() for note in job.notes)


def test_without_a_training_split_small_profiles_train_on_synthetic_people_and_say_so(tmp_path):
    root = coco_folder(tmp_path / "coco", ["val"])
    job = plan(tmp_path, data="coco-wholebody", data_root=root).jobs["hrnet_w48"]
    assert job.train.dataset == "synthetic"
    assert any("no training split" in note for note in job.notes)
    done = harness("run", "table_s2", "--data", "coco-wholebody", "--data-root", root, "--dry-run", "--results",
                   tmp_path / "runs", "--device", "cpu")
    assert done.stderr == ("note: rows are trained on synthetic/train, not on the data that they are evaluated on, "
                           "coco-wholebody/val\n")
    assert job.train_key == plan(tmp_path).jobs["hrnet_w48"].train_key
    with pytest.raises(UserError, match="coco_wholebody_train"):
        plan(tmp_path, profile="paper", data_root=root)


def test_a_step_of_more_people_than_a_whole_copy_has_is_refused(tmp_path):
    root = coco_folder(tmp_path / "coco", ["train", "val"])
    assert plan(tmp_path, profile="paper", data_root=root, settings=("train.batch_size=18726",)).jobs
    with pytest.raises(UserError, match=r"18727 in 8 .* is 149816 people a step; coco-wholebody/train has 149813"):
        plan(tmp_path, profile="paper", data_root=root, settings=("train.batch_size=18727",))


def test_half_a_data_set_names_the_file_looked_for(tmp_path):
    (tmp_path / "coco" / "val2017").mkdir(parents=True)
    with pytest.raises(UserError, match=r"coco_wholebody_val_v1\.0\.json"):
        plan(tmp_path, data="coco-wholebody", data_root=str(tmp_path / "coco"))


def test_a_folder_too_deep_names_the_right_one(tmp_path):
    root = coco_folder(tmp_path / "coco", ["train", "val"])
    for profile, given in (("paper", f"{root}/annotations"), ("demo", str(tmp_path))):
        with pytest.raises(UserError, match=rf"^{given} is not the data set's folder, .* --data-root {root}$"):
            plan(tmp_path, profile=profile, data="coco-wholebody", data_root=given)
    with pytest.raises(UserError, match=f"--eval-data-root {root}$"):
        plan(tmp_path, eval_data="coco-wholebody", eval_data_root=f"{root}/val2017")


def test_a_wrong_folder_of_the_lsp_layout_names_the_right_one(tmp_path):
    root = tmp_path / "photos"
    (root / "images").mkdir(parents=True)
    (root / "joints.mat").touch()
    for given in (tmp_path, root / "images"):
        with pytest.raises(UserError, match=rf"^{given} is not the data set's folder, .* --data-root {root}$"):
            plan(tmp_path, profile="smoke", data="lsp", data_root=str(given))
    (root / "images").rmdir()
    with pytest.raises(UserError, match=rf"^data set lsp: {root}/images not found"):
        plan(tmp_path, profile="smoke", data="lsp", data_root=str(root))


def test_a_changed_image_or_annotation_changes_the_key(tmp_path):
    root = coco_folder(tmp_path / "coco", ["train", "val"])
    keys = [plan(tmp_path, profile="paper", data_root=root).jobs["hrnet_w48"].key]
    (tmp_path / "coco" / "val2017" / "000000000001.jpg").write_bytes(b"1")
    keys.append(plan(tmp_path, profile="paper", data_root=root).jobs["hrnet_w48"].key)
    time.sleep(0.01)  # the cache looks at the file's time
    (tmp_path / "coco" / "annotations" / "coco_wholebody_train_v1.0.json").write_text("[]")
    keys.append(plan(tmp_path, profile="paper", data_root=root).jobs["hrnet_w48"].key)
    assert len(set(keys)) == 3


@pytest.mark.parametrize("table", ["table_s1", "table_s2", "imagenet"])
def test_planning_imports_nothing_heavy(table, tmp_path):
    """The promise of half a second rests on what is imported; the time itself is not for a test."""
    import subprocess
    import sys

    from tests.helpers import ROOT

    code = ("import sys\nfrom harness.cli import app\n"
            f"arguments = {['run', table, '--dry-run', '--results', str(tmp_path)]!r}\n"
            "try:\n    app(arguments)\nexcept SystemExit:\n    pass\n"
            "bad = {'torch', 'pandas', 'scipy', 'cv2', 'numpy', 'timm', 'matplotlib'} & set(sys.modules)\n"
            "sys.exit(f'imported {bad}' if bad else 0)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_dry_run_prints_rows_time_and_memory(tmp_path):
    done = harness("run", "table_s2", "--dry-run", "--results", tmp_path / "runs", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    for word in [*RUNNABLE, "zoomnet", "cited", "to run", "minutes", "GiB", "stand-in"]:
        assert word in done.stdout
    assert not (tmp_path / "runs").exists()


def test_steps_that_differ_say_of_which_rows(tmp_path, capsys):
    made = plan(tmp_path)
    show_launch(made, HERE)
    assert capsys.readouterr().out.splitlines() == [
        f"steps:              {steps(made.jobs[row], HERE)} ({rows})"
        for row, rows in (("sbl_res152", "sbl_res152, hrnet_w48"), ("tcformer_large", "tcformer_large"))]
    show_launch(plan(tmp_path, rows=("hrnet_w48",)), HERE)
    assert capsys.readouterr().out == f"steps:              {steps(made.jobs['hrnet_w48'], HERE)}\n"


def test_what_a_plan_expects_is_the_sum_of_its_rows(tmp_path, capsys):
    made = plan(tmp_path)
    jobs = list(made.jobs.values())
    counted = set()
    assert planned.show(made, counted) == sum(job.expected["minutes"] for job in jobs) == 14
    said = capsys.readouterr().out
    assert "expected time:      about 14 minutes on two CPU cores" in said
    assert f"up to {size_text(sum(planned.room(job) for job in jobs))} of checkpoints, and" in said
    assert planned.show(made, counted) == 0, "its trainings are another table's"
    assert "no more: trained for another table" in capsys.readouterr().out
    planned.show(plan(tmp_path, profile="smoke"))
    assert "expected time:      below a minute" in capsys.readouterr().out, "where rows say nothing, the profile does"


def test_dry_run_lists_every_training_and_the_other_readings(tmp_path):
    done = harness("run", "table_s3", "--dry-run", "--results", tmp_path / "runs", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    for words in ("9 training(s) to run", "seed 2", "only when named (--rows): wo_ctm_average, wo_ctm_shallow"):
        assert words in done.stdout


def test_deviations_are_in_words():
    published = {"train": {"epochs": 210, "steps_per_epoch": None, "workers": 4}}
    used = {"train": {"epochs": 1, "steps_per_epoch": 2, "workers": 0}}
    assert deviations(published, used) == ["train differs from the published protocol: epochs 210 -> 1, "
                                           "steps_per_epoch not set -> 2"]
