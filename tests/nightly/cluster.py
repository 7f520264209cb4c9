"""A SLURM cluster of one node, this machine: munged, slurmctld and slurmd with all their files in one folder.

Needs root and Debian's packages: `apt-get install slurm-wlm munge`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

NEEDED = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")

CONFIGURATION = """
ClusterName=nightly
SlurmctldHost={host}({address})
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
# A requeued job waits for its old credential to expire, two minutes by default.
AuthInfo=socket={folder}/munge.socket,cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=1,sched_interval=5
NodeName={host} NodeAddr={address} CPUs={cores} RealMemory={megabytes} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """What this machine lacks."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return [name for name in NEEDED if not shutil.which(name, path=path)] + ([] if os.geteuid() == 0 else ["root"])


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Within it the cluster runs, with a partition `main`; gives the environment in which its commands find it."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"),
                   "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    host = socket.gethostname().split(".")[0]
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    (folder / "slurm.conf").write_text(CONFIGURATION.format(
        folder=folder, host=host, address="127.0.0.1", controller_port=free_port(), node_port=free_port(),
        cores=os.cpu_count(), megabytes=megabytes * 9 // 10))
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> None:
        with (folder / f"{command[0]}.out").open("wb") as out:
            started.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))

    try:
        subprocess.run(["mungekey", "--create", f"--keyfile={folder}/munge.key"], env=environment, check=True)
        start("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={folder}/munge.key",
              f"--pid-file={folder}/munge.pid", f"--seed-file={folder}/munge.seed", f"--log-file={folder}/munge.log")
        wait_for(lambda: (folder / "munge.socket").exists(), "munged")
        start("slurmctld", "-D")
        start("slurmd", "-D", "-N", host)
        wait_for(lambda: said(["sinfo", "--noheader", "--format", "%T"], environment).strip() in ("idle", "mixed"),
                 "the node")
        yield environment
    finally:
        said(["scancel", "--user", "root"], environment)
        time.sleep(2)
        for process in reversed(started):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def said(command: list[str], environment: dict[str, str]) -> str:
    """What a command of SLURM's prints."""
    return subprocess.run(command, env=environment, capture_output=True, text=True).stdout


def wait_for(condition, what: str, seconds: float = 60.0) -> None:
    """Wait until it holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.2)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
