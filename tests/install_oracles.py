"""Install the reference implementations that the parity tests compare with, into the running interpreter.

    python tests/install_oracles.py

Not needed to use the project. They cannot be an extra of the package, because plain installation of them
fails: mmpose asks for chumpy, which a current pip cannot build and nothing in mmpose imports; OpenMMLab asks
for opencv-python beside our headless one; xtcocotools' wheels are compiled for NumPy 1. Hence `--no-deps`, the
true needs by name, and xtcocotools from source. What is present in the right version is left alone.

Exit status: 0 when all is there, or all but xtcocotools for want of a C compiler or Python's headers: a
machine property that the user may have no way to change, and whose tests skip themselves with a reason. Any
other failure of pip is returned as it is, since skipped parity tests would then hide a broken environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """Requirements that are installed by one call of pip with the same switches."""

    title: str
    requirements: tuple[str, ...]
    switches: tuple[str, ...] = ()
    needs_compiler: bool = False


STEPS = (
    Step("build tools", ("cython", "setuptools<81", "wheel", "numpy")),  # mmengine imports pkg_resources, gone in 81
    Step(
        "needs of the reference implementations",
        ("json_tricks", "munkres", "pycocotools", "shapely", "terminaltables", "tqdm", "six", "addict", "yapf",
         "termcolor", "matplotlib", "rich", "scipy"),
    ),
    Step("hotcoco", ("hotcoco==1.3.0",)),
    # mmcv-lite 2.2.0 is refused by mmdet 3.3.0
    Step("OpenMMLab", ("mmpose==1.3.2", "mmcv-lite==2.1.0", "mmdet==3.3.0", "mmengine==0.10.7"), ("--no-deps",)),
    Step(
        "xtcocotools",
        ("xtcocotools==1.14.3",),
        ("--no-build-isolation", "--no-binary", "xtcocotools", "--no-deps"),
        needs_compiler=True,
    ),
)  # fmt: skip

NO_COMPILER = (
    "xtcocotools is not built, because {lack}: the parity tests that need it (mmpose's too, which imports it) "
    "will be skipped"
)


def main() -> int:
    """Install what is missing, step by step; see the module's text for the exit status."""
    for step in STEPS:
        missing = [requirement for requirement in step.requirements if not is_met(requirement)]
        rebuild = step.needs_compiler and not missing and not imports("xtcocotools.mask")
        if not missing and not rebuild:
            continue
        if step.needs_compiler and (lack := build_lack()):
            print(NO_COMPILER.format(lack=lack), flush=True)
            continue
        wanted = missing or list(step.requirements)
        switches = [*step.switches, *(["--force-reinstall", "--no-cache-dir"] if rebuild else [])]
        print(f"{step.title}: {' '.join(wanted)}", flush=True)
        done = subprocess.run([sys.executable, "-m", "pip", "install", *switches, *wanted], check=False)
        if done.returncode:
            print(f"pip could not install {step.title} (its exit status is {done.returncode})", file=sys.stderr)
            return done.returncode
    return 0


def is_met(requirement: str) -> bool:
    """Whether a requirement of `STEPS` (a name, `name==version` or `name<major`) is installed."""
    name, _, exact = requirement.partition("==")
    name, _, below = name.partition("<")
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    if exact:
        return version == exact
    return not below or int(version.split(".")[0]) < int(below)


def imports(module: str) -> bool:
    """Whether a module can be imported, tried in a process of its own."""
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False)
    return done.returncode == 0


def build_lack() -> str | None:
    """What building from C lacks here, in words, or None."""
    configured = os.environ.get("CC") or sysconfig.get_config_var("CC") or ""
    compilers = [*configured.split()[:1], "cc", "gcc", "clang"]
    if not any(shutil.which(compiler) for compiler in compilers):
        return "no C compiler was found"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "Python's C headers were not found"
    return None


if __name__ == "__main__":
    sys.exit(main())
