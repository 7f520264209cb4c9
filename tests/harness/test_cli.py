"""Every command and every help text; what each prints and refuses."""

import json

import pytest

from tests.helpers import assert_user_error, harness

COMMANDS = ["run", "report", "evaluate", "explain", "errors", "profile", "list", "describe", "doctor", "predict",
            "check", "history", "figure", "status", "lr"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(command):
    done = harness(command, "--help")
    assert done.returncode == 0
    assert f"Example: harness {command}" in done.stdout


def test_help_and_version():
    done = harness("--help")
    assert all(command in done.stdout for command in COMMANDS)
    assert "--install-completion" in done.stdout
    assert harness("--version").stdout.startswith("harness 0.")


@pytest.mark.parametrize(("kind", "names"), [
    ("tables", ["imagenet", "table_s1", "table_s2", "table_s3"]),
    ("profiles", ["architecture", "demo", "paper", "smoke"]),
    ("models", ["tcformer_large", "hrnet_w48", "sbl_resnet152", "openmmlab:<config>"]),
    ("datasets", ["coco-wholebody", "imagenet-1k", "image-folder", "lsp", "synthetic", "synthetic-classes"]),
])
def test_list(kind, names):
    lines = harness("list", kind).stdout.splitlines()
    for name in names:
        assert any(line.startswith(name) for line in lines)


def test_list_as_json_and_an_unknown_kind():
    assert {"name", "title"} == set(json.loads(harness("list", "tables", "--json").stdout)[0])
    assert_user_error(harness("list", "tabels"), "tables")


@pytest.mark.parametrize("name", ["imagenet", "table_s1", "table_s2", "table_s3", "demo", "tcformer_large",
                                  "coco-wholebody", "imagenet-1k", "lsp"])
def test_describe(name):
    done = harness("describe", name)
    assert done.returncode == 0, done.stderr
    assert name in done.stdout
    assert "&id" not in done.stdout, "what a file shares by anchors is written out"


@pytest.mark.parametrize("name", ["synthetic", "synthetic-classes"])
def test_describe_made_data_draws_a_sheet(tmp_path, name):
    done = harness("describe", name, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    import cv2

    sheet = cv2.imread(str(tmp_path / f"{name}-examples.png"))
    assert sheet.shape[0] > 400
    assert sheet.std() > 20


def test_describe_an_unknown_name():
    assert_user_error(harness("describe", "table_s22"), "table_s2")


def test_doctor(tmp_path):
    done = harness("doctor", "--results", tmp_path / "runs")
    assert done.returncode == 0, done.stdout
    for word in ("torch", "CUDA", "xtcocotools", "mmpose", "results"):
        assert word in done.stdout
    assert not (tmp_path / "runs").exists()
    states = {f["state"] for f in json.loads(harness("doctor", "--results", tmp_path, "--json").stdout)}
    assert states <= {"ok", "optional"}


def test_doctor_with_an_unwritable_results_folder(tmp_path):
    (tmp_path / "file").write_text("")
    done = harness("doctor", "--results", tmp_path / "file" / "runs")
    assert done.returncode == 1
    assert "HARNESS_RESULTS" in done.stdout


@pytest.mark.parametrize("name", ["tcformer_small", "tcformer_small_topk", "tcformer_small_grid", "sbl_small",
                                  "hrnet_small", "synthetic", "synthetic-classes", "imagenet", "table_s1", "table_s2",
                                  "table_s3"])
def test_what_ships_here_passes_the_conformance_check(name, tmp_path):
    done = harness("check", name, "--results", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout


def test_check_an_unknown_name_and_a_data_set_without_its_folder(tmp_path):
    assert_user_error(harness("check", "hrnet_smal"), "hrnet_small")
    done = harness("check", "lsp", "--results", tmp_path)
    assert done.returncode == 1
    assert "--data-root" in done.stdout


@pytest.mark.parametrize(("arguments", "status", "words"), [
    (["profile", "tcformer_small", "--threads", "0"], 1, ["--threads 0", "1"]),
    (["profile", "tcformer_small", "--rounds=x"], 1, ["--rounds x"]),
    (["gate", "--pairs", "-1"], 3, ["--pairs -1"]),
    (["profile", "tcformer_small", "--ruonds", "3"], 1, ["--ruonds", "--rounds"]),
    (["run"], 1, ["'table'", "table_s2"]), (["nosuch"], 1, ["nosuch"]),
    (["data", "verify"], 1, ["'name'", "coco-wholebody"]), (["describe"], 1, ["'name'", "harness list KIND"]),
    (["weights", "import"], 1, ["'file'", "mmpose"]), (["results", "promote"], 1, ["--to", "folder to copy to"]),
])
def test_a_command_line_that_does_not_fit_is_one_line_with_the_value(arguments, status, words):
    done = harness(*arguments)
    assert done.returncode == status
    assert len(done.stderr.strip().splitlines()) == 1
    assert_user_error(done, *words, "--help")


@pytest.mark.parametrize(("options", "words"), [
    (["tcformer_small", "--depth", "3"], "--depth is for --operations"),
    (["tcformer_small", "--records", "x"], "--records is for a --suite"),
    (["--suite", "speed", "--batch", "3"], "--batch is for named networks"),
    (["tcformer_small", "--suite", "speed"], "--suite speed"),
    (["tcformer_small", "--out", "/nowhere/x.json"], "no folder /nowhere"),
    (["tcformer_small", "--operations", "--html", "/nowhere/x"], "no folder /nowhere"),
])
def test_options_without_effect_and_outputs_that_cannot_be_written_are_refused(options, words):
    assert_user_error(harness("profile", *options), words)


@pytest.mark.parametrize(("options", "words"), [
    (["--rows", ","], ["--rows ','", "hrnet_w48"]), (["--results", __file__], [f"{__file__} is a file"]),
    (["--results", f"{__file__}/runs"], [f"{__file__} is a file"]),
])
def test_a_run_of_no_row_or_into_a_file_is_refused_in_one_line(options, words):
    done = harness("run", "table_s2", "--profile", "smoke", *options)
    assert len(done.stderr.strip().splitlines()) == 1
    assert_user_error(done, *words)
