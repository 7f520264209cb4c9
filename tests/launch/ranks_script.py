"""What one of several processes does in the tests of the launcher: `ranks_script.py FOLDER HOW`."""

import os
import signal
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

from harness.errors import UserError
from harness.launch.ranks import record_error

folder, how = Path(sys.argv[1]), sys.argv[2]
rank = int(os.environ["RANK"])
dist.init_process_group("gloo")
total = torch.tensor(rank + 1)
dist.all_reduce(total)
(folder / f"rank-{rank}").write_text(f"{total.item()} {os.environ['OMP_NUM_THREADS']}")
try:
    if how == "raises" and rank == 1:
        raise UserError("the loss became nan")
    if how == "killed" and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "waits":
        signal.signal(signal.SIGTERM, lambda *a: ((folder / f"saved-{rank}").touch(), sys.exit(143)))
        (folder / f"waiting-{rank}").touch()
        time.sleep(100)
    dist.barrier()  # for ever, where the other process is not there
except Exception as error:
    record_error(error)
    sys.exit(1)
