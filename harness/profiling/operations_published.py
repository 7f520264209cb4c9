"""Which convention gives which published number: the networks of `specs/operations.yaml`, counted here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from harness.files import read_yaml, specs_dir
from harness.profiling.operations.conventions import CONVENTIONS, convention
from harness.profiling.operations_words import convention_lines, giga, size
from harness.published import load_facts
from harness.registry import load_attribute


@dataclass(frozen=True)
class Figure:
    """A published figure."""

    text: str
    """As it was printed."""
    convention: str
    source: str
    printed: str = "round"
    """round | cut: what the source did with the places that it does not print."""
    note: str = ""

    def of(self, count: float) -> str:
        """A count, in the convention's unit, printed as the source prints."""
        places = len(self.text.partition(".")[2])
        if self.printed == "cut":
            count = math.floor(count * 10**places) / 10**places
        return f"{count:.{places}f}"


@dataclass(frozen=True)
class Network:
    """A network with published figures."""

    title: str
    builder: str
    args: dict[str, Any]
    input: tuple[int, int]
    """Height and width."""
    published: tuple[Figure, ...]

    def totals(self) -> dict[str, float]:
        """Its count in every convention, in that convention's unit."""
        from harness.profiling.operations.counting import count

        height, width = self.input
        found = count(load_attribute(self.builder)(**self.args), width, height)
        return {c.name: c.figure(found.total(c)) for c in CONVENTIONS.values()}


def load_networks() -> list[Network]:
    """All of them. Raises UserError for an unknown convention."""
    facts = {fact.id: fact for fact in load_facts("complexity")}
    return [Network(given["network"], given["builder"], given["args"], (given["input"][0], given["input"][1]),
                    tuple(_figure(one, facts) for one in given["published"]))
            for given in read_yaml(specs_dir() / "operations.yaml")]


def _figure(given: dict[str, Any], facts: dict[str, Any]) -> Figure:
    given = dict(given)
    fact = facts[given.pop("fact")] if "fact" in given else None
    value = fact.values[given.pop("field")] if fact else given.pop("figure")
    convention(given["convention"])
    return Figure(text=str(value), source=fact.source.short if fact else "TCFormer paper, as quoted", **given)


def page(tell: Callable[[str], None]) -> str:
    """The page as Markdown; every network is counted."""
    networks = load_networks()
    counted = []
    for network in networks:
        tell(f"counting {network.title}")
        counted.append((network, network.totals()))
    tell("")
    return "\n".join([*_head(), *_published(counted), *_all(counted), *_conventions()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Operations: which convention gives which number"
    yield ""
    yield "Written by `harness profile --operations --page docs/operations.md`, which counts every network named here."
    yield ""
    yield "A published \"GFLOPs\" is nearly always multiply-adds, counted by rules that differ: the same HRNet-w48"
    yield "is 35.5 or 32.9. Never compare two of them before you know the rules of both. The GMACs in this project's"
    yield "tables and records follow `fvcore`. `harness profile MODEL --operations` prints every convention, by"
    yield "operator and by module, with what was not counted and a second opinion from `torch.utils.flop_counter`;"
    yield "`--html FILE` writes the tree of modules with operations, parameters and time as a page."


def _published(counted: list[tuple[Network, dict[str, float]]]) -> Iterator[str]:
    yield ""
    yield "## Published figures"
    yield ""
    yield "Pose networks have 17 key points."
    yield ""
    yield "| Network | Input | Source | Published | Convention | Counted here | |"
    yield "|---|---|---|---:|---|---:|---|"
    notes: list[str] = []
    for network, totals in counted:
        for figure in network.published:
            value = totals[figure.convention]
            same = figure.of(value) == figure.text
            words = ("equal" + (" (cut, not rounded)" if figure.printed == "cut" else "")) if same else \
                f"{100 * (value / float(figure.text) - 1):+.1f} %"
            if figure.note:
                notes.append(f"{figure.text}: {figure.note}.")
                words += f" [{len(notes)}]"
            yield (f"| {network.title} | {size(list(network.input))} | {figure.source} | {figure.text} | "
                   f"`{figure.convention}` | {value:.3f} | {words} |")
    yield ""
    yield from (f"[{number}] {' '.join(note.split())}\n" for number, note in enumerate(notes, 1))


def _all(counted: list[tuple[Network, dict[str, float]]]) -> Iterator[str]:
    yield "## The same networks in every convention"
    yield ""
    yield "| Network | Input | " + " | ".join(f"`{name}`" for name in CONVENTIONS) + " |"
    yield "|---|---|" + "---:|" * len(CONVENTIONS)
    for network, totals in counted:
        yield (f"| {network.title} | {size(list(network.input))} | "
               + " | ".join(giga(totals[name], 1) for name in CONVENTIONS) + " |")


def _conventions() -> Iterator[str]:
    yield ""
    yield "## Conventions"
    yield ""
    for line, found in zip(convention_lines(), CONVENTIONS.values(), strict=True):
        yield f"- **{found.name}**, {found.unit}: {line.partition(': ')[2]}"
    yield ""
    yield "An operator counts by what it is, wherever it is called; counters that look at module types alone miss what"
    yield "a network calls as a function (of TCFormer: its token convolutions). TCFormer's clustering is counted in its"
    yield "plain form, the distances of all pairs of tokens once; the form that runs on a CPU computes those of some"
    yield "tokens again."
