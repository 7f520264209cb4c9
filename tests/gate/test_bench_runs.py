"""Blocks of benchmarks on small projects: one package, `part`, and benchmarks of it."""

import json
import os
import signal
import subprocess
import sys
from textwrap import dedent

import pytest

from harness.errors import UserError
from harness.gate.bench_pairs import WORKER
from harness.gate.bench_runs import find_benchmarks, find_files
from harness.gate.findings import WORSE
from harness.gate.revisions import Tree
from harness.gate.speed import Machine, Timing, measure

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


def found(tmp_path, base, candidate):
    """Pairs of base and candidate, and the names of the benchmarks."""
    pairs, _, names = find_benchmarks(base, candidate, base, [str(candidate.folder / "tests" / "benchmarks")],
                                      tmp_path / "ours", candidate.folder)
    return pairs, names


def one_pair(tmp_path, base, candidate):
    """A pair of all of the candidate's benchmarks."""
    pairs, names = found(tmp_path, base, candidate)
    return pairs(names, True)


def short(names):
    """Names without their files; files without their folders."""
    return [name.rpartition("/")[2].rpartition("::")[2] for name in names]


def test_both_sides_run_the_candidates_benchmarks_on_their_own_package(tmp_path):
    base = project(tmp_path / "base", "def work():\n    return 'base'\n", bench_old="def test_old(): pass")
    candidate = project(tmp_path / "candidate", "def work():\n    return 'candidate'\n", bench_part="""
        def test_it(benchmark):
            assert benchmark(work) == 'base'
        """)
    pairs, names = found(tmp_path, base, candidate)
    pair = pairs(names, True)
    assert names == ("tests/benchmarks/bench_part.py::test_it",)
    assert list(pair.base.times) == list(names)
    assert pair.base.failed == {}
    assert pair.candidate.times == {}
    assert "'candidate' == 'base'" in pair.candidate.failed[names[0]]


def files_of(tree):
    return sorted(path for path in tree.folder.rglob("*") if "__pycache__" not in path.parts)


def test_times_are_in_milliseconds_and_the_tree_stays_as_it_is(tmp_path):
    tree = project(tmp_path / "tree", "import time\n\n\ndef work():\n    time.sleep(0.02)\n", bench_part="""
        @pytest.mark.parametrize('n', [1, 3])
        def test_it(benchmark, n):
            benchmark(lambda: [work() for _ in range(n)])
        """)
    before = files_of(tree)
    pair = one_pair(tmp_path, tree, tree)
    assert files_of(tree) == before
    one, three = (pair.base.times[f"tests/benchmarks/bench_part.py::test_it[{n}]"] for n in (1, 3))
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
    pair = one_pair(tmp_path, tree, tree)
    assert pair.base.failed == pair.candidate.failed
    assert set(short(pair.base.times)) == set(short(pair.candidate.times)) == {"test_good", "test_right"}
    said = dict(zip(short(pair.base.failed), pair.base.failed.values(), strict=True))
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
    pair = one_pair(tmp_path, base, candidate)
    assert set(short(pair.candidate.times)) == {"test_new", "test_it"}
    assert short(pair.base.times) == ["test_it"]
    assert "cannot import name 'new'" in pair.base.failed["tests/benchmarks/bench_new.py::test_new"]


def test_a_candidate_without_what_a_benchmark_imports_is_worse(tmp_path):
    """The file is one row; that the base can import it is no failure of the base."""
    base = project(tmp_path / "base", ONE)
    candidate = project(tmp_path / "candidate", "def other():\n    return 1\n", bench_part="""
        def test_it(benchmark):
            assert benchmark(work) == 1
        """)
    pairs, names = found(tmp_path, base, candidate)
    timing = Timing(names)
    measure(timing, pairs, pairs, Machine({}, "here", None), 1)
    (finding,) = timing.findings()
    assert finding.row == "tests/benchmarks/bench_part.py"
    assert finding.verdict == WORSE
    assert "cannot import name 'work'" in finding.reason
    assert timing.pairs[0].base.failed == {}


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
    pair = one_pair(tmp_path, tree, tree)
    for block in (pair.base, pair.candidate):
        assert short(block.times) == ["test_first", "test_last"]
        assert short(block.failed) == ["test_fatal"]
        assert "status 7" in next(iter(block.failed.values()))


