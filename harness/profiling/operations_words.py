"""A record of `harness profile --operations` in words: the same texts for the screen and the pages. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from harness.profiling import words
from harness.profiling.operations.conventions import CONVENTIONS
from harness.profiling.watch_words import watch_lines
from harness.profiling.words import significant, size

TOLERANCE = 0.01
"""Relative difference to torch's counter above which its parts are told."""


class Table(NamedTuple):
    """Cells under headings."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: tuple[str, ...] = ()
    """Headings of the columns that are set to the right."""
    wrapped: tuple[str, ...] = ()


def title(network: dict[str, Any]) -> str:
    """What was counted, with its size."""
    return (f"{network['model']} {size(network['input'])}, one image, {network['keypoints']} key points: "
            f"{network['parameters'] / 1e6:.2f} M parameters, {giga(network['totals']['macs'])} GMAC, "
            f"{giga(network['totals']['flops'])} GFLOP")


def giga(value: float, divisor: float = 1e9) -> str:
    """In thousand millions, three digits behind the point below 1, two above."""
    found = value / divisor
    if 0 < found < 0.0005:
        return "<0.001"
    return f"{found:.2f}" if found >= 1 else f"{found:.3f}" if found else "0"


def rate(macs: float, ms: float | None) -> float | None:
    """Thousand million multiply-adds a second."""
    return macs / ms / 1e6 if ms else None


def share(part: float, whole: float) -> str:
    """Percent, "-" of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def conventions(record: dict[str, Any], network: dict[str, Any]) -> Table:
    """The total in every convention."""
    found = [(given["name"], giga(network["totals"][given["name"]], given["divisor"]), given["unit"], given["title"])
             for given in record["conventions"]]
    other = ("torch", giga(2 * network["cross_check"]["torch"]), "GFLOP", "torch.utils.flop_counter, on this CPU")
    return Table(("Convention", "Total", "Unit", "What"), [*found, other], ("Total",), ("Unit", "What"))


def operators(network: dict[str, Any]) -> Table:
    """Every operator that has multiply-adds or a thousandth of the operations; the others in one row."""
    whole = network["totals"]["flops"]
    named, rest = named_operators(network)
    rows = [_operator_row(row["operator"], row["calls"], row["counts"], whole) for row in named]
    if rest:
        counts = {name: sum(row["counts"][name] for row in rest) for name in ("macs", "flops", "mmcv")}
        rows.append(_operator_row(f"{len(rest)} others", sum(row["calls"] for row in rest), counts, whole))
    return Table(("Operator", "Calls", "GMAC", "GFLOP", "of GFLOP", "mmcv"), rows,
                 ("Calls", "GMAC", "GFLOP", "of GFLOP", "mmcv"), ("Operator",))


def named_operators(network: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The operators that are shown by name, and the others."""
    whole = network["totals"]["flops"]
    named = [row for row in network["operators"] if row["counts"]["macs"] or row["counts"]["flops"] >= whole / 1000]
    return named, [row for row in network["operators"] if row not in named]


def _operator_row(name: str, calls: int, counts: dict[str, int], whole: int) -> tuple[str, ...]:
    return (name, str(calls), giga(counts["macs"]), giga(counts["flops"]), share(counts["flops"], whole),
            giga(counts["mmcv"]))


def modules(network: dict[str, Any], depth: int) -> Table:
    """The tree of modules down to a depth; the model itself is depth 0."""
    rows = []
    for row in network["modules"]:
        level = level_of(row["path"])
        if level <= depth:
            name = row["path"].rpartition(".")[2] or network["model"]
            rows.append(("  " * level + name, row["type"], giga(row["parameters"], 1e6),
                         giga(row["counts"]["macs"]), giga(row["counts"]["flops"]), significant(row["ms"]),
                         share(row["ms"] or 0.0, network["time"]["with_hooks_ms"]) if row["ms"] else "-"))
    return Table(("Module", "Type", "M par.", "GMAC", "GFLOP", "ms", "of ms"), rows,
                 ("M par.", "GMAC", "GFLOP", "ms", "of ms"), ("Module", "Type"))


def level_of(path: str) -> int:
    """Depth of a module: 0 for the model."""
    return path.count(".") + 1 if path else 0


def lines(network: dict[str, Any]) -> Iterator[str]:
    """What belongs under the tables: what was counted, the cross-check, the hooks."""
    counted = network["counted"]
    missing = ", ".join(f"{name} ({times})" for name, times in counted["uncounted"].items())
    yield (f"Counted: {100 * counted['share']:.2f} % of {counted['executed']} executed operators (those that only move "
           f"data count as nothing); not counted: {missing or 'none'}.")
    yield from cross_check_lines(network["cross_check"])
    time = network["time"]
    yield (f"Times: medians of {time['calls']} calls. A call takes {significant(time['ms'])} ms "
           f"({significant(rate(network['totals']['macs'], time['ms']))} GMAC/s). The times by module are of other "
           "calls, in turn with these, with hooks around every module, which add time: "
           f"{significant(time['with_hooks_ms'])} ms each. Modules without modules in them take "
           f"{100 * time['in_leaves']:.0f} % of that; the rest is in operators that their parents call themselves, and "
           "in the hooks. '-': never called itself; its parent uses its weights.")


def cross_check_lines(found: dict[str, Any]) -> Iterator[str]:
    """Torch's count beside ours and, where they differ by more than a percent, which operators do."""
    if found["difference"] is None:
        yield f"Cross-check: torch.utils.flop_counter finds no multiply-adds, this count {giga(found['ours'])} G."
    else:
        yield (f"Cross-check: torch.utils.flop_counter finds {giga(found['torch'])} GMAC (half of its FLOPs), this "
               f"count {giga(found['ours'])}: {100 * found['difference']:+.2f} %.")
        if abs(found["difference"]) <= TOLERANCE and found["explained"]:
            return
    for group in found["groups"]:
        for part in group["parts"]:
            yield f"  {giga(part['macs'])} GMAC of it: {part['operator']} ({part['calls']} calls): {part['why']}."
    left = share(found["unexplained"], max(found["ours"], found["torch"]))
    yield f"  Not explained: {left}." if found["explained"] else (
        f"  NOT EXPLAINED: {left}, more than {TOLERANCE:.0%}: one of the two counts misses something or has it twice. "
        "Do not quote either before you know which.")


def convention_lines() -> Iterator[str]:
    """What each convention counts."""
    yield from (f"{found.name}: {found.text}." for found in CONVENTIONS.values())


def machine_lines(record: dict[str, Any]) -> Iterator[str]:
    """Where it was measured, and what else that machine did meanwhile."""
    yield words.machine_line(record)
    yield from watch_lines({**record, "rows": record["networks"]})
