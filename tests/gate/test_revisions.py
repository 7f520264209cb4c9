"""Trees to be compared, in repositories made for the purpose."""

import subprocess

import pytest

from harness.errors import UserError
from harness.gate.blocks import lacks, network_pairs
from harness.gate.measured import default_base
from harness.gate.revisions import HERE, alike, checked_out, unmet
from harness.profiling.subjects import Settings, Subject


def git(root, *arguments):
    return subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path):
    """Two commits of a project with both packages."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.email", "tester@example.org")
    git(root, "config", "user.name", "Tester")
    (root / "pyproject.toml").write_text('[project]\nname = "project"\ndependencies = ["numpy>=1"]\n')
    (root / ".gitignore").write_text("ignored/\n")
    for text in ("one", "two"):
        for package in ("tcformer", "baselines"):
            (root / package).mkdir(exist_ok=True)
            (root / package / "__init__.py").write_text(f"WHICH = '{text}'\n")
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", text)
    return root


def which(tree):
    return (tree.folder / "tcformer" / "__init__.py").read_text()


def test_a_commit_is_checked_out_and_removed(repository, tmp_path):
    with checked_out("HEAD~1", tmp_path / "tree", repository) as tree:
        assert "one" in which(tree)
        assert tree.commit == git(repository, "rev-parse", "HEAD~1").strip()
    assert not (tmp_path / "tree").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_the_working_tree_is_a_copy_of_what_is_there_now(repository, tmp_path):
    (repository / "tcformer" / "__init__.py").write_text("WHICH = 'three'\n")
    (repository / "baselines" / "new.py").write_text("")
    (repository / "ignored").mkdir()
    (repository / "ignored" / "large").write_text("")
    with checked_out(HERE, tmp_path / "tree", repository) as tree:
        (repository / "tcformer" / "__init__.py").write_text("WHICH = 'edited meanwhile'\n")
        assert "three" in which(tree)
        assert tree.dirty
        assert (tree.folder / "baselines" / "new.py").exists()
        assert not (tree.folder / "ignored").exists()
    assert "edited meanwhile" in (repository / "tcformer" / "__init__.py").read_text()


def test_it_is_removed_after_an_error_too(repository, tmp_path):
    with pytest.raises(KeyboardInterrupt), checked_out("HEAD", tmp_path / "tree", repository):
        raise KeyboardInterrupt
    assert not (tmp_path / "tree").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("name", ["no-such-branch", "--help", "HEAD~9"])
def test_unknown_revisions_are_named(name, repository, tmp_path):
    with pytest.raises(UserError, match=f"{name}: no such commit"), checked_out(name, tmp_path / "tree", repository):
        pass


def test_a_folder_without_git_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a git checkout"), checked_out("HEAD", tmp_path / "tree", tmp_path):
        pass


def test_a_revision_without_networks_is_refused(repository, tmp_path):
    git(repository, "rm", "-rq", "baselines", "tcformer")
    git(repository, "commit", "-q", "-m", "without")
    with (pytest.raises(UserError, match="no package tcformer or baselines"),
          checked_out("HEAD", tmp_path / "tree", repository)):
        pass


def test_a_network_that_a_revision_lacks_is_not_replaced_by_ours(repository, tmp_path):
    git(repository, "rm", "-rq", "baselines")
    git(repository, "commit", "-q", "-m", "without")
    with checked_out("HEAD", tmp_path / "tree", repository) as tree:
        assert "no package baselines" in lacks(tree, Subject("hrnet_small", (64, 64)))
        assert lacks(tree, Subject("tcformer_small", (64, 64))) == ""
        row = {"row": Subject("hrnet_small", (64, 64))}
        pair = network_pairs(tree, tree, row, Settings(), tmp_path / "files")(["row"], True)
        assert "no package baselines" in pair.candidate.failed["row"]


def test_a_revision_that_needs_what_is_not_installed_is_refused(repository, tmp_path):
    needs = '"numpy>=999", "no-such-package", "torch; python_version < \'3\'"'
    (repository / "pyproject.toml").write_text(f'[project]\nname = "project"\ndependencies = [{needs}]\n')
    git(repository, "commit", "-qam", "needy")
    with pytest.raises(UserError) as caught, checked_out("HEAD", tmp_path / "tree", repository):
        pass
    assert "numpy>=999 (installed:" in str(caught.value)
    assert "no-such-package (not installed)" in str(caught.value)
    assert "torch" not in str(caught.value)


def test_this_project_runs_here(request):
    assert unmet(request.config.rootpath / "pyproject.toml") == []


def test_untracked_files_beside_the_packages_are_no_change(repository):
    (repository / "notes.txt").write_text("")
    assert default_base(repository) == "HEAD~1"
    (repository / "tcformer" / "more.py").write_text("")
    assert default_base(repository) == "HEAD"


def test_equal_code_is_said_to_be_equal(repository, tmp_path):
    with checked_out("HEAD", tmp_path / "a", repository) as base:
        with checked_out("HEAD", tmp_path / "b", repository) as candidate:
            assert "same code" in alike(base, candidate)[0]
        (repository / "harness").mkdir()
        (repository / "harness" / "run.py").write_text("1")
        with checked_out(HERE, tmp_path / "c", repository) as candidate:
            assert "same networks" in alike(base, candidate)[0]
        (repository / "tcformer" / "more.py").write_text("1")
        with checked_out(HERE, tmp_path / "d", repository) as candidate:
            assert alike(base, candidate) == []