def test_one_side_that_ends_in_the_midst_of_its_rounds_leaves_the_other_to_go_on(tmp_path):
    tree = project(tmp_path / "tree", "def work():\n    return 1\n")
    candidate = project(tmp_path / "candidate", "import itertools, os, time\n\ncalls = itertools.count()\n\n\n"
                        "def work():\n    time.sleep(0.03)\n    return os._exit(9) if next(calls) == 5 else 1\n",
                        bench_part="""
        def test_it(benchmark):
            benchmark.pedantic(work, rounds=9)

        def test_next(benchmark):
            benchmark(lambda: 1)
        """)
    pair = one_pair(tmp_path, tree, candidate)
    assert short(pair.base.times) == ["test_it", "test_next"]
    assert short(pair.candidate.times) == ["test_next"]
    assert "status 9" in pair.candidate.failed["tests/benchmarks/bench_part.py::test_it"]
    assert list(pair.log_ratios()) == ["tests/benchmarks/bench_part.py::test_next"]


def test_a_process_that_ends_before_any_benchmark_fails_all_of_them(tmp_path):
    base = project(tmp_path / "base", "raise SystemExit(5)")
    candidate = project(tmp_path / "candidate", ONE, bench_part="""
        def test_it(benchmark):
            benchmark(work)

        def test_other(benchmark):
            benchmark(work)
        """)
    pair = one_pair(tmp_path, base, candidate)
    assert set(pair.base.failed) == set(pair.candidate.times)
    assert len(pair.candidate.times) == 2


NOTED = """
        import time

        def test_it(benchmark):
            def noted():
                with open(r'{log}', 'a') as log:
                    log.write(str(work()))
                time.sleep(0.03)

            benchmark.pedantic(noted, rounds=4)
        """


@pytest.mark.parametrize(("base_first", "order"), [(True, "abbaabba"), (False, "baabbaab")])
def test_slices_alternate_a_b_b_a(tmp_path, base_first, order):
    """Rounds that take longer than a slice are slices."""
    base = project(tmp_path / "base", "def work():\n    return 'a'\n")
    candidate = project(tmp_path / "candidate", "def work():\n    return 'b'\n",
                        bench_part=NOTED.format(log=tmp_path / "log"))
    pairs, names = found(tmp_path, base, candidate)
    pair = pairs(names, base_first)
    assert (tmp_path / "log").read_text() == order
    assert pair.base_first == base_first
    for block in (pair.base, pair.candidate):
        assert len(block.slices[names[0]]) == 4
        assert block.times[names[0]] >= 30


def test_slices_without_a_neighbour_do_not_count(tmp_path):
    """The side that does more rounds goes on alone."""
    base = project(tmp_path / "base", "work = 3")
    candidate = project(tmp_path / "candidate", "work = 6", bench_part="""
        import time

        def test_it(benchmark):
            benchmark.pedantic(time.sleep, (0.03,), rounds=work)
        """)
    pair = one_pair(tmp_path, base, candidate)
    assert [len(slices) for block in (pair.base, pair.candidate) for slices in block.slices.values()] == [3, 3]


def test_an_interrupt_ends_both_processes(tmp_path):
    tree = project(tmp_path / "tree", ONE, bench_part=f"""
        import os, time

        def test_it(benchmark):
            with open(r'{tmp_path / "pids"}', 'a') as file:
                print(os.getpid(), file=file)
            benchmark.pedantic(time.sleep, (0.5,), rounds=1000)
        """)
    pairs, names = found(tmp_path, tree, tree)

    def both_run(number, frame):
        if len(pids(tmp_path)) == 2:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, both_run)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            pairs(names, True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    for pid in pids(tmp_path):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def pids(tmp_path):
    file = tmp_path / "pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


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
    pairs, names = found(tmp_path, tree, tree)
    assert short(names) == ["test_it", "test_other"]
    assert list(pairs(names[1:], True).base.times) == [names[1]]


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
        found(tmp_path, tree, tree)


def test_a_package_from_elsewhere_is_not_measured(tmp_path):
    tree = project(tmp_path / "tree", ONE, bench_part="def test_it(benchmark): benchmark(work)")
    other = project(tmp_path / "other", ONE)
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"files": ["tests/benchmarks/bench_part.py"], "names": None}))
    said, say = os.pipe()
    shadowed = (f"import runpy, sys; sys.path.insert(0, {str(other.folder)!r}); import part; "
                f"sys.argv = ['worker', {str(request)!r}, '0', '{say}']; "
                f"runpy.run_path({str(WORKER)!r}, run_name='__main__')")
    done = subprocess.run([sys.executable, "-c", shadowed], cwd=tree.folder, capture_output=True, pass_fds=[say])
    os.close(say)
    with open(said) as events:
        (event,) = map(json.loads, events)
    assert done.returncode != 0
    assert event["wrong"].startswith("part was imported from")
