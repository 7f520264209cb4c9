"""An import in words."""

from __future__ import annotations

from pathlib import Path

from harness.zoo import forms
from harness.zoo.importing import Imported
from harness.zoo.known import hash_in_name

FEW = 3
USES = {forms.POSE: "--weights and --init", forms.BACKBONE: "--init",
        forms.CLASSIFIER: "--init, and --weights of the table imagenet"}


def lines(found: Imported, out: Path) -> list[str]:
    """What a file is, what became of its tensors, and what was written."""
    said = [f"{found.path.name}: {found.form.title}{_facts(found)}"]
    named = hash_in_name(found.path.name)
    said.append(f"  SHA-256  {found.sha256}" + (f" ({named} as in its name)" if named else ""))
    known = found.known
    if known is not None:
        expects = ", ".join(known.expected)
        said.append(f"  known    {known.project}" + (f"; should reach {expects}" if expects else ""))
        said.append(f"  licence  {known.licence}")
    total = found.used + sum(map(len, found.dropped.values()))
    said.append(f"  used     {found.used} of its {total} tensors, as {found.spec.name} ({found.form.gives})")
    said += [f"  dropped  {len(keys)}: {why} ({few(keys)})" for why, keys in found.dropped.items()]
    if found.made:
        said.append(f"  set to 0 {len(found.made)} step counters of batch norms, which the file does not have "
                    f"({few(found.made)})")
    said.append(f"  missing  {len(found.missing)} of the network, which start fresh ({few(found.missing)})"
                if found.missing else "  missing  none")
    same = ", the same bytes: it is in this project's form already" if found.ready else ""
    said.append(f"written: {out}{same}; for {USES[found.form.gives]}")
    return said


def _facts(found: Imported) -> str:
    text = ", ".join(f"{name.replace('_version', '')} {value}" for name, value in found.facts.items())
    return f" ({text}, as the file says)" if text else ""


def few(keys: tuple[str, ...]) -> str:
    """The first of some names."""
    return ", ".join(keys[:FEW]) + (", ..." if len(keys) > FEW else "")
