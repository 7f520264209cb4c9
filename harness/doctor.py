"""What this installation can do, what it cannot, and what would mend it."""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.hardware import cuda_device_count, machine
from harness.registry import KINDS, model_spec, names, spec_data

NEEDED = {"torch": "torch", "torchvision": "torchvision", "timm": "timm", "accelerate": "accelerate",
          "opencv-python-headless": "cv2", "fvcore": "fvcore", "scipy": "scipy", "matplotlib": "matplotlib",
          "pillow": "PIL", "safetensors": "safetensors", "psutil": "psutil"}
"""Distribution -> module, without which `harness run` does not work."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at. State: ok, optional (missing, and only some things need it) or missing."""

    state: str
    subject: str
    detail: str
    fix: str = ""


def examine(results: str) -> list[Finding]:
    """Look at everything a run may need."""
    return [_python(), *(_package(d, m) for d, m in NEEDED.items()), _torch_device(), _memory(), _folder(results),
            _submitit(), _xtcocotools(), _mmpose(), *_plugins()]


def _python() -> Finding:
    return Finding("ok", "Python", ".".join(map(str, sys.version_info[:3])))


def _package(distribution: str, module: str) -> Finding:
    try:
        importlib.import_module(module)
        return Finding("ok", distribution, importlib.metadata.version(distribution))
    except importlib.metadata.PackageNotFoundError:
        return Finding("ok", distribution, "importable, of another distribution")
    except Exception as error:  # a broken binary can raise anything at import
        return Finding("missing", distribution, f"{type(error).__name__}: {error}",
                       f"python -m pip install {distribution}")


def _torch_device() -> Finding:
    try:
        import torch
    except Exception:  # told as missing above
        return Finding("optional", "CUDA", "unknown: torch does not import")
    driver = cuda_device_count()
    if torch.cuda.is_available():
        return Finding("ok", "CUDA", f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}, "
                                     f"torch built for CUDA {torch.version.cuda}")
    if driver and torch.version.cuda is None:
        return Finding("optional", "CUDA", f"{driver} device(s), but this torch is a CPU build",
                       "install a CUDA build of torch")
    if driver:
        return Finding("optional", "CUDA", f"{driver} device(s), but torch {torch.__version__} (CUDA "
                                           f"{torch.version.cuda}) cannot use them", "update the NVIDIA driver")
    return Finding("optional", "CUDA", "no NVIDIA driver or device; everything runs on the CPU",
                   "for a GPU: an NVIDIA driver, then run this again")


def _memory() -> Finding:
    facts = machine()
    gib = facts["memory_bytes"] / 2**30
    text = f"{facts['cores']} core(s) of {facts['processor']}, {gib:.1f} GiB"
    return Finding("ok" if gib >= 4 else "optional", "machine", text, "" if gib >= 4 else "the demo needs 4 GiB")


def _folder(results: str) -> Finding:
    from harness.run import check_writable

    path = Path(results)
    existed = path.is_dir()
    try:
        check_writable(path)
    except UserError as error:
        return Finding("missing", "results", str(error), "--results DIR or HARNESS_RESULTS")
    free = shutil.disk_usage(path).free / 2**30
    if not existed:
        path.rmdir()
    return Finding("ok", "results", f"{path.resolve()}, {free:.0f} GiB free")


def _submitit() -> Finding:
    try:
        version = importlib.metadata.version("submitit")
    except importlib.metadata.PackageNotFoundError:
        return Finding("optional", "submitit", "only --launcher slurm needs it",
                       "python -m pip install 'wholebody-harness[slurm]'")
    return Finding("ok", "submitit", f"{version} (--launcher slurm)" + (
        "" if shutil.which("sbatch") else "; there is no sbatch here"))


def _xtcocotools() -> Finding:
    fix = ("python -m pip install cython 'setuptools<81' wheel numpy; python -m pip install --no-build-isolation "
           "--no-binary xtcocotools --no-deps xtcocotools==1.14.3 (needs a C compiler)")
    try:
        importlib.import_module("xtcocotools.coco")
        return Finding("ok", "xtcocotools", f"{importlib.metadata.version('xtcocotools')} (parity tests)")
    except Exception as error:  # its wheel raises ValueError under NumPy 2
        return Finding("optional", "xtcocotools", f"only the parity tests need it ({type(error).__name__})", fix)


def _mmpose() -> Finding:
    from baselines.openmmlab import openmmlab_available

    problem = openmmlab_available()
    if problem is None:
        return Finding("ok", "mmpose", f"{importlib.metadata.version('mmpose')} (rows openmmlab:<config>)")
    return Finding("optional", "mmpose", "rows openmmlab:<config> and parity tests need it", problem)


def _plugins() -> list[Finding]:
    broken = []
    for kind in KINDS:
        for name in names(kind):
            try:
                model_spec(name) if kind == "models" else spec_data(kind, name)
            except UserError as error:
                broken.append(Finding("optional", f"{kind[:-1]} {name}", str(error), "mend or remove the plug-in"))
    return broken
