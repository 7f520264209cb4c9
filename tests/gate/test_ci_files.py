"""The action and the snippets of docs/ci.md, run by a shell with a `harness` that only notes what it was asked."""

import os
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github" / "actions" / "gate"
PAGE = ROOT / "docs" / "ci.md"

FAKE = """#!{python}
import json, os, sys
with open(os.environ["FAKE_ARGUMENTS"], "w", encoding="utf-8", errors="surrogateescape") as file:
    json.dump(sys.argv[1:], file)
verdict = os.environ.get("FAKE_VERDICT")
out = next((word.split("=", 1)[1] for word in sys.argv if word.startswith("--out=")), None)
if out is None and "--out" in sys.argv:
    out = sys.argv[sys.argv.index("--out") + 1]
if verdict and out:
    with open(out, "w") as file:
        json.dump({{"verdict": verdict}}, file)
print("as harness prints")
sys.exit(int(os.environ.get("FAKE_STATUS", "0")))
"""

HOSTILE = ["$(touch pwned)", "`touch pwned`", '"; touch pwned; "', "'; touch pwned; '", "--out=elsewhere.json", "-h",
           "--", "a b  c", "*", "\\", "${{ secrets.TOKEN }}", "::error::x", "é|&><!"]


@pytest.fixture
def shell(tmp_path):
    """Runs a command in an empty folder with the fake `harness` on PATH; returns process, arguments and outputs."""
    bin_folder, work = tmp_path / "bin", tmp_path / "a folder"
    for folder in (bin_folder, work):
        folder.mkdir()
    fake = bin_folder / "harness"
    fake.write_text(FAKE.format(python=sys.executable))
    fake.chmod(0o755)

    def run(command, status=0, verdict=None, installed=True, **variables):
        noted, outputs = tmp_path / "arguments.json", tmp_path / "outputs"
        noted.unlink(missing_ok=True)
        outputs.write_text("")
        path = f"{bin_folder}:{os.environ['PATH']}" if installed else "/usr/bin:/bin"
        environment = {"PATH": path, "HOME": str(tmp_path), "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(outputs),
                       "GITHUB_ACTION_PATH": str(ACTION), "FAKE_ARGUMENTS": str(noted), "FAKE_STATUS": str(status),
                       "LC_ALL": "C.UTF-8", **({"FAKE_VERDICT": verdict} if verdict else {}), **variables}
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", command], cwd=work, env=environment,
                              capture_output=True, text=True, timeout=60)
        arguments = yaml.safe_load(noted.read_text()) if noted.exists() else None
        given = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        assert not (work / "pwned").exists(), "an input was run as code"
        return done, arguments, given

    run.folder = work
    return run


@pytest.fixture(scope="module")
def action():
    return yaml.safe_load((ACTION / "action.yml").read_text())


@pytest.fixture(scope="module")
def step(action):
    (only,) = action["runs"]["steps"]
    return only


