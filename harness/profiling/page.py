"""The page of a suite: what was published, what it should reach, and what each machine measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.profiling.suite import Group, Suite, lacks
from harness.profiling.words import HEADINGS, NUMBERS, lines, memory, mode, significant, table
from harness.published import Fact, load_facts

CARD = "H100"
"""Of the published milliseconds, `results/published/facts/speed.yaml`: no ratio is given to other cards."""


def page_text(suite: Suite, records: list[dict[str, Any]]) -> str:
    """The page as Markdown, from records of one or several machines."""
    facts = {fact.id: fact for fact in load_facts("speed")}
    return "\n".join([*_head(suite, facts), *_summary(suite, records, facts),
                      *(line for group in suite.groups for line in _section(suite, group, records, facts))]) + "\n"


def command(suite: Suite, group: Group | None = None) -> str:
    """What fills the page's gaps."""
    return f"harness profile --suite {suite.name}" + (f" --only {group.id}" if group else "") + " --page docs/speed.md"


def _head(suite: Suite, facts: dict[str, Fact]) -> Iterator[str]:
    first = next(iter(facts.values()))
    yield f"# {suite.title}"
    yield ""
    yield f"Written by `{command(suite)}`, which measures what the machine can;"
    yield "the records of all machines are in `results/speed/`. Rows of one table were timed in turn, round by"
    yield "round, each in a process of its own. Ratios to the first row, above 1 where slower, are medians of"
    yield "per-round ratios, with quartiles. What a network computes: [operations.md](operations.md)."
    yield ""
    yield f"Published milliseconds: {first.source.citation} at {first.source.revision}. {first.conditions}"


def _summary(suite: Suite, records: list[dict[str, Any]], facts: dict[str, Fact]) -> Iterator[str]:
    yield ""
    yield "| | Published | Aim | Measured |"
    yield "|---|---:|---|---|"
    for group in suite.groups:
        fact = facts.get(group.published or "")
        published = f"{significant(_compared(fact)[0])} ms ({_compared(fact)[1]})" if fact else ""
        found = [_measured(record["groups"][group.id], fact) for record in records if group.id in record["groups"]]
        measured = "; ".join(found) or f"not measured: {lacks(group)}"
        yield f"| {group.title} | {published} | {group.aim} | {measured} |"


def _compared(fact: Fact) -> tuple[float, str]:
    """What ours is held against: the published code's bf16, or fp32 where only that was measured; ms."""
    name = "bf16" if "bf16_ms" in fact.values else "fp32"
    return fact.values[f"{name}_ms"], name


def _measured(record: dict[str, Any], fact: Fact | None) -> str:
    """The first row's time and memory, and what they are beside the published ones and the rows after it."""
    first = record["rows"][0]
    if first["status"] != "measured":
        return str(first["status"])
    parts = [f"{significant(first['median_ms'])} ms"]
    gpu = record["machine"].get("gpu") if record["settings"]["device"] == "cuda" else None
    if gpu:
        parts.append(memory(first))
    if fact and gpu and CARD in gpu:
        times = significant(_compared(fact)[0] / first["median_ms"])
        parts.append(f"{times} times as fast as the published code (another run)")
    for row in record["rows"][1:]:
        other = f"commit {row['revision'][:7]}" if row["revision"] else row["model"]
        if (row["revision"] or row["model"] != first["model"]) and "median" in (row["ratio"] or {}):
            parts.append(f"{significant(row['ratio']['median'])} times as fast as {other}")
    parts += [f"{significant(whole['median'])} times its convolutions and linear layers alone"
              for layers in record["layers"] for whole in layers["whole"] if whole["row"] == 0]
    return f"{', '.join(parts)} ({gpu or record['machine']['processor']}; {mode(first)})"


def _section(suite: Suite, group: Group, records: list[dict[str, Any]], facts: dict[str, Fact]) -> Iterator[str]:
    yield ""
    yield f"## {group.title}"
    yield ""
    fact = facts.get(group.published or "")
    if fact:
        yield f"- Published: {_published(fact)}."
    if group.aim:
        yield f"- Aim: {group.aim}."
    if group.bound:
        yield f"- What holds it: {' '.join(group.bound.split())}"
    here = [record["groups"][group.id] for record in records if group.id in record["groups"]]
    if not here:
        yield f"- Not measured: {lacks(group)}; `{command(suite, group)}` fills it."
    for record in here:
        yield ""
        yield "| " + " | ".join(HEADINGS) + " |"
        yield "|" + "|".join("---:" if heading in NUMBERS else "---" for heading in HEADINGS) + "|"
        yield from ("| " + " | ".join(cells) + " |" for cells in table(record))
        yield ""
        under = [line for line in lines(record) if not line.startswith(("Median of", "p90: ", "p99: "))]
        yield from (f"- {line}" for line in under)


def _published(fact: Fact) -> str:
    """All of a fact's figures in words."""
    names = {"fp32": "fp32", "tf32": "TF32", "bf16": "bf16 autocast"}
    parts = []
    for key, name in names.items():
        if f"{key}_ms" in fact.values:
            gib = fact.values.get(f"{key}_gib")
            parts.append(f"{name} {significant(fact.values[f'{key}_ms'])} ms" + (f" and {gib:g} GiB" if gib else ""))
    return ", ".join(parts)
