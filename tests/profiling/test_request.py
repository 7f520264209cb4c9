import subprocess
import sys

import pytest

from harness.cli import app
from harness.errors import UserError
from harness.profiling import revision
from harness.profiling.request import Request, make
from harness.profiling.subjects import Subject, check, combine, parse_sizes, with_revision
from tests.helpers import ROOT, assert_user_error, harness


def ask(models="tcformer_small", **options):
    return make(Request(models=models, device="cpu", **options))


def test_every_combination_with_what_may_be_compared_together():
    _, subjects = ask("tcformer_small,hrnet_small", inputs="64x64,96x64", batch="1,2", precision="fp32,bf16")
    assert len(subjects) == 2 * 2 * 2 * 2 * 2
    groups = [subject.group for subject in subjects]
    assert [g for i, g in enumerate(groups) if i == 0 or g != groups[i - 1]] == list(dict.fromkeys(groups))
    assert subjects[0] == Subject("tcformer_small", (64, 64), 1, "fp32", "eager")
    assert subjects[1].mode == "fast"


def test_what_is_named_twice_is_measured_once():
    assert len(combine(["sbl_small"], parse_sizes("64x48,64x48"), [1, 1], ["fp32"], ["eager"], "inference")) == 1


def test_a_mode_goes_by_its_former_name_too():
    _, subjects = ask(mode="plain,fast,eager,compile")
    assert [subject.mode for subject in subjects] == ["eager", "fast", "compile"]


def test_training_is_not_captured():
    with pytest.raises(UserError, match="--mode graph: a training step"):
        check([Subject("hrnet_small", (64, 64), mode="graph", what="training")], "cuda")


def test_training_and_clustering_are_eager_by_default():
    for what in ("training", "clustering"):
        _, subjects = ask(what=what)
        assert [(s.what, s.mode) for s in subjects] == [(what, "eager")]


def test_another_revision_follows_each_tcformer_as_built():
    subjects = combine(["tcformer_small", "hrnet_small"], [(64, 64)], [1], ["fp32"], ["eager", "fast"], "inference")
    names = [(s.model, s.mode, s.revision) for s in with_revision(subjects, "c0ffee")]
    assert names == [("tcformer_small", "eager", None), ("tcformer_small", "fast", None),
                     ("tcformer_small", "eager", "c0ffee"),
                     ("hrnet_small", "eager", None), ("hrnet_small", "fast", None)]


@pytest.mark.parametrize(("options", "words"), [
    ({"models": "tcformer_smal"}, ["unknown model 'tcformer_smal'", "tcformer_small"]),
    ({"inputs": "256"}, ["--input 256", "HxW"]),
    ({"inputs": "64x64,0x5"}, ["0x5", "32 pixels"]),
    ({"inputs": "64xx"}, ["64xx"]),
    ({"batch": "0"}, ["--batch 0"]),
    ({"batch": "1,two"}, ["'two'"]),
    ({"precision": "fp8"}, ["unknown --precision 'fp8'", "bf16"]),
    ({"precision": "tf32"}, ["tf32", "CUDA"]),
    ({"mode": "quick"}, ["unknown --mode 'quick'", "fast"]),
    ({"mode": "fast", "what": "clustering"}, ["clustering", "eager"]),
    ({"mode": "graph"}, ["--mode graph", "CUDA device"]),
    ({"models": "hrnet_small", "what": "clustering"}, ["hrnet_small", "no clustering"]),
    ({"models": "hrnet_small", "against": "HEAD"}, ["TCFormer models only"]),
    ({"mode": "fast", "layers": True}, ["--parts", "eager"]),
    ({"images": "/no/such/folder"}, ["/no/such/folder"]),
])
def test_what_does_not_exist_or_fit_is_refused_in_words(options, words):
    with pytest.raises(UserError) as error:
        ask(**options)
    for word in words:
        assert word in str(error.value)


def test_a_revision_that_cannot_be_had(tmp_path):
    with pytest.raises(UserError, match="not a git checkout"):
        revision.resolve("HEAD", tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    with pytest.raises(UserError, match="no such commit"):
        revision.resolve("HEAD", tmp_path)
    with pytest.raises(UserError, match="no such commit"):
        revision.resolve("--all", tmp_path)
    (tmp_path / "file").write_text("")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "one"], check=True)
    commit = revision.resolve("HEAD", tmp_path)
    with pytest.raises(UserError, match="has no folder tcformer"):
        revision.extract(commit, tmp_path / "out", tmp_path)


@pytest.mark.parametrize(("arguments", "word"), [
    ([], "--suite"), (["sbl_small", "--suite", "speed"], "one of the two"), (["sbl_small", "--page", "x"], "--page"),
    (["--suite", "sped"], "speed"), (["--suite", "speed", "--only", "x"], "base_cpu_1"),
    (["tcformer_small", "--train", "--clustering"], "one of the two"),
    (["--suite", "speed", "--out", "x"], "--records"),
])
def test_what_the_command_refuses(arguments, word):
    with pytest.raises(UserError) as error:
        app(["profile", *arguments], standalone_mode=False)
    assert word in str(error.value)


def test_a_refusal_is_one_line():
    assert_user_error(harness("profile", "tcformer_smal"), "tcformer_small")


def test_a_request_is_checked_before_anything_heavy_is_imported():
    code = ("import sys\nfrom harness.profiling import page, request, suite, words\n"
            "request.make(request.Request('tcformer', device='cpu'))\nsuite.load_suite('speed')\n"
            "bad = {'torch', 'cv2', 'numpy', 'scipy'} & set(sys.modules)\nsys.exit(f'imported {bad}' if bad else 0)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
