"""Compile the kernels for an H100 without one: `python -m tests.tcformer.triton_hopper` prints what each takes.

Triton's compiler and ptxas need no device. What a launch would pass is recorded from the real calls, on tensors of
the CPU.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import triton
from tabulate import tabulate
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from tcformer.kernels.triton_clustering import dpc_knn
from tcformer.kernels.triton_mixing import bag_sum

HOPPER = GPUTarget("cuda", 90, 32)
REGISTERS = 65_536
"""Of a multiprocessor, 32 bits each (CUDA programming guide, compute capability 9.0)."""
SHARED = 227 * 1024
"""Bytes of shared memory that one program may have there; a multiprocessor has 228 KiB."""

TYPES = {
    torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16", torch.float64: "fp64",
    torch.int64: "i64", torch.int32: "i32", torch.bool: "i1",
}  # fmt: skip


@dataclass(frozen=True)
class Compiled:
    """What one kernel takes."""

    kernel: str
    registers: int
    spilled: int
    """Bytes of each thread's stack: registers that did not fit."""
    shared: int
    warps: int
    ptx: str

    @property
    def residents(self) -> int:
        """Programs that one multiprocessor holds at a time, by registers (given out by 8 a thread) and memory."""
        threads = 32 * self.warps
        return min(REGISTERS // (-(-self.registers // 8) * 8 * threads), SHARED // max(self.shared + 1024, 1))


Launch = tuple[JITFunction, tuple, dict[str, Any]]


@contextmanager
def recorded() -> Iterator[list[Launch]]:
    """Launches are noted, not made; kernels leave their outputs as they are."""
    launches: list[Launch] = []

    def note(self: JITFunction, *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        launches.append((self, args, kwargs))

    with patch.object(JITFunction, "run", note):
        yield launches


def compile_launch(kernel: JITFunction, args: tuple, kwargs: dict[str, Any]) -> Compiled:
    """Compile a recorded launch as Triton would: alignment, multiples of 16 and ones are specialised on."""
    options = {name: kwargs[name] for name in ("num_warps", "num_stages") if name in kwargs}
    values = {**dict(zip(kernel.arg_names, args, strict=False)),
              **{name: value for name, value in kwargs.items() if name not in options}}  # fmt: skip
    signature, constants, attributes = {}, {}, {}
    declared = {parameter.name for parameter in kernel.params if parameter.is_constexpr}
    for place, name in enumerate(kernel.arg_names):
        value = values[name]
        if name in declared or value is None or (isinstance(value, int) and value == 1):
            signature[name], constants[name] = "constexpr", value
            continue
        tensor = isinstance(value, Tensor)
        signature[name] = f"*{TYPES[value.dtype]}" if tensor else "i32" if isinstance(value, int) else "fp32"
        if tensor or (isinstance(value, int) and value % 16 == 0):  # torch aligns what it makes
            attributes[(place,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes)
    done = triton.compile(source, target=HOPPER, options=options)
    registers, stack = _usage(done.asm["cubin"])
    return Compiled(kernel.__name__, registers, stack, done.metadata.shared, options.get("num_warps", 4),
                    done.asm["ptx"])  # fmt: skip


def _usage(cubin: bytes) -> tuple[int, int]:
    """Registers and stack of a thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(cubin)
        done = subprocess.run([triton.knobs.nvidia.cuobjdump.path, "-res-usage", path], capture_output=True, text=True,
                              check=True)  # fmt: skip
    found = re.search(r"REG:(\d+) STACK:(\d+)", done.stdout)
    assert found, done.stdout
    return int(found[1]), int(found[2])


def compiled(call: Callable[[], object]) -> list[Compiled]:
    """All kernels that a call launches."""
    with recorded() as launches:
        call()
    return [compile_launch(*launch) for launch in launches]


def cluster(tokens: int, channels: int, k: int, dtype: torch.dtype, masked: bool = False) -> list[Compiled]:
    """The clustering's kernels."""
    mask = torch.ones(1, tokens, dtype=torch.bool) if masked else None
    return compiled(lambda: dpc_knn(torch.zeros(1, tokens, channels, dtype=dtype), -(-tokens // 4), k, mask))


def add_bags(channels: int, dtype: torch.dtype) -> list[Compiled]:
    """The kernel for sums over bags."""
    index, offset = torch.zeros(32, dtype=torch.int64), torch.arange(0, 33, 2)
    return compiled(lambda: bag_sum(torch.zeros(16, channels, dtype=dtype), index, torch.ones(32), offset))


def main() -> None:
    """Print the table for the shapes of the published models, at 384 x 288."""
    rows = []
    for dtype in (torch.bfloat16, torch.float32):
        for tokens, channels, k in [(6912, 128, 5), (1728, 320, 5), (432, 512, 5), (6912, 128, 9), (6912, 128, 16)]:
            rows += [(TYPES[dtype], tokens, channels, k, one) for one in cluster(tokens, channels, k, dtype)]
        rows += [(TYPES[dtype], "", channels, "", one) for channels in (64, 256) for one in add_bags(channels, dtype)]
    shown = [(*row, one.kernel, one.registers, one.spilled, one.shared // 1024, one.residents) for *row, one in rows]
    head = ("type", "N", "C", "k", "kernel", "registers", "spilled B", "shared KiB", "programs per SM")
    print(tabulate(shown, head))


if __name__ == "__main__":
    main()
