"""Blocks of benchmarks on small projects: one package, `part`, and benchmarks of it."""

import json
import subprocess
import sys
from textwrap import dedent

import pytest

from harness.errors import UserError
from harness.gate.bench_runs import WORKER, benchmark_blocks, find_files
from harness.gate.revisions import Tree

SETTINGS = """
[tool.pytest.ini_options]
addopts = "--import-mode=importlib --strict-markers"
pythonpath = ["."]
markers = ["slow: takes long"]
"""
HEAD = """import pytest

from part import work

pytestmark = pytest.mark.benchmark(max_time=0.01, min_rounds=2)

"""
ONE = "def work():\n    return 1\n"


def project(folder, package, **files):
    """A tree with a package, and files of benchmarks by name."""
    (folder / "part").mkdir(parents=True)
    (folder / "part" / "__init__.py").write_text(package)
    (folder / "pyproject.toml").write_text(SETTINGS)
    for name, text in files.items():
        (folder / "tests" / "benchmarks").mkdir(parents=True, exist_ok=True)
        (folder / "tests" / "benchmarks" / f"{name}.py").write_text(HEAD + dedent(text))
    return Tree(folder.name, folder, None)


def measures(tmp_path, base, candidate):
    """How to measure base and candidate, and the names of the benchmarks."""
    sides, names = benchmark_blocks((base, candidate), [str(candidate.folder / "tests" / "benchmarks")],
                                    tmp_path / "ours", candidate.folder)
    return *sides, names


def one_block(tmp_path, tree):
    """A block of all of a tree's own benchmarks."""
    side, _, names = measures(tmp_path, tree, tree)
    return side(names)


def test_both_sides_run_the_candidates_benchmarks_on_their_own_package(tmp_path):
    base = project(tmp_path / "base", "def work():\n    return 'base'\n", bench_old="def test_old(): pass")
    candidate = project(tmp_path / "candidate", "def work():\n    return 'candidate'\n", bench_part="""
        def test_it(benchmark):
            assert benchmark(work) == 'base'
        """)
    *sides, names = measures(tmp_path, base, candidate)
    of_base, of_candidate = (side(names) for side in sides)
    assert names == ("tests/benchmarks/bench_part.py::test_it",)
    assert list(of_base.times) == list(names)
    assert of_base.failed == {}
    assert of_candidate.times == {}
    assert "'candidate' == 'base'" in of_candidate.failed[names[0]]


def files_of(tree):
    return sorted(path for path in tree.folder.rglob("*") if "__pycache__" not in path.parts)


def test_times_are_in_milliseconds_and_the_tree_stays_as_it_is(tmp_path):
    tree = project(tmp_path / "tree", "import time\n\n\ndef work():\n    time.sleep(0.02)\n", bench_part="""
        @pytest.mark.parametrize('n', [1, 3])
        def test_it(benchmark, n):
            benchmark(lambda: [work() for _ in range(n)])
        """)
    before = files_of(tree)
    block = one_block(tmp_path, tree)
    assert files_of(tree) == before
    one, three = (block.times[f"tests/benchmarks/bench_part.py::test_it[{n}]"] for n in (1, 3))
    assert 20 <= one < three < 2000


def test_what_fails_is_named_and_the_rest_is_measured(tmp_path):
    tree = project(tmp_path / "tree", ONE, bench_good="""
        def test_good(benchmark):
            benchmark(work)
        """, bench_mixed="""
        def test_wrong(benchmark):
            assert benchmark(work) == 2

        def test_raises(benchmark):
            benchmark(lambda: 1 / 0)

        def test_skipped(benchmark):
            pytest.skip('needs a GPU')

        def test_nothing(benchmark):
            pass

        def test_right(benchmark):
            assert benchmark(work) == 1
        """, bench_unreadable="import not_there")
    block = one_block(tmp_path, tree)
    assert {name.rpartition("::")[2] for name in block.times} == {"test_good", "test_right"}
    said = {name.rpartition("/")[2].rpartition("::")[2]: why for name, why in block.failed.items()}
    assert set(said) == {"test_wrong", "test_raises", "test_skipped", "test_nothing", "bench_unreadable.py"}
    assert "1 == 2" in said["test_wrong"]
    assert "ZeroDivisionError" in said["test_raises"]
    assert "needs a GPU" in said["test_skipped"]
    assert said["test_nothing"] == "it measured nothing"
    assert "not_there" in said["bench_unreadable.py"]


