"""`harness describe`."""

from __future__ import annotations

import typer

NAME = "describe"
EXAMPLE = "harness describe synthetic"
PEOPLE = "harness.data.synthetic.sheet:example_sheet"
"""What draws examples of made data that do not say so themselves (`sheet`)."""


def command(name: str = typer.Argument(help="a table, profile, model or data set; `harness list KIND` names them"),
            out: str = typer.Option("runs", envvar="HARNESS_RESULTS",
                                    help="folder for the sheet of examples of made data"),
            json_output: bool = typer.Option(False, "--json", help="print as JSON")) -> None:
    """Say what a name stands for: rows and sources of a table, files of a data set, parts of a model."""
    import json
    from pathlib import Path
    from typing import Any

    import yaml

    from harness.errors import unknown
    from harness.registry import KINDS, load_attribute, model_spec, names, spec_data

    class Whole(yaml.SafeDumper):
        """Writes what is shared in a file (anchors) out wherever it is used."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    kinds = [kind for kind in KINDS if name in names(kind)]
    if name.startswith("openmmlab:"):
        kinds = ["models"]
    if not kinds:
        raise unknown("name", name, [n for kind in KINDS for n in names(kind)])
    for kind in kinds:
        if kind == "models":
            spec = model_spec(name)
            data: dict[str, Any] = {"name": name, "title": spec.title, "builder": spec.builder, "args": spec.args,
                    "weights": spec.weights, "source": spec.source}
        else:
            data = spec_data(kind, name)
        if json_output:
            typer.echo(json.dumps(data, indent=2))
        else:
            typer.echo(f"# {kind[:-1]} {name}")
            typer.echo(yaml.dump(data, Dumper=Whole, sort_keys=False, allow_unicode=True, width=110).rstrip())
        if kind == "datasets" and data.get("maker"):
            path = Path(out) / f"{name}-examples.png"
            load_attribute(data.get("sheet") or PEOPLE)(path, seed=data["options"]["seed"])
            typer.echo(f"sheet of examples: {path}", err=json_output)
