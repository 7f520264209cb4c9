"""Table x profile x rows -> jobs, each with a content key. Imports nothing heavy: a plan answers at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from harness.data.sets import DataRef, DatasetSpec, dataset_spec, has_split, parse_split
from harness.errors import UserError, unknown
from harness.files import digest, sha256_file
from harness.hardware import resolve_device
from harness.holdings.contents import contents_of
from harness.holdings.places import places_of, pointing_to
from harness.kinds import SYSTEMS, kind_of, profile_of
from harness.layout import load_layout
from harness.protocol import PROTOCOL_VERSION, Protocol, make_protocol, merge, parse_setting
from harness.registry import OPENMMLAB, model_spec, spec_data
from harness.roots import root_of
from harness.task import Task
from harness.zoo.found import OPTION, Found, find

SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Options:
    """What `harness run` was asked for; paths as given."""

    profile: str | None = None
    """None for the one that tables of the kind have by default."""
    data: str | None = None
    data_root: str | None = None
    rows: tuple[str, ...] = ()
    boxes: str | None = None
    weights: dict[str, str] = field(default_factory=dict)
    init: dict[str, str] = field(default_factory=dict)
    weights_dir: str | None = None
    """A folder of published weights: rows without theirs there are not run."""
    eval_data: str | None = None
    eval_data_root: str | None = None
    eval_split: str | None = None
    device: str = "auto"
    elsewhere: bool = False
    """Rows run on another machine: `device` is cpu or cuda, and is not looked for here."""
    seed: int | None = None
    """None for the table's own seeds of the profile: mostly the one seed 0."""
    results: str = "runs"
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job(Task):
    """One system to train, predict and score."""

    model_args: dict[str, Any]
    layout: str
    protocol: dict[str, Any]
    train: DataRef | None
    evaluate: DataRef
    seed: int
    weights: str | None
    init: str | None

    def work(self, seeds: bool = False) -> str:
        """What it is trained and evaluated on."""
        train = "weights given" if self.weights else f"train on {self.train.title if self.train else '-'}"
        seed = f", seed {self.seed}" if seeds else ""
        return f"{train}{seed}, evaluate on {self.evaluate.title}"

    @property
    def evaluated_on(self) -> dict[str, Any]:
        """The evaluation's data set, split and range."""
        data = self.evaluate
        return {"dataset": data.dataset, "split": data.split, "range": [data.first, data.last]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        train = DataRef(**data["train"]) if data["train"] else None
        return super().from_json({**data, "train": train, "evaluate": DataRef(**data["evaluate"])})


@dataclass(frozen=True)
class Plan:
    """A table's rows in order: those to run as jobs, the others cited."""

    table: dict[str, Any]
    profile: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    jobs: Mapping[str, Task]
    """By `job_name`, in the order to run: every row's first seed, then every row's next."""
    results: Path
    found: Mapping[str, Found] = field(default_factory=dict)
    """What `weights_dir` has for each row; empty without one."""

    def jobs_of(self, row: str) -> list[Task]:
        """The jobs of a row, one a seed."""
        return [job for job in self.jobs.values() if job.row == row]


def job_name(row: str, seed: int, first: bool) -> str:
    """A job by its row, and by its seed where it repeats the row's first: `hrnet_w48`, `hrnet_w48, seed 1`."""
    return row if first else f"{row}, seed {seed}"


def parse_assignments(texts: list[str], flag: str) -> dict[str, str]:
    """Read `ROW=FILE` pairs and check that the files exist and may hold weights."""
    pairs = {}
    for text in texts:
        row, separator, file = text.partition("=")
        if not separator:
            raise UserError(f"{flag} {text}: expected ROW=FILE")
        if not Path(file).is_file():
            raise UserError(f"{flag} {row}: file {file} not found")
        if not _may_be_weights(Path(file)):
            raise UserError(f"{flag} {row}: {file} is no file of weights (choices: what torch.save wrote, safetensors)")
        pairs[row] = str(Path(file).resolve())
    return pairs


def _may_be_weights(path: Path) -> bool:
    """Whether a file begins as files of weights do: torch's zip archives and pickles, or the header of safetensors."""
    with path.open("rb") as file:
        head = file.read(9)
    return head.startswith((b"PK", b"\x80")) or head[8:] == b"{"


def make_plan(table_name: str, options: Options) -> Plan:
    """Plan a table. Raises UserError for anything that names something that is not there."""
    table = spec_data("tables", table_name)
    kind, profile = kind_of(table), profile_of(table, options.profile)
    rows = [*table["rows"]]
    ids = [row["id"] for row in rows]
    chosen = options.rows or tuple(row["id"] for row in rows if not row.get("alternative_to"))
    for name in chosen:
        if name.startswith(OPENMMLAB) and kind.name == SYSTEMS:
            rows.append(_openmmlab_row(name))
        elif name not in ids:
            more = f", or {OPENMMLAB}<config name>" if kind.name == SYSTEMS else ""
            raise unknown("row", name, ids, f"of {table_name}{more}")
    for flag, pairs in (("--weights", options.weights), ("--init", options.init)):
        for name in pairs:
            if name not in chosen:
                raise unknown(f"row in {flag}", name, chosen)
    check_roots(table, profile, options)
    rows = [row for row in rows if row["id"] in chosen]
    found: dict[str, Found] = {}
    if options.weights_dir is not None:
        found = known_weights(table, profile, rows, options)
        rows = [{**row, "missing": found[row["id"]].missing} if row["id"] in found else row for row in rows]
        options = replace(options, weights={**{row: str(one.paths[0].resolve()) for row, one in found.items()
                                               if one.paths}, **options.weights})
    results = Path(options.results)
    device = options.device if options.elsewhere else resolve_device(options.device)
    seeds = seeds_of(table, profile) if options.seed is None else (options.seed,)
    plan_row = kind.load("plan")
    jobs: dict[str, Task] = {}
    for number, seed in enumerate(seeds):
        for row in rows:
            runnable = is_runnable(row, profile)
            if not runnable and row["id"] in {**options.weights, **options.init}:
                raise UserError(f"row {row['id']} cannot take weights: {row['cited']}")
            # Weights given: there is no training, and one seed is enough.
            if runnable and not row.get("missing") and (number == 0 or row["id"] not in options.weights):
                job = plan_row(table, profile, row, options, results, device, seed)
                jobs[job_name(row["id"], seed, number == 0)] = job
    return Plan(table, profile, tuple(rows), jobs, results, found)


def check_roots(table: Mapping[str, Any], profile: Mapping[str, Any], options: Options) -> None:
    """Raises UserError for the folder of a data set that the run does not read."""
    name = options.data or profile.get("dataset") or table.get("dataset")
    if options.data_root is not None and options.data is None and name and spec_data("datasets", name).get("maker"):
        raise UserError(f"--data-root {options.data_root}: profile {profile['name']} runs on {name}, which is made in "
                        f"{Path(options.results) / 'data'}; name the data set that lies there, too (--data NAME), or "
                        "another profile (--profile NAME)")
    if options.eval_data_root is not None and options.eval_data is None and options.eval_split is None:
        raise UserError(f"--eval-data-root {options.eval_data_root}: nothing is evaluated there; name the data set "
                        "that lies there, too (--eval-data NAME)")


def known_weights(table: Mapping[str, Any], profile: Mapping[str, Any], rows: list[dict[str, Any]], options: Options
                  ) -> dict[str, Found]:
    """What the folder of `--weights-dir` has for the rows that can be run and are not given weights by hand.

    Raises UserError as `harness.zoo.found.find`, and for a profile of stand-ins, which published weights do not fit.
    """
    if not profile.get("reproduces"):
        raise UserError(f"{OPTION}: profile {profile['name']} runs other networks than the published ones, which their "
                        "weights do not fit (--profile paper)")
    assert options.weights_dir is not None
    wanted = [row for row in rows if is_runnable(row, profile) and row["id"] not in options.weights]
    return find(str(table["name"]), wanted, Path(options.weights_dir)) if wanted else {}


def is_runnable(row: Mapping[str, Any], profile: Mapping[str, Any]) -> bool:
    """Whether a profile runs a row: its stand-in, or its own model unless `profiles` names others only."""
    name = profile["name"]
    return name in (row.get("stand_ins") or {}) or ("model" in row and name in row.get("profiles", [name]))


def seeds_of(table: dict[str, Any], profile: dict[str, Any]) -> tuple[int, ...]:
    """The seeds that a table trains with in a profile: those it names, else 0. Raises UserError for anything else."""
    seeds = (table.get("seeds") or {}).get(profile["name"], [0])
    whole = isinstance(seeds, list) and all(isinstance(seed, int) and seed >= 0 for seed in seeds)
    if not whole or not seeds or len(set(seeds)) != len(seeds):
        raise UserError(f"seeds {seeds!r} of table {table['name']}, profile {profile['name']}: expected different "
                        "whole numbers from 0, for example [0, 1, 2]")
    return tuple(seeds)


def _openmmlab_row(name: str) -> dict[str, Any]:
    """A row for one of mmpose's own configurations, with the settings that the configuration states."""
    from baselines.openmmlab import openmmlab_available, openmmlab_settings

    problem = openmmlab_available()
    if problem:
        raise UserError(f"row {name}: {problem}")
    try:
        settings = openmmlab_settings(name.removeprefix(OPENMMLAB))
    except ValueError as error:
        raise UserError(f"row {name}: {error}") from error
    width, height = settings["input_size"]
    protocol: dict[str, Any] = {"crop": {"width": width, "height": height}, "target": {"sigma": settings["sigma"]}}
    return {"id": name, "title": name.removeprefix(OPENMMLAB), "resolution": [height, width], "model": name,
            "published": [], "protocol": protocol,
            "gaps": ["trained and tested under this project's protocol, with the network of mmpose's configuration"]}


def system_job(table: dict, profile: dict, row: dict, options: Options, results: Path, device: str, seed: int) -> Job:
    """The job of a row that trains, predicts and scores. Raises UserError for what is not there or does not fit."""
    stand_in = row.get("stand_ins", {}).get(profile["name"])
    model = stand_in["model"] if stand_in else row["model"]
    args = (stand_in if stand_in else row).get("model_args", {})
    spec = model_spec(model, args)
    weights, init = options.weights.get(row["id"]), options.init.get(row["id"])
    cache = results / ".cache" / "hashes.json"

    evaluate, train, notes = _data(table, profile, options, results, weights is not None)
    layout = evaluate.spec.layout
    layers = own_settings(table, profile, row, evaluate.dataset)
    if evaluate.spec.boxes and not options.boxes:
        layers.append({"test": {"boxes": evaluate.spec.boxes}})
        notes.append(f"boxes: {evaluate.spec.boxes}; {evaluate.dataset} has no detector boxes")
    if options.boxes:
        layers.append({"test": {"boxes": _boxes(options.boxes)}})
    layers += [parse_setting(text) for text in options.settings]
    protocol = make_protocol(merge(*layers), f"table {table['name']}, row {row['id']}, profile {profile['name']}"
                             + (", --set" if options.settings else ""))
    check_parts(protocol, layout)
    if train and device == "cpu" and protocol.train.precision not in CPU_PRECISIONS:
        raise UserError(f"row {row['id']}: train.precision {protocol.train.precision} needs a GPU (choices on a CPU: "
                        f"{', '.join(CPU_PRECISIONS)})")
    if train:
        check_batch(protocol, train)
    published = make_protocol(merge(table.get("protocol", {}), row.get("protocol", {})), f"row {row['id']}")
    if table.get("published_protocol", True):
        notes += deviations(published.model_dump(mode="json"), protocol.model_dump(mode="json"))
    own_data = evaluate.dataset == table["dataset"] and (train is None or train.dataset == table["dataset"])
    faithful = stand_in is None and profile.get("reproduces", False) and own_data

    hashes: dict[str, Any] = {
        "evaluate": evaluate.fingerprint(cache),
        "train": train.fingerprint(cache) if train else None,
        "weights": sha256_file(Path(weights)) if weights else None,
        "init": sha256_file(Path(init)) if init else None,
    }
    if protocol.test.boxes not in ("gt", "detector"):
        hashes["boxes"] = sha256_file(Path(protocol.test.boxes))
    values = protocol.model_dump(mode="json")
    counted = keyed(values)
    training = {"model": spec.builder, "args": spec.args, "layout": layout,
                "protocol": {k: v for k, v in counted.items() if k != "test"}, "data": hashes["train"],
                "init": hashes["init"], "seed": seed, "device": device, "version": PROTOCOL_VERSION}
    if protocol.train.evaluate_every:  # the best epoch is then chosen on the evaluation data
        training["chosen_on"] = [hashes["evaluate"], {k: v for k, v in values["test"].items() if k != "noise_repeats"}]
    # A boxes file counts by its content, not by where it lies.
    counted = merge(counted, {"test": {"boxes": hashes["boxes"]}}) if "boxes" in hashes else counted
    content = {**training, "row": row["id"], "protocol": counted, "evaluate": hashes["evaluate"],
               "weights": hashes["weights"]}
    return Job(
        kind=SYSTEMS, table=table["name"], profile=profile["name"], row=row["id"], title=row["title"],
        status="measured" if faithful else "stand-in", model=model, model_args=args, layout=layout,
        protocol=values, train=train, evaluate=evaluate, seed=seed, device=device,
        weights=weights, init=init, notes=tuple(notes), hashes=hashes, key=digest(content),
        train_key=digest(training) if train else None,
        expected=(stand_in or row).get("expected") or profile.get("expected", {}),
    )


def own_settings(table: Mapping[str, Any], profile: Mapping[str, Any], row: Mapping[str, Any], dataset: str
                 ) -> list[dict[str, Any]]:
    """The settings of a row evaluated on a data set, where nothing is asked for: of table, row, profile, data and
    stand-in, later ones over earlier ones."""
    stand_in = (row.get("stand_ins") or {}).get(profile["name"]) or {}
    return [table.get("protocol", {}), row.get("protocol", {}), profile.get("protocol", {}),
            profile.get("data_protocol", {}).get(dataset, {}), stand_in.get("protocol", {})]


CPU_PRECISIONS = ("fp32", "bf16")
"""In which a CPU trains."""

YOUNGER_MEANS: dict[str, Any] = {"train.accumulate": 1, "train.ema": 0.0, "train.compile": False}
YOUNGER: dict[str, Any] = {
    **YOUNGER_MEANS, "train.parts": [], "train.clip_norm": None, "augment.version": "0.x", "augment.brightness": 0.0,
    "augment.contrast": 0.0, "augment.saturation": 0.0, "augment.erase_probability": 0.0}
"""Settings that came after version 1 of the protocol: at these values, which are what there was before, they do not
enter a key, so that earlier records and trainings keep theirs."""

WITHOUT_EFFECT: dict[str, Any] = {"train.workers": 0}
"""Settings that change no result, and enter a key as if they had these values."""

NEVER_KEYED = {"train.checkpoint_minutes"}
"""Such settings that came after version 1."""


def keyed(values: dict[str, Any], younger: dict[str, Any] = YOUNGER) -> dict[str, Any]:
    """What of a protocol's values enters a key; `younger` are those of its kind."""
    found: dict[str, Any] = {}
    for section, of in values.items():
        found[section] = {}
        for name, value in of.items():
            full = f"{section}.{name}"
            if full not in NEVER_KEYED and not (full in younger and value == younger[full]):
                found[section][name] = WITHOUT_EFFECT.get(full, value)
    return found


def check_parts(protocol: Protocol, layout_name: str) -> None:
    """Raises UserError where `train.parts` names what the layout does not have, and where the flip test would average
    the heat maps of trained points with those of their untrained mirror images."""
    parts, layout = protocol.train.parts, load_layout(layout_name)
    trained = layout.points_of(parts, "train.parts")
    untrained = {layout.flip_index[k] for k in trained} - set(trained)
    if untrained and protocol.test.flip:
        missing = ", ".join(dict.fromkeys(layout.part_of(k) for k in sorted(untrained)))
        raise UserError(f"train.parts [{', '.join(parts)}]: the flip test averages heat maps with those of the mirror "
                        f"image, {missing}, which would not be trained; name it too, or --set test.flip=false")


MOST_DRAWN = 3
"""People on a drawn image, at most."""


def check_batch(protocol: Protocol, train: DataRef) -> None:
    """Raises UserError where one step would take more people than the training split can have."""
    most, batch, processes = most_people(train), protocol.train.batch_size, protocol.train.processes
    if most is not None and batch * processes > most:
        raise UserError(f"train.batch_size {batch} in {processes} process(es) is {batch * processes} people a step; "
                        f"{train.title} has {most} at most")


def most_people(data: DataRef) -> int | None:
    """How many people a split can have, as far as that is known without opening it."""
    spec, entry = data.spec, data.spec.splits[data.split]
    if "start" in entry:  # the Leeds Sports Pose layout has one person an image
        return int(entry["stop"] - entry["start"])
    if data.dataset == SYNTHETIC:
        return int(spec.options[data.split]) * MOST_DRAWN
    known = contents_of(data.dataset).counts.get(data.split, {}).get("people_to_train_on")
    return known.value if known else None


def _boxes(given: str) -> str:
    if given in ("gt", "detector"):
        return given
    if not Path(given).is_file():
        raise UserError(f"--boxes {given}: no such file (choices: gt, detector, or a file of detections)")
    return str(Path(given).resolve())


def _data(table: dict, profile: dict, options: Options, results: Path, evaluate_only: bool
          ) -> tuple[DataRef, DataRef | None, list[str]]:
    """Which split to evaluate on, which to train on, and what must be said about it."""
    name = options.data or profile.get("dataset") or table["dataset"]
    spec, reference = _reference(name, options.data_root, "--data-root", profile, results)
    notes: list[str] = []
    if options.eval_data or options.eval_split:
        eval_name = options.eval_data or name
        eval_root = options.eval_data_root or (options.data_root if eval_name == name else None)
        flag = "--eval-data-root" if options.eval_data_root or eval_name != name else "--data-root"
        eval_spec, eval_reference = _reference(eval_name, eval_root, flag, profile, results)
    else:
        flag, eval_spec, eval_reference = "--data-root", spec, reference
    split, first, last = parse_split(options.eval_split or eval_spec.evaluate, eval_spec.evaluate)
    evaluate = reference_with(eval_reference, split, first, last)
    check_files(evaluate, flag)
    if evaluate_only:
        return evaluate, None, notes
    if spec.maker is None and not Path(reference.root).is_dir():
        reference.files()  # says which folder is missing
    if has_split(spec, Path(reference.root), spec.train):
        assert spec.train is not None
        train = reference_with(reference, spec.train)
        check_files(train, "--data-root")
    elif profile.get("reproduces"):
        check_files(reference_with(reference, spec.train or "train"), "--data-root")
        raise UserError(f"data set {name} has no training split; profile {profile['name']} trains on the table's own")
    else:
        made, made_reference = _reference(SYNTHETIC, None, "--data-root", profile, results)
        assert made.train is not None
        train = reference_with(made_reference, made.train)
        notes.append(f"trained on {SYNTHETIC} people: {name} at this place has no training split")
    if train.spec.layout != evaluate.spec.layout:
        raise UserError(f"cannot train on {train.dataset} (layout {train.spec.layout}) and evaluate on "
                        f"{evaluate.dataset} (layout {evaluate.spec.layout}): the key points differ")
    return evaluate, train, notes


def check_files(data: DataRef, flag: str) -> None:
    """Raises UserError naming the first file of a split that is not there, or the folder that has them all."""
    if data.spec.maker is not None:
        return
    root, places = Path(data.root), places_of(data.spec, data.split)
    with pointing_to(root, places, flag):
        data.files()
        for place in places:  # `files` looks for those of annotation files alone
            if not place.optional and place.found(root) is None:
                raise UserError(f"data set {data.dataset}: {root / place.choices[0]} not found. {data.spec.needs}")


def _reference(name: str, root: str | None, flag: str, profile: dict, results: Path) -> tuple[DatasetSpec, DataRef]:
    """A data set and a reference to it with no split chosen yet."""
    options = profile.get("data", {}) if name == SYNTHETIC else {}
    spec = dataset_spec(name, options)
    place = root_of(spec, root, results, flag)
    return spec, DataRef(name, str(place.resolve()), spec.evaluate, dict(options))


def reference_with(reference: DataRef, split: str, first: int = 0, last: int | None = None) -> DataRef:
    """The same data set with another split."""
    if split not in reference.spec.splits:
        raise unknown(f"split of data set {reference.dataset}", split, reference.spec.splits)
    return DataRef(reference.dataset, reference.root, split, reference.options, first, last)


SILENT = {"train.workers", "train.checkpoint_minutes", "test.batch_size", "test.noise_repeats",
          "train.max_broken_images"}
"""Settings that do not change a result: no deviation where they differ."""


def _said(value: Any) -> str:
    return "not set" if value is None else str(value)


def deviations(published: dict[str, Any], used: dict[str, Any]) -> list[str]:
    """Where the used protocol differs from the row's published one, one line a section."""
    lines = []
    for section, values in used.items():
        changed = [f"{name} {_said(published[section][name])} -> {_said(value)}" for name, value in values.items()
                   if value != published[section][name] and f"{section}.{name}" not in SILENT]
        if changed:
            lines.append(f"{section} differs from the published protocol: {', '.join(changed)}")
    return lines
