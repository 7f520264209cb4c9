"""A page as one HTML file that needs no network: stylesheet, scripts, data and pictures are all in it.

Names from outside (rows of plug-ins, file names, subjects of commits) reach the file only through jinja2's escaping or
as JSON that cannot end its element; the scripts put them into the page as text. A policy in the file's head allows the
page's own script, by its hash, and nothing from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.page import collect
from harness.page.content import RECORD, Cell, Chart, Column, Grid, Line, Page, Ref
from harness.page.figures import figures
from harness.page.sources import sources

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("theme.js", "tables.js", "details.js", "scales.js", "charts.js")
LIMIT = 5_000_000
"""Bytes of a page, at most."""
SPARE = 100_000
"""Bytes kept for what is written around figures."""


@dataclass
class Data:
    """What the scripts of a page read: references and cells by number, so that each stands there once."""

    refs: dict[Ref, int] = field(default_factory=dict)
    cells: list[list[Any]] = field(default_factory=list)

    def ref(self, ref: Ref | None) -> int | None:
        """The number of a reference."""
        return None if ref is None else self.refs.setdefault(ref, len(self.refs))

    def cell(self, title: str, cell: Cell) -> int:
        """The number of a cell that can be opened."""
        self.cells.append([title, cell.text, list(cell.hint), [self.ref(ref) for ref in cell.refs]])
        return len(self.cells) - 1


def environment(*folders: Path) -> Any:
    """jinja2 with escaping on, templates of these folders and those that all pages share."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader([*folders, ASSETS]), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}
    made.globals |= {"asset": asset, "script_hash": script_hash}
    return made


@cache
def asset(*names: str) -> Any:
    """Files of this package, one after the other, as they are."""
    from markupsafe import Markup

    return Markup("\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names))


def script_hash(text: str) -> str:
    """A script as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def render(page: Page, results: Path) -> str:
    """The HTML of a page with the figures of its results folder, as large as there is room for them.

    Raises UserError where it would be larger than LIMIT without any figure.
    """
    room = LIMIT - len(_html(page).encode("utf-8")) - SPARE
    page = replace(page, figures=tuple(figures(results, max(0, room))))
    text = _html(page)
    size = len(text.encode("utf-8"))
    if size > LIMIT:
        tables = ", ".join(dict.fromkeys(section.table for section in page.sections))
        raise UserError(f"the page would have {size / 1e6:.1f} MB, more than {LIMIT / 1e6:g}: choose one table "
                        f"(`harness report TABLE --html`: {tables}) or one --profile")
    return text


def _html(page: Page) -> str:
    data = Data()
    sections = [{"of": section, "grids": [_grid(grid, data) for grid in section.grids]} for section in page.sections]
    charts = [chart for section in page.sections for chart in section.charts] + list(page.charts)
    drawn = {chart.id: _chart(chart, data) for chart in charts}
    return str(environment().get_template("page.html.j2").render(
        page=page, sections=sections, pictures=list(_pictures(page, data)), records=_record_rows(page, data),
        scripts=SCRIPTS, data=_payload(page, data, drawn), sources=_source_rows(data)))


def _grid(grid: Grid, data: Data) -> dict[str, Any]:
    groups = [{"lead": lead, "lines": [_line(grid, line, data) for line in group]}
              for group, lead in zip(grid.groups, grid.leads, strict=True)]
    return {"of": grid, "heads": heads(grid.columns), "groups": groups}


def heads(columns: tuple[Column, ...]) -> list[tuple[str, int]]:
    """Groups of columns that stand side by side, with the number of each; nothing where no column is in one."""
    found: list[tuple[str, int]] = []
    for column in columns:
        if found and found[-1][0] == column.group:
            found[-1] = (column.group, found[-1][1] + 1)
        else:
            found.append((column.group, 1))
    return found if any(group for group, _ in found) else []


def _line(grid: Grid, line: Line, data: Data) -> dict[str, Any]:
    cells = []
    for column, cell in zip(grid.columns, line.cells, strict=True):
        title = ", ".join(text for text in (line.cells[0].text, column.group, column.title, line.kind) if text)
        number = data.cell(title, cell) if cell.refs or cell.hint else None
        cells.append({"of": cell, "numeric": column.numeric, "number": number, "title": title})
    return {"kind": line.kind, "cells": cells}


def _chart(chart: Chart, data: Data) -> dict[str, Any]:
    return {
        "id": chart.id, "title": chart.title, "form": chart.form, "rows": list(chart.rows),
        "categories": list(chart.categories),
        "selectors": [[name, list(options)] for name, options in chart.selectors], "start": list(chart.start),
        "views": [{"choice": list(view.choice), "x": view.x, "y": view.y, "note": view.note, "curves": [
            {"name": curve.name, "row": curve.row, "hollow": curve.hollow, "step": curve.step, "points": [
                [_short(p.x), _short(p.y), _short(p.low), _short(p.high), p.label, data.ref(p.ref)]
                for p in curve.points]} for curve in view.curves]} for view in chart.views]}


def _short(value: float | None) -> float | None:
    """Six digits are more than a chart shows; all of them are in the record."""
    return None if value is None else float(f"{value:.6g}")


def _payload(page: Page, data: Data, charts: Mapping[str, Any]) -> dict[str, Any]:
    known = collect.records(page)
    return {
        "charts": charts, "cells": data.cells, "results": page.results,
        "refs": [[ref.kind, ref.id, list(ref.path), ref.role] for ref in data.refs],
        "records": {key: {"file": page.files.get(key, ""), "data": record} for key, record in known.items()},
        "published": sources((ref.kind, ref.id) for ref in data.refs if ref.kind != RECORD)}


def _pictures(page: Page, data: Data) -> Iterator[dict[str, Any]]:
    """The figures with their rows, which open their records where the page has them."""
    known = collect.records(page)
    for figure in page.figures:
        rows = [{"text": text, "number": data.cell(f"{text}, record", Cell(key[:12], refs=(Ref(RECORD, key),)))
                 if key in known else None} for text, key in figure.rows]
        yield {"of": figure, "rows": rows}


def _record_rows(page: Page, data: Data) -> list[dict[str, Any]]:
    """The records of a page, for the list of them at its end."""
    rows = []
    for key, record in collect.records(page).items():
        code, title = record.get("code") or {}, record.get("title", record["row"])
        commit = str(code.get("commit") or "")[:7] or "not recorded"
        machine = record.get("machine") or {}
        rows.append({
            "number": data.cell(f"{title}, record", Cell(key[:12], refs=(Ref(RECORD, key),))), "title": title,
            "table": record.get("table"), "profile": record.get("profile"),
            "status": record.get("status"), "seed": record.get("seed"), "created": str(record["created"])[:19],
            "commit": commit + ("+" if code.get("dirty") else ""), "key": key[:12],
            "machine": machine.get("gpu") if record.get("device") == "cuda" else machine.get("processor"),
            "file": page.files.get(key, "")})
    return rows


def _source_rows(data: Data) -> Iterator[dict[str, Any]]:
    """Who printed the published numbers of a page, each source once."""
    seen = set()
    for found in sources((ref.kind, ref.id) for ref in data.refs if ref.kind != RECORD).values():
        source = found["data"]["source"]
        if (source["id"], source["citation"]) not in seen:
            seen.add((source["id"], source["citation"]))
            yield {**source, "file": found["file"], "url": safe_url(source["url"])}


def safe_url(url: str | None) -> str | None:
    """An address that may be a link: of the web, nothing else."""
    return url if url and url.startswith(("https://", "http://")) else None
