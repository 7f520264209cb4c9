"""The history of one row and metric: all measurements on disk, sorted into series, each cut into levels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from harness.errors import UserError, unknown
from harness.gate.history import metrics
from harness.gate.history.chains import chain_series
from harness.gate.history.commits import Commit, Repository
from harness.gate.history.files import files_in, measurements
from harness.gate.history.levels import Series, make_series
from harness.gate.history.measurements import Link, Measurement, Unplaced
from harness.gate.history.timeline import in_order
from harness.gate.reading import File

Key = tuple[str, tuple[tuple[str, str], ...]]
"""Title and conditions."""
Some = TypeVar("Some", Measurement, Link)


@dataclass(frozen=True)
class History:
    """What was found."""

    row: str
    metric: str
    series: tuple[Series, ...]
    notes: tuple[str, ...]
    """What else a reader must know, a sentence each."""
    skipped: tuple[str, ...]
    """A line for each file that could not be used."""


def history(row: str, metric: str, folders: Sequence[Path], store: Path, repository: Repository,
            since: str | None = None) -> History:
    """Collect what lies in results folders and in a store of baselines.

    `since` is a date (YYYY-MM-DD) or a revision of the repository: what is older is left out. Raises UserError for an
    unknown metric, row or `since`, and where nothing is found.
    """
    metrics.check_metric(metric)
    skipped: list[str] = []
    files = list(files_in(folders, store, skipped.append))
    found = [one for one in _measured(files, metric, skipped) if row == one.title or row in one.names]
    if not found:
        raise _nothing(row, metric, files, [*map(str, folders), str(store)], skipped)
    links = [one for one in found if isinstance(one, Link)]
    values = [one for one in found if isinstance(one, Measurement)]
    unplaced = [one for one in found if isinstance(one, Unplaced)]
    if not links and not values:
        raise UserError(f"all there is of {row} and {metric}: {_unplaced(unplaced)}")
    stated = [one.commit for one in values if one.commit] + [c for link in links for c in (link.base, link.candidate)]
    known = repository.known(stated)
    keep = _since(since, known, repository)
    values = [one for one in values if keep(one.commit, one.created)]
    links = [link for link in links if keep(link.base, link.created)]
    if not values and not links:
        raise UserError(f"--since {since}: all measurements of {row} are older")
    series = [*_of_values(values, known, repository, metrics.is_relative(metric)), *_of_links(links, known, repository)]
    notes = [*_notes(stated, known, repository, values), *([_unplaced(unplaced)] if unplaced else [])]
    return History(row, metric, tuple(series), tuple(notes), tuple(skipped))


def _unplaced(gates: Sequence[Unplaced]) -> str:
    files = ", ".join(dict.fromkeys(Path(one.source).name for one in gates[:5])) + (", ..." if len(gates) > 5 else "")
    return (f"{len(gates)} gate(s) of a working tree with changes: that code is in no commit, so they are not shown "
            f"({files})")


def all_series(files: Iterable[tuple[File, str]], metric: str, repository: Repository, skipped: list[str]
               ) -> tuple[Series, ...]:
    """Every series of a metric, whatever the row; a line goes to `skipped` for each file that cannot be used."""
    found = _measured(files, metric, skipped)
    links = [one for one in found if isinstance(one, Link)]
    values = [one for one in found if isinstance(one, Measurement)]
    known = repository.known([one.commit for one in values if one.commit]
                             + [commit for link in links for commit in (link.base, link.candidate)])
    return (*_of_values(values, known, repository, metrics.is_relative(metric)), *_of_links(links, known, repository))


def _measured(files: Iterable[tuple[File, str]], metric: str, skipped: list[str] | None = None
              ) -> list[Measurement | Link | Unplaced]:
    found: list[Measurement | Link | Unplaced] = []
    for file, place in files:
        try:
            found += list(measurements(file, metric, place))
        except UserError as error:
            if skipped is not None:
                skipped.append(str(error))
    return found


def _nothing(row: str, metric: str, files: Sequence[tuple[File, str]], places: Sequence[str], skipped: Sequence[str]
             ) -> UserError:
    """Why there is no history, with what there is."""
    where = " and ".join(places)
    damaged = f"; {len(skipped)} file(s) could not be used, the first: {skipped[0]}" if skipped else ""
    everything = {one: _measured(files, one) for one in [
        *metrics.COSTS, *dict.fromkeys((metric, *(f"parts.{part}.AP" for part in metrics.PARTS)))]}
    having = [one for one, of in everything.items() if any(row == each.title or row in each.names for each in of)]
    if having:
        return UserError(f"{row} is there, and no file in {where} has {metric} of it (--metric: {', '.join(having)})"
                         + damaged)
    names = {name for of in everything.values() for each in of for name in each.names[:2]}
    titles = {each.title for of in everything.values() for each in of}
    if not titles:
        return UserError(f"no measurement in {where}: no record of a row, no profile, no measured comparison, no file "
                         f"of pytest-benchmark{damaged}")
    return unknown("row", row, [*sorted(names), *sorted(titles - names)], f"in {where}{damaged}")


def _since(since: str | None, known: Mapping[str, Commit], repository: Repository
           ) -> Callable[[str | None, str], bool]:
    """Whether a measurement, by its commit and its own time, is young enough."""
    if since is None:
        return lambda commit, created: True
    try:
        start = datetime.fromisoformat(since).isoformat()
    except ValueError:
        older = repository.before(since)
        if older is None:
            raise UserError(f"--since {since}: neither a date such as 2026-01-31 nor a revision of {repository.root}"
                            ) from None
        return lambda commit, created: commit not in older[1]
    return lambda commit, created: (known[commit].date if commit is not None and commit in known else created) >= start


def _of_values(values: Sequence[Measurement], known: Mapping[str, Commit], repository: Repository, relative: bool
               ) -> list[Series]:
    groups = _grouped(values)
    return [make_series(key[0], _differing(key, groups), in_order(of, known), repository, relative)
            for key, of in groups.items()]


def _of_links(links: Sequence[Link], known: Mapping[str, Commit], repository: Repository) -> list[Series]:
    groups = _grouped(links)
    return [one for key, of in groups.items()
            for one in chain_series(key[0], _differing(key, groups), of, known, repository)]


def _grouped(found: Sequence[Some]) -> dict[Key, list[Some]]:
    groups: dict[Key, list[Some]] = {}
    for one in sorted(found, key=lambda one: (one.title, one.created, one.source)):
        groups.setdefault((one.title, tuple(sorted(one.conditions.items()))), []).append(one)
    return groups


def _differing(key: Key, groups: Iterable[Key]) -> dict[str, str]:
    """Of a series' conditions, those that are not the same in all of its title."""
    others = [dict(conditions) for title, conditions in groups if title == key[0]]
    own = dict(key[1])
    names = dict.fromkeys(name for other in others for name in other)
    return {name: own.get(name, "not stated") for name in names if len({other.get(name) for other in others}) > 1}


def _notes(stated: Sequence[str], known: Mapping[str, Commit], repository: Repository, values: Sequence[Measurement]
           ) -> Iterable[str]:
    missing = list(dict.fromkeys(commit[:7] for commit in stated if commit not in known))
    if missing:
        why = ("a shallow clone, or the commits of another repository" if repository.exists
               else "it is no git checkout")
        yield (f"{len(missing)} commit(s) are not in {repository.root} ({why}): {', '.join(missing[:5])}"
               f"{', ...' if len(missing) > 5 else ''}; they are placed by when they were measured (--repository DIR "
               "names the checkout that has them)")
    without = sum(one.commit is None for one in values)
    if without:
        yield f"{without} measurement(s) state no commit; they are placed by when they were made"
    changed = sum(one.dirty for one in values)
    if changed:
        yield (f"{changed} measurement(s) are of code with changes that are in no commit: they are shown, and left out "
               "of the levels")
