"""The installer of the reference implementations, with pip replaced: what it asks for and how it ends."""

import importlib.util
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def installer(monkeypatch):
    path = Path(__file__).with_name("install_oracles.py")
    spec = importlib.util.spec_from_file_location("install_oracles", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def machine(installer, monkeypatch):
    """A pretended machine: `versions` installed, modules in `broken` failing to import, `status` of pip."""
    state = SimpleNamespace(versions={}, broken=set(), status={}, lack=None, calls=[])

    def version(name):
        if name not in state.versions:
            raise metadata.PackageNotFoundError(name)
        return state.versions[name]

    def run(command, **kwargs):
        arguments = command[command.index("install") + 1 :]
        state.calls.append(arguments)
        status = next((code for name, code in state.status.items() if name in arguments), 0)
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(installer, "imports", lambda module: module not in state.broken)
    monkeypatch.setattr(installer, "build_lack", lambda: state.lack)
    monkeypatch.setattr(installer.subprocess, "run", run)
    return state


def everything(installer):
    names = [name for step in installer.STEPS for name in step.requirements]
    return {name.split("==")[0].split("<")[0]: name.split("==")[-1] if "==" in name else "80.1.0" for name in names}


def test_a_bare_machine_gets_everything_in_order(installer, machine):
    assert installer.main() == 0
    assert machine.calls[0] == ["cython", "setuptools<81", "wheel", "numpy"]
    assert ["--no-deps", "mmpose==1.3.2", "mmcv-lite==2.1.0", "mmdet==3.3.0", "mmengine==0.10.7"] in machine.calls
    assert ["hotcoco==1.3.0"] in machine.calls
    assert machine.calls[-1] == [
        "--no-build-isolation", "--no-binary", "xtcocotools", "--no-deps", "xtcocotools==1.14.3",
    ]  # fmt: skip


def test_nothing_is_done_twice(installer, machine):
    machine.versions = everything(installer)
    assert installer.main() == 0
    assert machine.calls == []


def test_only_what_is_missing_or_of_another_version_is_installed(installer, machine):
    machine.versions = everything(installer) | {"mmdet": "3.2.0", "setuptools": "82.0.1"}
    del machine.versions["yapf"]
    assert installer.main() == 0
    assert machine.calls == [["setuptools<81"], ["yapf"], ["--no-deps", "mmdet==3.3.0"]]


def test_a_wheel_for_another_numpy_is_built_again(installer, machine):
    machine.versions, machine.broken = everything(installer), {"xtcocotools.mask"}
    assert installer.main() == 0
    assert len(machine.calls) == 1
    assert {"--force-reinstall", "--no-binary", "xtcocotools==1.14.3"} <= set(machine.calls[0])


def test_without_a_compiler_the_rest_is_installed(installer, machine, capsys):
    machine.lack = "no C compiler was found"
    assert installer.main() == 0
    assert len(machine.calls) == len(installer.STEPS) - 1
    assert not any("xtcocotools==1.14.3" in call for call in machine.calls)
    lines = [line for line in capsys.readouterr().out.splitlines() if "compiler" in line]
    assert len(lines) == 1
    assert "will be skipped" in lines[0]


@pytest.mark.parametrize("failing", ["hotcoco==1.3.0", "mmpose==1.3.2", "xtcocotools==1.14.3"])
def test_a_failure_of_pip_is_passed_on(installer, machine, capsys, failing):
    machine.status = {failing: 7}
    assert installer.main() == 7
    assert failing in machine.calls[-1]
    assert "exit status is 7" in capsys.readouterr().err


def test_the_lack_of_a_compiler_is_told_from_that_of_headers(installer, monkeypatch, tmp_path):
    monkeypatch.setattr(installer.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(installer.shutil, "which", lambda name: None)
    assert installer.build_lack() == "no C compiler was found"
    monkeypatch.setattr(installer.shutil, "which", lambda name: "/bin/cc")
    assert installer.build_lack() == "Python's C headers were not found"
    (tmp_path / "Python.h").write_text("")
    assert installer.build_lack() is None