@pytest.fixture(scope="module")
def snippets():
    """The YAML blocks of the page: GitHub's, then GitLab's."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [yaml.load(block, Loader=yaml.BaseLoader) for block in blocks]  # `on` and 3.12 stay texts


# ---- the action's file

def test_every_input_is_used_and_every_reference_is_an_input(action, step):
    assert action["runs"]["using"] == "composite"
    assert step["shell"] == "bash"
    text = (ACTION / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(action["inputs"])
    script = (ACTION / "gate.sh").read_text()
    for variable, value in step["env"].items():
        assert value == f"${{{{ inputs.{variable.removeprefix('GATE_').lower()} }}}}"
        assert f"${variable}" in script or f"${{{variable}" in script
    assert len(step["env"]) == len(action["inputs"])
    for one in action["inputs"].values():
        assert isinstance(one["default"], str)
        assert one["description"]


def test_no_input_is_written_into_the_script(step):
    assert "${{" not in step["run"]
    assert "${{" not in (ACTION / "gate.sh").read_text()


def test_every_output_is_one_that_the_script_sets(action, step, shell):
    _, _, given = shell(step["run"])
    for name, output in action["outputs"].items():
        assert output["value"] == f"${{{{ steps.{step['id']}.outputs.{name} }}}}"
    assert set(given) == set(action["outputs"])


# ---- the action's script

@pytest.mark.parametrize(("status", "verdict", "strict", "expected", "output"), [
    (0, "same", "false", 0, "same"),
    (0, "better", "true", 0, "better"),
    (0, "cannot tell", "false", 0, "cannot tell"),
    (1, "worse", "false", 1, "worse"),
    (1, "worse", "true", 1, "worse"),
    (2, "cannot tell", "false", 0, "cannot tell"),
    (2, "cannot tell", "true", 2, "cannot tell"),
    (2, "not comparable", "true", 2, "not comparable"),
    (3, None, "false", 3, "none"),
    (3, None, "true", 3, "none"),
    (1, None, "false", 3, "none"),  # a crash is no verdict
    (130, "cannot tell", "false", 130, "cannot tell"),
    (0, "x\nother=1", "false", 0, "none"),
])
def test_exit_statuses_and_verdicts(shell, step, status, verdict, strict, expected, output):
    done, arguments, given = shell(step["run"], status, verdict, GATE_STRICT=strict)
    assert done.returncode == expected, done.stderr
    assert given["verdict"] == output
    assert set(given) == {"verdict", "directory"}
    assert ("--strict" in arguments) == (strict == "true")
    assert ("::warning" in done.stdout) == (status == 2 and strict == "false")
    assert given["directory"] in done.stdout


def test_without_inputs_the_defaults_of_the_command_hold(shell, step):
    _, arguments, given = shell(step["run"])
    folder = given["directory"]
    assert arguments == ["gate", "--github", f"--out={folder}/gate.json", f"--summary={folder}/gate.md",
                         f"--junit={folder}/gate.xml", "--"]


@pytest.mark.parametrize("text", HOSTILE)
def test_inputs_arrive_as_they_are(shell, step, text):
    done, arguments, given = shell(step["run"], GATE_BASE=text, GATE_CANDIDATE=text, GATE_MODELS=text, GATE_PAIRS=text,
                                   GATE_CALIBRATION=text, GATE_DIRECTORY=f"{text}/x")
    assert done.returncode == 0, done.stderr
    assert given["directory"] == f"{text}/x"
    assert arguments == ["gate", "--github", f"--out={text}/x/gate.json", f"--summary={text}/x/gate.md",
                         f"--junit={text}/x/gate.xml", f"--models={text}", f"--pairs={text}", f"--calibration={text}",
                         "--", text, text]


@pytest.mark.parametrize(("variables", "word"), [
    ({"GATE_DIRECTORY": "x\nverdict=same"}, "directory"),
    ({"GATE_BASE": "HEAD\r"}, "base"),
    ({"GATE_STRICT": "yes"}, "strict"),
    ({"GATE_CANDIDATE": "HEAD"}, "base"),
    ({"GATE_DIRECTORY": "/dev/null/x"}, "folder"),
    ({"installed": False}, "not installed"),
])
def test_mistakes_are_said_and_nothing_is_run(shell, step, variables, word):
    done, arguments, given = shell(step["run"], **variables)
    assert done.returncode == 3
    assert done.stdout.startswith("::error title=harness gate::")
    assert word in done.stdout
    assert arguments is None
    assert given == {}


def test_the_verdict_of_an_earlier_run_is_not_this_ones(shell, step):
    assert shell(step["run"], 0, "better", GATE_DIRECTORY="kept")[2]["verdict"] == "better"
    assert shell(step["run"], 3, None, GATE_DIRECTORY="kept")[2]["verdict"] == "none"


# ---- the page

def test_the_github_snippet_uses_the_action_as_it_is(snippets, action):
    (job,) = snippets[0]["jobs"].values()
    gate = next(one for one in job["steps"] if one.get("id") == "gate")
    assert (ROOT / gate["uses"] / "action.yml").is_file()
    assert set(gate["with"]) <= set(action["inputs"])
    text = PAGE.read_text()
    assert set(re.findall(r"steps\.gate\.outputs\.(\w+)", text)) <= set(action["outputs"])
    checkout = job["steps"][0]["with"]
    assert int(checkout["fetch-depth"]) >= 2  # HEAD~1 is there
    for name in action["inputs"]:
        assert f"`{name}`" in text


def gitlab_job(snippets):
    (job,) = snippets[1].values()
    return job


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_the_gitlab_script_runs_and_its_status_gets_out(shell, snippets, status):
    job = gitlab_job(snippets)
    base = "0123abc; touch pwned"
    done, arguments, _ = shell("\n".join(job["script"]), status, "same", CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert done.returncode == status, done.stderr
    assert arguments[:3] == ["compare", base, "HEAD"]
    options = dict(zip(arguments[3::2], arguments[4::2], strict=True))
    assert options["--junit"] == job["artifacts"]["reports"]["junit"]
    assert {options["--summary"], options["--out"]} == set(job["artifacts"]["paths"])
    assert (shell.folder / "gate.json").is_file()


def test_gitlab_warns_where_nobody_can_tell_and_fails_where_it_is_worse(snippets):
    job = gitlab_job(snippets)
    assert job["allow_failure"] == {"exit_codes": "2"}
    assert job["artifacts"]["when"] == "always"
    assert job["variables"]["XDG_CACHE_HOME"] == "$CI_PROJECT_DIR/.cache"
    assert job["cache"]["paths"] == [".cache/wholebody-harness"]


# ---- this project's own workflow

def test_benchmarks_are_a_job_of_their_own_held_against_the_commit_before():
    jobs = yaml.load((ROOT / ".github" / "workflows" / "ci.yml").read_text(), yaml.BaseLoader)["jobs"]
    assert int(jobs["benchmarks"]["steps"][0]["with"]["fetch-depth"]) >= 2
    (command,) = (step["run"] for step in jobs["benchmarks"]["steps"] if "tox -e" in step.get("run", ""))
    environment = re.search(r"tox -e (\S+)", command)[1]
    settings = ConfigParser(interpolation=None)
    settings.read(ROOT / "tox.ini")
    assert settings[f"testenv:{environment}"]["commands"].startswith("harness gate ")
    assert "tox" in [step.get("run") for step in jobs["tests"]["steps"]]
