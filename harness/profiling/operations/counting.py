"""The sizes of every operator of one forward pass, by the module that executed it."""

from __future__ import annotations

import copy
import logging
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from harness.profiling.operations.conventions import Convention
from harness.profiling.operations.rules import RULES, Rule

Key = tuple[str, str]
"""Operator and size."""
CALLS = "calls"
"""Among an operator's sizes: how often it was executed."""


@dataclass(frozen=True)
class Count:
    """What one forward pass of one image executes."""

    modules: dict[str, dict[str, dict[str, int]]]
    """By module path ("" is the model), operator and size; a module's hold those of the modules in it."""
    uncounted: dict[str, int]
    """Operators without a rule, with how often each was executed."""

    @cached_property
    def executed(self) -> int:
        """Operators executed, those without a rule among them."""
        return sum(sizes[CALLS] for sizes in self.modules[""].values()) + sum(self.uncounted.values())

    @property
    def counted_share(self) -> float:
        """Executed operators with a rule (zero included) over all executed operators; 1 where none was executed."""
        return 1.0 - sum(self.uncounted.values()) / max(self.executed, 1)

    def operators(self, convention: Convention, module: str = "") -> dict[str, int]:
        """What each operator of a module counts."""
        return {name: convention.value(RULES[name].kind, sizes) for name, sizes in self.modules[module].items()}

    def total(self, convention: Convention, module: str = "") -> int:
        """What a module counts, the modules in it included."""
        return sum(self.operators(convention, module).values())


def count(model: nn.Module, width: int, height: int) -> Count:
    """Trace one forward pass of a (1, 3, height, width) image on the CPU in fp32. The model is left as it was.

    Work whose result is thrown away counts like any other: it takes its time.
    Operators that are called outside of submodules are those of the module whose `forward` calls them.
    """
    with warnings.catch_warnings():
        # On import, fvcore 0.1.5 compiles losses by torch.jit.script, which torch 2.14 calls deprecated.
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*torch.jit.script")
        from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    subject = copy.deepcopy(model).cpu().float().eval()
    with warnings.catch_warnings(), torch.no_grad(), _AllAlive():
        warnings.simplefilter("ignore")  # tracing warns of every shape it turns into a constant: intended here
        analysis = FlopCountAnalysis(subject, image(width, height)).clear_op_handles()
        analysis.set_op_handle(**{f"aten::{name}": _handle(name, rule) for name, rule in RULES.items()})
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        found = analysis.by_module_and_operator()
        uncounted = analysis.unsupported_ops()
    return Count({path: _nested(sizes) for path, sizes in found.items()},
                 {name.removeprefix("aten::"): times for name, times in uncounted.items()})


class _AllAlive(TorchFunctionMode):
    """Makes every tensor of a traced forward pass an output of the graph.

    The tracer drops operators whose results reach no output. They have run all the same, and what they cost is counted.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **kwargs or {})
        state = torch._C._get_tracing_state()
        if state is not None:
            for one in result if isinstance(result, tuple | list) else (result,):
                if isinstance(one, torch.Tensor):
                    state.graph().registerOutput(torch._C._get_value_trace(one))  # type: ignore[attr-defined]
        return result


def image(width: int, height: int) -> torch.Tensor:
    """What is counted on: (1, 3, height, width), of noise."""
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def _handle(name: str, rule: Rule) -> Any:
    """A rule as fvcore's handle: it may give several figures by key, which are added up by module."""
    def handle(inputs: list[Any], outputs: list[Any]) -> Counter[Key]:
        sizes = {CALLS: 1, **rule.measure(inputs, outputs)}
        return Counter({(name, size): value for size, value in sizes.items()})
    return handle


def _nested(sizes: dict[Key, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for (name, size), value in sizes.items():
        found[name][size] = value
    return dict(found)
