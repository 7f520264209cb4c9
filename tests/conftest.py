"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
import yaml

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Reference data beside the checkout: golden outputs, real images. Users do not have it."""

STRICT = os.environ.get("HARNESS_TESTS_STRICT") == "1"
"""Set by `.ci/run`: a parity test or a test on shared data that was skipped is a failure there."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data; skips the test where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"reference data not found beside the checkout ({SHARED.name}/)")
    return SHARED


@pytest.fixture(scope="session")
def evaluator_golden(shared) -> dict:
    """Figures of xtcocotools 1.14.3 on the published example, and what settings change there."""
    text = (shared / "reference" / "published.yaml").read_text()
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["evaluator_golden_values"]


@pytest.fixture(scope="session")
def drawn_people(tmp_path_factory) -> Path:
    """A few drawn people in COCO-WholeBody's form, two splits: copy it, do not change it."""
    from harness.data.synthetic import write_synthetic

    root = tmp_path_factory.mktemp("drawn") / "people"
    write_synthetic(root, {"train": 6, "val": 4}, seed=3, width=320, height=240, workers=1)
    return root


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    must_run = item.get_closest_marker("parity") or item.get_closest_marker("shared")
    if STRICT and report.skipped and must_run:
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"skipped, which HARNESS_TESTS_STRICT=1 forbids for this test: {reason}"
