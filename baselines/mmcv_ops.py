"""A stand-in for `mmcv.ops`, so that mmpose imports beside mmcv-lite, which has no compiled operations.

mmpose and mmdet ask at import for names (deformable convolution, non-maximum suppression ...) of which no
top-down heat-map model uses any. Here every name of `mmcv.ops` and of its submodules is a class that can be
imported, subclassed and asked about, and that raises as soon as it is called.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

PACKAGE = "mmcv.ops"


class _StandInModule(ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):  # the import system and inspect probe for these
            raise AttributeError(f"module '{self.__name__}' (a stand-in) has no attribute '{name}'")
        full = f"{self.__name__}.{name}"

        def refuse(cls: type, *args: object, **kwargs: object) -> NoReturn:
            raise RuntimeError(
                f"{full} is not available: mmcv is installed without its compiled operations (mmcv-lite); "
                "this model needs the full mmcv package"
            )

        placeholder = type(name, (), {"__new__": refuse, "__module__": self.__name__})
        setattr(self, name, placeholder)
        return placeholder


class _StandInFinder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == PACKAGE or fullname.startswith(PACKAGE + "."):
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass  # names come to be when asked for


def ensure_mmcv_ops() -> bool:
    """Put the stand-in in place if mmcv is there and its `ops` cannot be imported; True if it now is.

    Where the real `mmcv.ops` works, nothing changes. Raises ImportError where mmcv itself is absent.
    """
    importlib.import_module("mmcv")
    try:
        return isinstance(importlib.import_module(PACKAGE), _StandInModule)
    except ImportError:  # mmcv-lite ships the Python files but not the compiled library behind them
        pass
    sys.meta_path.insert(0, _StandInFinder())
    importlib.import_module(PACKAGE)
    return True
