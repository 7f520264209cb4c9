"""What `baselines.openmmlab` does without OpenMMLab, and the stand-in for `mmcv.ops` beside a made-up mmcv."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from baselines import build_openmmlab, config_names, openmmlab_available, openmmlab_settings
from baselines.openmmlab_model import without_downloads

ROOT = Path(__file__).resolve().parents[2]


def run(code, *paths):
    """Run code in a fresh interpreter that sees the project and `paths`; returns its standard output."""
    path = [str(p) for p in (*paths, ROOT)]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{code}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def without_mmpose(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, package=None: None if name == "mmpose" else found(name, package)
    )


def test_absence_is_one_sentence(without_mmpose):
    reason = openmmlab_available()
    assert "mmpose" in reason
    assert "mmcv-lite==2.1.0" in reason
    assert "install_oracles.py" in reason
    assert "\n" not in reason
    assert config_names() == []


@pytest.mark.parametrize("use", [build_openmmlab, openmmlab_settings])
def test_use_without_mmpose_says_what_to_install(without_mmpose, use):
    with pytest.raises(ImportError, match=r"need .*mmpose.*not found here: install mmpose==1\.3\.2"):
        use("td-hm_res50_8xb64-210e_coco-wholebody-256x192")


def test_listing_imports_neither_torch_nor_openmmlab():
    code = "import baselines; baselines.config_names(); baselines.openmmlab_available()\n"
    code += "print([m for m in ('torch', 'timm', 'mmpose', 'mmcv', 'mmengine') if m in sys.modules])"
    assert run(code) == ["[]"]


def test_the_package_names_what_it_has():
    import baselines

    with pytest.raises(AttributeError, match=r"no attribute 'build_vit' \(it has build_hrnet, "):
        _ = baselines.build_vit
    assert all(callable(getattr(baselines, name)) for name in baselines.__all__)


def test_references_to_weights_are_taken_out():
    config = {
        "type": "HRNet",
        "pretrained": "file.pth",
        "init_cfg": {"type": "Pretrained", "checkpoint": "file.pth"},
        "parts": [{"init_cfg": [{"type": "Normal"}, {"type": "Pretrained"}]}, {"init_cfg": {"type": "Normal"}}],
        "sizes": (1, 2),
    }
    cleaned = without_downloads(config)
    assert cleaned == {"type": "HRNet", "parts": [{}, {"init_cfg": {"type": "Normal"}}], "sizes": (1, 2)}
    assert "pretrained" in config


@pytest.fixture
def mmcv(tmp_path):
    """A function that makes a package `mmcv` whose `ops` holds the given code."""

    def make(ops):
        (tmp_path / "mmcv" / "ops").mkdir(parents=True)
        (tmp_path / "mmcv" / "__init__.py").write_text("")
        (tmp_path / "mmcv" / "ops" / "__init__.py").write_text(ops)
        return tmp_path

    return make


LITE = "import mmcv._ext"


def test_stand_in_can_be_imported_and_asked_about_but_not_used(mmcv):
    code = """
from baselines.mmcv_ops import ensure_mmcv_ops
print(ensure_mmcv_ops(), ensure_mmcv_ops())
from mmcv.ops import DeformConv2d
from mmcv.ops.nms import batched_nms
class Ours(DeformConv2d): pass
print(isinstance(3, DeformConv2d), issubclass(Ours, DeformConv2d))
for use in (lambda: DeformConv2d(3, 4), lambda: batched_nms(None), Ours):
    try:
        use()
    except RuntimeError as error:
        print(str(error).split()[0])
print(hasattr(sys.modules['mmcv.ops'], '__wrapped__'))
"""
    uses = ["mmcv.ops.DeformConv2d", "mmcv.ops.nms.batched_nms", "mmcv.ops.DeformConv2d"]
    assert run(code, mmcv(LITE)) == ["True", "True", "False", "True", *uses, "False"]


def test_a_working_mmcv_is_left_alone(mmcv):
    code = "from baselines.mmcv_ops import ensure_mmcv_ops as e; n = len(sys.meta_path)\n"
    code += "print(e(), len(sys.meta_path) == n); from mmcv.ops import nms; print(nms())"
    assert run(code, mmcv("def nms(): return 'real'")) == ["False", "True", "real"]


def test_without_mmcv_there_is_nothing_to_stand_in_for(tmp_path):
    (tmp_path / "mmcv.py").write_text("raise ImportError('no mmcv here')")
    code = "from baselines.mmcv_ops import ensure_mmcv_ops\n"
    code += "try:\n    ensure_mmcv_ops()\nexcept ImportError as error:\n    print(error, len(sys.argv))"
    assert run(code, tmp_path) == ["no", "mmcv", "here", "1"]
