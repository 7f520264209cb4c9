"""Records without measuring, and measuring without other processes."""

import os

import pytest

from harness.profiling.worker import Server


def row(model="tcformer", median=10.0, **changes):
    """A row as `harness.profiling.session.row` makes it."""
    return {"model": model, "input": [64, 48], "batch": 1, "precision": "fp32", "mode": "eager", "what": "inference",
            "revision": None, "status": "measured", "path": "eager", "median_ms": median, "p90_ms": None,
            "p99_ms": None, "samples": 20, "samples_needed": {"p90_ms": 100, "p99_ms": 1000},
            "warm_up": {"blocks": 3, "stable": True, "calls": 2}, "images_per_second": 1e3 / median,
            "ratio": {"to": 0, "median": 1.0, "low": 1.0, "high": 1.0, "rounds": 10}, "peak_bytes": None,
            "before_bytes": None, "memory": None, "telemetry": {}, "discarded": [],
            "first_ms": 1500.0, "difference": None, "notes": [], "samples_ms": [], **changes}


def record(rows, layers=(), device="cpu", gpu=None):
    """A record as `harness.profiling.session.measure` makes it."""
    return {"schema": 1, "kind": "profile", "created": "2030-01-02T00:00:00+00:00",
            "code": {"commit": "abcdef0123", "dirty": False, "packages": {"torch": "2.11.0"}},
            "machine": {"processor": "CPU", "gpu": gpu, "python": "3.11.0"},
            "settings": {"device": device, "threads": 2, "rounds": 10, "images": "drawn people",
                         "training_step": "forward, backward", "telemetry": {"source": "psutil", "cores": 2}},
            "cut_short": None,
            "rows": list(rows), "layers": list(layers)}


@pytest.fixture
def make_row():
    return row


@pytest.fixture
def make_record():
    return record


class Local:
    """A Worker in this process."""

    def __init__(self, title, device, threads, folder):
        assert folder is None
        self.server, self.pid = Server(device), os.getpid()

    def ask(self, do, **request):
        return getattr(self.server, do)(**request)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.server = None


@pytest.fixture
def local():
    return Local
