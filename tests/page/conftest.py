"""A results folder of fabricated records with hostile names, the page made of it, and a browser to open it with."""

import json
import shutil

import cv2
import numpy as np
import pytest

from harness.page.collect import collect
from harness.page.render import render
from harness.registry import spec_data
from tests.report.conftest import row_of, stand_in_record

EVIL = '</script><img src=x onerror="window.evil=1">'
"""In every text that a record, a figure or a plug-in may bring."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def put(results, profile, record):
    folder = results / record["table"] / profile / f"{record['row'][:8].replace('/', '-')}-{record['key'][:12]}"
    folder.mkdir(parents=True)
    (folder / ("failure.json" if record["status"] == "failed" else "record.json")).write_text(json.dumps(record))
    return folder


def hostile(record, key, **changes):
    """The record with its own key, hostile texts wherever one may stand, and a training to draw."""
    machine = {"processor": f"CPU {EVIL}", "cores": 2, "gpu": None}
    history = [{"epoch": i + 1, "loss": 5 / (i + 1), "lr": 0.001, "seconds": 2.0} for i in range(4)]
    return record | {"key": key * 32, "notes": [EVIL], "machine": machine, "hashes": {"evaluate": "e"},
                     "code": {"hash": "h", "commit": EVIL, "dirty": True, "packages": {"torch": EVIL}},
                     "training": {"history": history, "steps": 40}} | changes


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Two stand-ins, a failure and a row that the table does not have; a figure with and one without a description."""
    folder = tmp_path_factory.mktemp("results") / "runs"
    table = spec_data("tables", "table_s2")
    large, hrnet, sbl = (row_of(table, name) for name in ("tcformer_large", "hrnet_w48", "sbl_res152"))
    put(folder, "demo", hostile(stand_in_record(large), "a1"))
    put(folder, "demo", hostile(stand_in_record(large), "a2", seed=1, created="2025-01-01T00:00:00+00:00"))
    put(folder, "demo", hostile(stand_in_record(hrnet, "hrnet_small"), "b1", evaluation_noise=None))
    failed = {"schema": 1, "key": "c1" * 32, "table": "table_s2", "profile": "demo", "row": sbl["id"],
              "title": sbl["title"], "status": "failed", "error": f"it broke: {EVIL}", "log": "log.txt",
              "notes": [EVIL],
              "created": "2026-01-01T00:00:00+00:00", "model": {"name": "sbl_small"}, "hashes": {"evaluate": "e"},
              "data": {"eval": {"dataset": "synthetic", "split": "val", "range": [0, None]}}}
    put(folder, "demo", failed)
    own = {"id": f"openmmlab:{EVIL}", "title": f"Plug-in {EVIL}"}
    put(folder, "demo", hostile(stand_in_record(own, f"model {EVIL}"), "d1"))
    figures = folder / "figures"
    figures.mkdir()
    for name in ("poses", '"><img src=x onerror=evil=1>'):
        cv2.imwrite(str(figures / f"{name}.png"), np.full((40, 60, 3), 128, np.uint8))
    (figures / "poses.json").write_text(json.dumps({
        "kind": "figure", "schema": 1, "file": "poses.png", "figure": "poses", "title": f"Poses {EVIL}", "alt": EVIL,
        "command": f"harness figure {EVIL}", "notes": [EVIL],
        "rows": [{"title": EVIL, "table": "table_s2", "profile": "demo", "key": "a1" * 32}]}))
    return folder


@pytest.fixture(scope="session")
def page(results):
    """What the folder has for a page."""
    return collect(results)


@pytest.fixture(scope="session")
def html(page, results):
    """The page's text."""
    return render(page, results)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; skips where there is none, or no playwright to drive it."""
    program = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no Chromium on the path ({', '.join(CHROMIUM)})")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()
