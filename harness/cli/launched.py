"""The options of `harness run` that say where rows run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import typer

from harness.errors import UserError
from harness.hardware import DEVICES, resolve_device
from harness.launch.launch import Launch, make_launch, processes_for
from harness.launch.resources import Resources, gib_of, minutes_of, sbatch_option
from harness.launch.team import world_size
from harness.plan import Plan
from harness.task import Task

DEFAULT_TIME = "1-00:00:00"


@dataclass(frozen=True)
class Cluster:
    """Options of `--launcher slurm`, as given."""

    partition: str | None
    time: str | None
    cpus: int | None
    memory: str | None
    account: str | None
    qos: str | None
    sbatch: tuple[str, ...]
    no_wait: bool


def launch_of(launcher: str, device: str, gpus: int | None, processes: int | None, jobs: int | None, force: bool,
              cluster: Cluster) -> Launch:
    """How rows are to be started. Raises UserError for options that do not go together.

    On a cluster the device is not looked for here: it is cuda with --gpus, or where it is asked for, else cpu.
    """
    if (started := world_size()) is not None and (launcher != "local" or gpus or processes or (jobs or 1) > 1):
        raise UserError(f"torchrun has started {started} processes: so no --launcher, --jobs, --gpus or --processes")
    if launcher != "slurm":
        for name, value in vars(cluster).items():
            if value:
                raise UserError(f"--{name.replace('_', '-')} is for --launcher slurm")
        here = make_launch(launcher, resolve_device(device), gpus, processes, jobs, force)
        return replace(here, processes=started) if started is not None else here
    if device not in DEVICES:
        raise UserError(f"--device {device}: choices are {', '.join(DEVICES)}")
    there = "cpu" if device == "auto" and gpus is None else "cuda" if device == "auto" else device
    return make_launch(launcher, there, gpus, processes, jobs, force, _resources(cluster, gpus), not cluster.no_wait)


def _resources(cluster: Cluster, gpus: int | None) -> Resources | None:
    if cluster.partition is None:
        return None
    return Resources(
        cluster.partition, minutes_of(cluster.time or DEFAULT_TIME), gpus, cluster.cpus,
        gib_of(cluster.memory) if cluster.memory else None, cluster.account, cluster.qos,
        tuple(sbatch_option(text) for text in cluster.sbatch))


def show_launch(plan: Plan, launch: Launch) -> None:
    """With the plan: what each row's job asks for, and how trainings share their steps out over processes; of which
    rows, where they do so differently."""
    if launch.resources is not None:
        at_once = f"; at most {launch.jobs} at once" if launch.jobs else ""
        typer.echo(f"{'each row a job:':<19} {launch.resources.text()}{at_once}")
    rows: dict[str, dict[str, None]] = {}
    for job in plan.jobs.values():
        if job.train_key is not None:
            rows.setdefault(steps(job, launch), {})[job.row] = None
    for text, of in rows.items():
        typer.echo(f"{'steps:':<19} {text}" + (f" ({', '.join(of)})" if len(rows) > 1 else ""))


def steps(job: Task, launch: Launch) -> str:
    """How a training's steps are made, against its protocol."""
    train = job.to_json()["protocol"]["train"]
    wanted, batch = train["processes"], train["batch_size"]
    used = processes_for(wanted, launch.available(job.device))
    more = "" if used == wanted else f"; {used} here, each accumulates {wanted // used} batches a step"
    return f"{wanted} process(es) of {batch}, so {wanted * batch} a step, learning rate {train['lr']:g}{more}"
