"""One page that stands alone: a network's tree of modules with operations, parameters and time. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.page.html import environment
from harness.profiling import operations_words as words
from harness.profiling.words import significant, size

TEMPLATE = Path(__file__).with_name("operations_page.html.j2")


def page(record: dict[str, Any]) -> str:
    """HTML of a record of `harness profile --operations`; every name in it is escaped."""
    template = environment(TEMPLATE.parent).get_template(TEMPLATE.name)
    return template.render(
        networks=[_network(record, network) for network in record["networks"]],
        machine=" ".join(words.machine_lines(record)),
        conventions=[(given["name"], given["text"]) for given in record["conventions"]])


def _network(record: dict[str, Any], network: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"{network['model']} {size(network['input'])}", "title": words.title(network),
        "root": tree(network), "conventions": words.conventions(record, network).rows,
        "bars": bars(network), "lines": list(words.lines(network)), "explained": network["cross_check"]["explained"],
    }


def tree(network: dict[str, Any]) -> dict[str, Any]:
    """The modules as nodes with their `children`; what a module does outside of its modules is a node, too."""
    nodes: dict[str, dict[str, Any]] = {}
    for row in network["modules"]:
        nodes[row["path"]] = node = _node(row, network)
        if row["path"]:
            _parent(nodes, row["path"])["children"].append(node)
    for node in list(nodes.values()):
        if node["children"]:
            _add_own(node, network)
    return nodes[""]


def _parent(nodes: dict[str, dict[str, Any]], path: str) -> dict[str, Any]:
    parent = path.rpartition(".")[0]
    while parent not in nodes:  # a module between that has neither parameters nor operators is left out
        parent = parent.rpartition(".")[0]
    return nodes[parent]


def _node(row: dict[str, Any], network: dict[str, Any]) -> dict[str, Any]:
    return _figures({
        "name": row["path"].rpartition(".")[2] or network["model"], "path": row["path"] or network["model"],
        "type": row["type"], "parameters": row["parameters"], "macs": row["counts"]["macs"],
        "flops": row["counts"]["flops"], "ms": row["ms"], "open": words.level_of(row["path"]) < 2, "children": []},
        network)


def _figures(node: dict[str, Any], network: dict[str, Any]) -> dict[str, Any]:
    """The node with its texts and the widths of its bars, percent."""
    whole, time = network["totals"]["macs"], network["time"]["with_hooks_ms"]
    return node | {
        "parameters_text": words.giga(node["parameters"], 1e6), "macs_text": words.giga(node["macs"]),
        "flops_text": words.giga(node["flops"]), "ms_text": significant(node["ms"]),
        "rate_text": significant(words.rate(node["macs"], node["ms"])) if node["macs"] else "-",
        "macs_width": _width(node["macs"], whole), "ms_width": _width(node["ms"] or 0.0, time)}


def _add_own(node: dict[str, Any], network: dict[str, Any]) -> None:
    """Append what a module executes outside of the modules in it, where that is anything."""
    inside = node["children"]
    own = {name: node[name] - sum(child[name] for child in inside) for name in ("parameters", "macs", "flops")}
    if node["ms"] is None or not any(own.values()):
        return
    ms = max(node["ms"] - sum(child["ms"] or 0.0 for child in inside), 0.0)
    inside.append(_figures({"name": "(itself)", "path": f"{node['path']}, outside of the modules in it", "type": "",
                            **own, "ms": ms or None, "open": False, "children": []}, network))


def _width(part: float, whole: float) -> float:
    return round(min(100 * part / whole, 100.0), 2) if whole else 0.0


def bars(network: dict[str, Any]) -> list[dict[str, Any]]:
    """The operators that the screen names, too, with bars in percent of the costliest; the others in one."""
    named, rest = words.named_operators(network)
    found = [{"name": row["operator"], "calls": row["calls"], **_counts([row])} for row in named]
    if rest:
        found.append({"name": f"{len(rest)} others", "calls": sum(row["calls"] for row in rest), **_counts(rest)})
    whole, most = network["totals"]["flops"], max((bar["flops"] for bar in found), default=0)
    return [bar | {"macs_text": words.giga(bar["macs"]), "flops_text": words.giga(bar["flops"]),
                   "share": words.share(bar["flops"], whole), "width": _width(bar["flops"], most)} for bar in found]


def _counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {name: sum(row["counts"][name] for row in rows) for name in ("macs", "flops")}
