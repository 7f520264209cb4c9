"""A process of its own for each subject, its networks' packages perhaps of another revision.

`python -m harness.profiling.worker` reads requests as JSON lines from standard input and answers each with one line;
`Worker` is the other end. Workers live through all rounds, and one at a time works. In one process subjects would not
be alike: beside another one's tensors the same forward pass on a CPU took 12 % longer, from what that leaves of the
heap; and the peak memory of each could not be told.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from harness.allocator import kept
from harness.errors import UserError
from harness.profiling.rounds import OutOfMemory
from harness.profiling.subjects import Subject

ROOT = Path(__file__).parents[2]
"""Where the packages lie."""
PACKAGES = ("tcformer", "baselines")
"""Those of networks, which may come from another revision."""


class Worker:
    """The asking end. `folder` holds packages to be used in place of ours, `tcformer` among them; None for ours.

    With `keep_freed` the process keeps freed memory (harness/allocator.py), else it does as any Python process does.
    """

    def __init__(self, title: str, device: str, threads: int, folder: Path | None = None, keep_freed: bool = False
                 ) -> None:
        self.title = title
        place = folder or ROOT
        inherited = kept() if keep_freed else os.environ
        environment = {**inherited, "PYTHONPATH": f"{place}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": str(threads)}
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (a pipe would fill up and stop the process)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.profiling.worker", device, str(threads), str(place)], cwd=place,
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def ask(self, **request: Any) -> Any:
        """The answer to a request.

        Raises OutOfMemory where the worker had too little of it, and UserError, naming `title`, where its code fails
        or it ends before its time.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; why, the lines below find out
        line = self.process.stdout.readline()
        if not line:
            if self.process.wait() == -signal.SIGKILL:
                raise OutOfMemory("its process was killed, as the kernel does where memory runs out")
            raise UserError(f"{self.title}: its process ended: {self._last_words()}")
        answer = json.loads(line)
        if "out_of_memory" in answer:
            raise OutOfMemory(answer["out_of_memory"])
        if "error" in answer:
            raise UserError(f"{self.title}: {answer['error']}")
        return answer["value"]

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def _last_words(self) -> str:
        status = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return f"exit status {status}" + (f", {lines[-1]}" if lines else "")

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()


class Server:
    """The answering end: makes one subject ready and works on it."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.runner: Any = None
        self.timed: Any = None

    def prepare(self, subject: dict[str, Any], crops: str, weights: str | None, layers: bool) -> dict[str, Any]:
        """Make a subject ready, or the layers of its model alone; the path taken, notes, and ms until the first result.

        `crops` is a file of (batch, H, W, 3) uint8, or of fewer, which are repeated; `weights` one of a state dict.
        """
        import numpy as np

        from harness.profiling.latency import Runner
        from harness.profiling.layers import Layers

        values = {**subject, "input": tuple(subject["input"])}
        pictures = np.load(crops)
        if len(pictures) < values["batch"]:
            pictures = pictures[np.arange(values["batch"]) % len(pictures)]
        runner = Runner(Subject(**values), pictures, self.device, Path(weights) if weights else None)
        runner.check_finite()
        self.runner = runner
        self.timed = Layers(runner) if layers else runner
        return {"path": runner.path, "notes": runner.notes, "first_ms": runner.first_ms}

    def block(self, calls: int) -> list[float]:
        """Milliseconds of each call."""
        return self.timed.block(calls)

    def output(self, file: str) -> None:
        """Write what one call gives, as float32."""
        import numpy as np

        np.save(file, self.runner.output().float().cpu().numpy())

    def limit(self, count: int | None) -> None:
        """Go to work at the edge of memory: take no more than so many bytes of a GPU; on a CPU be the first process
        that the kernel ends where memory runs out, before any that others need."""
        if self.device == "cpu":
            with contextlib.suppress(OSError):
                Path("/proc/self/oom_score_adj").write_text("1000")
        elif count is not None:
            import torch

            whole = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, count / whole))

    def built(self, model: str, training: bool) -> int:
        """Bytes that there are whatever the batch: the peak with the network built, and what its training adds."""
        from harness.profiling.latency import initial_model

        parameters = sum(parameter.nbytes for parameter in initial_model(model).to(self.device).parameters())
        return self.peak() + (3 * parameters if training else 0)  # a gradient and AdamW's two moments

    def memory(self) -> dict[str, Any]:
        """Where the memory of one call goes, bytes: `parts` of `harness.profiling.memory.Parts`, and the peak."""
        from dataclasses import asdict

        from harness.profiling.memory import call_peak, parts

        peak = call_peak(self.runner)
        found = parts(self.runner)
        return {"parts": asdict(found) if found else None, **peak}

    def count(self, model: str, height: int, width: int) -> dict[str, Any]:
        """Parameters and multiply-adds of a network, and the share of its operators that was counted."""
        from harness.profiling.latency import initial_model
        from harness.profiling.operations import count_operations

        cost = count_operations(initial_model(model), width, height)
        return {"parameters": cost.parameters, "macs": cost.macs, "counted_share": cost.counted_share}

    def peak(self) -> int:
        """Bytes: on CUDA the allocator's peak, on CPU the peak resident size of the process."""
        if self.device == "cpu":
            return resident_peak()
        import torch

        return torch.cuda.max_memory_allocated()


def resident_peak() -> int:
    """Bytes of the largest resident size of this process so far (Linux).

    Not `ru_maxrss`, which is no less than what the parent held when it started the process.
    """
    with open("/proc/self/status", encoding="utf-8") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def place_of(error: Exception, folder: Path) -> str:
    """The innermost line of the networks' packages that an error came through: " (tcformer/blocks.py, line 40)"."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if any(Path(frame.filename).is_relative_to(folder / package) for package in PACKAGES)]
    if not frames:
        return ""
    return f" ({Path(frames[-1].filename).relative_to(folder)}, line {frames[-1].lineno})"


def serve(device: str, threads: int, folder: Path, requests: IO[str], answers: IO[str]) -> None:
    """Answer until there are no more requests."""
    import torch

    torch.set_num_threads(threads)
    server = Server(device)
    for line in requests:
        request = json.loads(line)
        answer: dict[str, Any]
        try:
            for package in PACKAGES:
                found = importlib.import_module(package).__file__ or ""
                if (folder / package).is_dir() and not Path(found).is_relative_to(folder):
                    raise UserError(f"the package {package} was loaded from {found}, not from {folder}")
            answer = {"value": getattr(server, request.pop("do"))(**request)}
        except OutOfMemory as error:
            answer = {"out_of_memory": str(error)}
        except (UserError, ValueError) as error:  # such as a network that refuses the input
            answer = {"error": str(error)}
        except Exception as error:  # a mistake of the code there
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:500]}{place_of(error, folder)}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    from harness.job import end_with_parent

    end_with_parent()
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.stdin, channel)
