"""A second opinion on the multiply-adds: `torch.utils.flop_counter`, and where the two differ."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from harness.profiling.operations.conventions import MACS
from harness.profiling.operations.counting import CALLS, Count, image
from harness.profiling.operations.rules import PRODUCTS, RULES
from harness.profiling.operations_words import TOLERANCE

GROUPS = {
    "convolutions": ("convolution",),
    "linear layers and matrix products": ("linear", "product"),
    "attention": ("attention",),
    "distances": ("distance",),
    "weighted sums": ("weighted sum", "scaled addition"),
}
"""Our kinds, grouped as far as torch tells them apart."""
assert {kind for kinds in GROUPS.values() for kind in kinds} == set(PRODUCTS)


class _Executed(TorchDispatchMode):
    """Counts executed operators that torch's counter has no formula for."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket not in flop_registry:
            self.unknown[str(func.overloadpacket)] += 1
        return func(*args, **kwargs or {})


def cross_check(model: nn.Module, width: int, height: int, count: Count) -> dict[str, Any]:
    """Compare a count with torch's of the same forward pass, in multiply-adds (half of torch's FLOPs).

    Torch counts what runs on this CPU, below the operators that are traced: an attention or a clustering that is one
    kernel there is one operator, which it may have no formula for.

    Returns:
        `ours`, `torch` and `difference` (ours over torch's, less 1; None where torch finds none); `groups`, each with
        both figures and the operators of ours that make up the difference; `unexplained`, what is left of it; and
        `explained`, whether that is at most `TOLERANCE` of our count.
    """
    subject = copy.deepcopy(model).cpu().float().eval()
    executed = _Executed()
    with torch.no_grad(), FlopCounterMode(display=False) as counter, executed:
        subject(image(width, height))
    theirs: Counter[str] = Counter()
    for operator, flops in counter.get_flop_counts().get("Global", {}).items():
        theirs[_group(str(operator))] += flops // 2
    groups = [_compare(name, count, theirs[name], executed.unknown) for name in GROUPS]
    ours, other = sum(g["ours"] for g in groups), sum(g["torch"] for g in groups)
    # By group: what one of them has too much must not hide what another lacks.
    left = [g["ours"] - g["torch"] - sum(part["macs"] for part in g["parts"]) for g in groups]
    return {"ours": ours, "torch": other, "difference": ours / other - 1 if other else None,
            "groups": [g for g in groups if g["ours"] or g["torch"]],
            "unexplained": sum(map(abs, left)), "explained": sum(map(abs, left)) <= TOLERANCE * max(ours, other)}


def _group(operator: str) -> str:
    if "convolution" in operator:
        return "convolutions"
    return "attention" if "attention" in operator else "linear layers and matrix products"


def _compare(name: str, count: Count, theirs: int, unknown: Counter[str]) -> dict[str, Any]:
    """Both figures of a group. Where they differ, the operators of ours that are missing there as a whole."""
    sizes = count.modules[""]
    mine = {operator: MACS.value(RULES[operator].kind, found) for operator, found in sizes.items()
            if RULES[operator].kind in GROUPS[name]}
    missing = sum(mine.values()) - theirs
    parts = []
    if missing:
        whole = list(mine) if theirs == 0 else [operator for operator, macs in mine.items() if macs == missing][:1]
        parts = [{"operator": operator, "macs": mine[operator], "calls": sizes[operator][CALLS],
                  "why": _why(operator, unknown)} for operator in whole if mine[operator]]
    return {"group": name, "ours": sum(mine.values()), "torch": theirs, "parts": parts}


def _why(operator: str, unknown: Counter[str]) -> str:
    """What ran in an operator's place and has no formula in torch's counter."""
    sought = {"scaled_dot_product_attention": "scaled_dot_product", "embedding_bag": "embedding_bag",
              "cdist": "cdist", "_cdist_forward": "cdist", "addcmul": "addcmul"}.get(operator, "dpc_knn")
    found = [f"{name} ({times} calls)" for name, times in unknown.items() if sought in name]
    if not found:
        return "no operator of that kind was seen by torch's counter"
    inside = "runs inside of" if sought == "dpc_knn" else "runs as"
    return f"{inside} {', '.join(found)}, which torch's counter has no formula for"
