"""Small things that several tests share."""

import io
import os
import re
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

from harness.cli import main

ROOT = Path(__file__).resolve().parents[1]


READING = {"check", "data", "describe", "errors", "evaluate", "explain", "figure", "history", "list", "predict",
           "report", "results", "status", "weights"}
"""Commands that start no process and change nothing of the one they run in."""


def harness(*arguments, cwd=None, env=None, timeout=500):
    """Run the command line as a user does; returns the finished process with its texts.

    Commands that only read run in this process, which has imported torch already: a new one takes seconds for that.
    """
    if arguments and arguments[0] in READING and "PYTHONPATH" not in (env or {}):
        return _harness_here([str(argument) for argument in arguments], cwd, env or {})
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
        timeout=timeout, env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160", **(env or {})},
    )


def _harness_here(arguments, cwd, env):
    """The same in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (mock.patch.object(sys, "argv", ["harness", *arguments]), redirect_stdout(out), redirect_stderr(err),
          mock.patch.dict(os.environ, {"COLUMNS": "160", **env}), chdir(cwd or os.getcwd()),
          pytest.raises(SystemExit) as ended):
        main()
    return subprocess.CompletedProcess(arguments, ended.value.code or 0, out.getvalue(), err.getvalue())


def assert_user_error(done, *words):
    """One clear line, a non-zero exit status and no traceback."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert str(word) in lines[0], lines[0]


def assert_compiles(text, folder):
    """The LaTeX document, as it stands, becomes a PDF, with no line out of the page by more than a millimetre."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed (Debian: texlive-latex-recommended)")
    (folder / "table.tex").write_text(text)
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"], cwd=folder,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert (folder / "table.pdf").stat().st_size > 1000
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", done.stdout)]
    assert max(wide, default=0) < 3, done.stdout
