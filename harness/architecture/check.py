"""Does a table of architectures keep the contracts that its jobs and its report rely on?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.architecture.printed import printed_facts
from harness.profiling.operations.conventions import convention
from harness.registry import load_attribute, model_spec

TABLE = ("source", "series", "published_convention", "record_convention", "inputs")


def check_rows(table: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """A series that can be loaded, known conventions, and rows with a model, a classifier and facts that exist."""
    missing = [name for name in TABLE if name not in table]
    yield not missing, f"has {', '.join(TABLE)}" + (f"; not {', '.join(missing)}" if missing else "")
    if missing:
        return
    series = load_attribute(table["series"])
    lacking = [name for name in ("read", "with_depths", "set_tokens") if not callable(getattr(series, name, None))]
    yield not lacking, f"series {table['series']} reads and varies networks" + (
        f"; it has no {', '.join(lacking)}" if lacking else "")
    for name in ("published_convention", "record_convention"):
        yield True, f"{name} {convention(table[name]).name} is known"
    for row in table["rows"]:
        facts = printed_facts(row)
        yield bool(facts), f"row {row['id']}: {len(facts)} published facts"
        spec, builder = model_spec(row["model"]), load_attribute(row["classifier"]["builder"])
        yield callable(builder), f"row {row['id']}: model {spec.name} and classifier {row['classifier']['builder']}"
        uneven = [name for fact in facts for name, values in fact.stages.items()
                  if len(values) != len(next(iter(fact.stages.values())))]
        yield not uneven, f"row {row['id']}: as many stages in every printed setting"
