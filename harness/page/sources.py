"""Published numbers that a page refers to, with the file in which they stand and who printed them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from harness.classification.published import FILE, all_rows
from harness.files import published_dir
from harness.page.content import FACT, PUBLISHED
from harness.published import Fact, PublishedRow, load_facts, read_published


def sources(wanted: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """For each kind and id what `results/published` has: `file`, and all of the row or fact as `data`.

    The keys are `kind:id`. Raises KeyError for one that is not there.
    """
    wanted = set(wanted)
    if not wanted:
        return {}
    known: dict[tuple[str, str], tuple[str, PublishedRow | Fact]] = {}
    for path in sorted(published_dir().glob("*.yaml")):
        known |= {(PUBLISHED, row.id): (f"results/published/{path.name}", row) for row in read_published(path)}
    for path in sorted((published_dir() / "facts").glob("*.yaml")):
        known |= {(FACT, fact.id): (f"results/published/facts/{path.name}", fact) for fact in load_facts(path.stem)}
    known |= {(PUBLISHED, row.id): (f"results/published/facts/{FILE}.yaml", row) for row in all_rows()}
    return {f"{kind}:{name}": {"file": known[kind, name][0], "data": asdict(known[kind, name][1])}
            for kind, name in sorted(wanted)}
