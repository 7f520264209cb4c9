"""What all benchmarks of parts share."""

import cv2
import pytest
import torch

import harness.scoring.threads


@pytest.fixture(scope="module")
def one_thread():
    """Everything on one thread, whatever the machine has: what is timed is the work, not how it is shared out."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    with pytest.MonkeyPatch.context() as patch:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        patch.setattr(harness.scoring.threads, "THREADS", 1)
        yield
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
