"""A process in which Triton's interpreter runs kernels on the CPU.

`TRITON_INTERPRET` counts when triton is imported, for the whole process: hence one of its own, so that other tests
are left alone.
"""

import importlib
import io
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
import triton.language as tl
from triton.runtime.interpreter import InterpreterBuilder, TensorHandle


class Interpreter:
    """Calls functions there."""

    def __init__(self, pool: ProcessPoolExecutor):
        self._pool = pool

    def call(self, module: str, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call a module's function; arguments and results are anything that `torch.save` takes."""
        return _unpacked(self._pool.submit(_call, module, function, _packed((args, kwargs))).result())


@contextmanager
def interpreter() -> Iterator[Interpreter]:
    """Start the process, and end it afterwards."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        before = dict(os.environ)
        os.environ["TRITON_INTERPRET"] = "1"
        try:
            pool.submit(_prepare).result()  # the process starts here, and inherits the variable
        finally:
            os.environ.clear()
            os.environ.update(before)
        yield Interpreter(pool)


def check_operator(operator: str, args: tuple, kwargs: dict) -> dict[str, str]:
    """`torch.library.opcheck` of an operator of this package: schema, fake tensors, tracing."""
    namespace, name = operator.split("::")
    return torch.library.opcheck(getattr(getattr(torch.ops, namespace), name).default, args, kwargs)


def _prepare() -> None:
    torch.set_num_threads(1)
    _add_alike_everywhere()
    import tcformer.kernels.triton_clustering
    import tcformer.kernels.triton_mixing  # noqa: F401  registers the operators


def _add_alike_everywhere() -> None:
    """Products of equal rows and columns are equal wherever they lie, as on a GPU.

    The interpreter leaves `tl.dot` to BLAS, which on some processors adds in another order at a matrix's edges. Double
    precision and one rounding at the end take that out.
    """
    original = InterpreterBuilder.create_dot

    def create_dot(self: Any, a: Any, b: Any, d: Any, *rest: Any) -> Any:
        found = original(self, a, b, TensorHandle(d.data.astype(np.float64), tl.float64), *rest)
        return TensorHandle(found.data.astype(d.data.dtype), d.dtype.scalar)

    InterpreterBuilder.create_dot = create_dot


def _call(module: str, function: str, packed: bytes) -> bytes:
    args, kwargs = _unpacked(packed)
    return _packed(getattr(importlib.import_module(module), function)(*args, **kwargs))


def _packed(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def _unpacked(packed: bytes) -> Any:
    return torch.load(io.BytesIO(packed), weights_only=False)