def test_a_base_without_what_a_benchmark_imports(tmp_path):
    base = project(tmp_path / "base", ONE)
    candidate = project(tmp_path / "candidate", ONE + "\n\ndef new():\n    return 2\n", bench_new="""
        from part import new

        def test_new(benchmark):
            assert benchmark(new) == 2
        """, bench_part="""
        def test_it(benchmark):
            assert benchmark(work) == 1
        """)
    *sides, names = measures(tmp_path, base, candidate)
    of_base, of_candidate = (side(names) for side in sides)
    assert set(of_candidate.times) == set(names)
    assert list(of_base.times) == ["tests/benchmarks/bench_part.py::test_it"]
    assert "cannot import name 'new'" in of_base.failed["tests/benchmarks/bench_new.py::test_new"]


def test_one_that_takes_its_process_with_it(tmp_path):
    tree = project(tmp_path / "tree", ONE, bench_part="""
        import os

        def test_first(benchmark):
            benchmark(work)

        def test_fatal(benchmark):
            os._exit(7)

        def test_last(benchmark):
            benchmark(work)
        """)
    block = one_block(tmp_path, tree)
    assert {name.rpartition("::")[2] for name in block.times} == {"test_first", "test_last"}
    assert list(block.failed) == ["tests/benchmarks/bench_part.py::test_fatal"]
    assert "status 7" in next(iter(block.failed.values()))


def test_only_benchmarks_that_are_not_slow_and_only_those_asked_for(tmp_path):
    tree = project(tmp_path / "tree", ONE, bench_part="""
        def test_it(benchmark):
            benchmark(work)

        def test_other(benchmark):
            benchmark(work)

        def test_plain():
            pass

        @pytest.mark.slow
        def test_slow(benchmark):
            benchmark(work)
        """, test_part="""
        def test_of_the_suite(benchmark):
            benchmark(work)
        """)
    side, _, names = measures(tmp_path, tree, tree)
    assert [name.rpartition("::")[2] for name in names] == ["test_it", "test_other"]
    assert list(side(names[1:]).times) == [names[1]]


@pytest.mark.parametrize(("name", "words"), [
    ("elsewhere.py", "no such file"), ("empty", "no such file, nor a folder with bench_"),
    ("part/bench_inside.py", "within the package part"), ("../other", "not below"),
])
def test_files_that_cannot_be_run(tmp_path, name, words):
    tree = project(tmp_path / "tree", ONE)
    (tree.folder / "part" / "bench_inside.py").write_text("")
    (tree.folder / "empty").mkdir()
    with pytest.raises(UserError, match=words):
        find_files(tree, str(tree.folder / name), tree.folder)


def test_files_without_a_benchmark(tmp_path):
    tree = project(tmp_path / "tree", ONE, bench_part="def test_plain(): pass")
    with pytest.raises(UserError, match="no benchmark in"):
        measures(tmp_path, tree, tree)


def test_a_package_from_elsewhere_is_not_measured(tmp_path):
    tree = project(tmp_path / "tree", ONE, bench_part="def test_it(benchmark): benchmark(work)")
    other = project(tmp_path / "other", ONE)
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"files": ["tests/benchmarks/bench_part.py"], "names": None,
                                   "running": str(tmp_path / "running")}))
    shadowed = (f"import runpy, sys; sys.path.insert(0, {str(other.folder)!r}); import part; "
                f"sys.argv = ['worker', {str(request)!r}]; runpy.run_path({str(WORKER)!r}, run_name='__main__')")
    done = subprocess.run([sys.executable, "-c", shadowed], cwd=tree.folder, capture_output=True, text=True)
    assert done.returncode != 0
    assert "part was imported from" in done.stderr
    assert "seconds" not in json.loads(request.read_text())
