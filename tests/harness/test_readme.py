"""The README's commands, as they stand there, with the smallest profile and real files for the placeholders."""

import re
import shlex
import tomllib

import pytest

from tests.harness.test_plan import coco_folder
from tests.helpers import ROOT, harness

README = (ROOT / "README.md").read_text()

RUN_ELSEWHERE = ("table_s1", "table_s3", "imagenet", "all", "photographs")
"""Run in tests/architecture, tests/harness/test_everything.py and tests/classification, or long; only planned here."""


def readme_commands():
    """Every command in the README's code blocks that begins with `harness`, comments removed."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0] for language, block in blocks if not language for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|;", line)]
    return [part for part in parts if part.startswith("harness ")]


def test_the_two_commands_are_there():
    assert len(readme_commands()) >= 10
    assert "python -m pip install -e . && harness run table_s2" in README
    assert "python -m pip install tox && tox" in README
    assert "python -m pip install --quiet tox && tox" in (ROOT / ".ci" / "run").read_text()
    assert (ROOT / "tox.ini").is_file()
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["harness"] == "harness.cli:main"


@pytest.mark.slow
@pytest.mark.parametrize("command", readme_commands())
def test_a_command_of_the_readme(command, own_results, tmp_path, request):
    words = shlex.split(command)[1:]
    weights = next(own_results.glob("trainings/hrnet_small-*/final.pth"))
    pictures = next((own_results / "data").glob("synthetic-*")) / "val2017"
    row = next(own_results.glob("table_s2/smoke/hrnet_w48-*"))
    annotations = next(own_results.glob("data/synthetic-*/annotations/coco_wholebody_val_v1.0.json"))
    values = {"FILE": str(weights), "FILE.pth": str(weights), "NAME": "table_s2", "DIR": str(pictures),
              "ANNOTATIONS": str(annotations), "PREDICTIONS": str(row), "ROW": str(row),
              "errors.png": str(tmp_path / "errors.png"), "operations.html": str(tmp_path / "operations.html")}
    if words[0] == "run":
        if "lsp" in words:
            values["DIR"] = str(request.getfixturevalue("shared") / "data" / "lspet-mini")
            words += ["--eval-split", "0:8", "--set", "train.batch_size=2", "--rows", "tcformer_large"]
        if "figure_s9" in words:
            words += ["--rows", "hands_only"]
        if "photographs" in words:
            values["DIR"] = str(request.getfixturevalue("shared") / "data" / "lspet-mini")
        elif "paper" in words:
            values["DIR"] = coco_folder(tmp_path / "coco", ["train", "val"])
            words += [] if "--dry-run" in words else ["--dry-run"]
        elif "table_s1" not in words:  # nothing is trained there: it has one size
            words += ["--profile", "smoke"]
        words += ["--results", str(own_results)]
        if "slurm" not in words:  # elsewhere there are GPUs
            words += ["--device", "cpu"]
        if any(word.startswith("openmmlab:") for word in words):
            pytest.importorskip("mmpose", reason="mmpose is not installed")
            words += ["--set", "train.steps_per_epoch=1"]
    if words[0] == "run" and words[1] in RUN_ELSEWHERE:
        words += ["--dry-run"]
    if words[0] == "lr":
        words += ["--profile", "smoke", "--steps", "10", "--results", str(own_results), "--device", "cpu"]
    if words[:2] == ["data", "verify"]:  # a small set that is whole
        values |= {"coco-wholebody": "lsp", "DIR": str(request.getfixturevalue("shared") / "data" / "lspet-mini")}
    if words[:2] == ["data", "prepare"]:  # drawn where nothing is yet
        values |= {"coco-wholebody": "synthetic", "DIR": str(tmp_path / "drawn")}
        words += ["--set", "train=2", "--set", "val=1"]
    if words[0] == "results":  # of code that is in no commit yet, perhaps
        values |= {"runs": str(own_results), "results/NAME": str(tmp_path / "kept")}
        words += ["--force"]
    if words[0] == "predict":
        words += ["--out", str(tmp_path / "out")]
    if words[0] in ("report", "status"):
        words += ["--results", str(own_results)]
    if words[0] == "describe":
        words += ["--out", str(tmp_path)]
    if words[0] == "profile":
        words += ["--rounds", "1"]
        values |= {"384x288": "64x64", "tcformer_large,hrnet_w48": "tcformer_small,hrnet_small"}
        if "--suite" in words:  # a group that needs a GPU: on other machines it is only named
            words += ["--records", str(tmp_path / "speed"), "--only", "base_inference_1"]
            values["docs/speed.md"] = str(tmp_path / "speed.md")
    if words[0] in ("compare", "gate", "baseline"):
        values |= {"runs_before": str(own_results), "runs": str(own_results), "HEAD~1": "HEAD",
                   "gate.xml": str(tmp_path / "gate.xml")}
        if words[0] == "gate":
            words.insert(1, "HEAD~1")
        if "HEAD~1" in words:  # one pair of one network: it cannot tell, and says so
            words += ["--models", "tcformer_small", "--input", "64x64", "--only", "speed", "--pairs", "1",
                      "--no-calibration", "--results", str(tmp_path)]
        if words[0] == "baseline":
            words += ["--store", str(tmp_path / "baselines")]
    if words[0] == "figure":
        values["wo_ctm,tcformer,ctm_topk"] = "tcformer_large,tcformer_small"  # a row of the table that was run
        words += ["--results", str(own_results), "--out", str(tmp_path / "figure.png"), "--device", "cpu"]
    if words[0] == "history":
        words += ["--results", str(own_results)]
    names = "|".join(rf"\b{re.escape(name)}\b" for name in sorted(values, key=len, reverse=True))
    filled = [re.sub(names, lambda m: values[m[0]], word) for word in words]
    done = harness(*filled)
    undecided = words[:2] == ["compare", "HEAD~1"]
    assert done.returncode == (2 if undecided else 0), done.stderr
    assert done.stdout or (tmp_path / "speed.md").is_file()
