"""A small data set in COCO-WholeBody's form that a test may damage."""

import shutil
from pathlib import Path

import pytest

from harness.holdings.finding import Finding
from harness.holdings.specs import spec_of
from harness.holdings.verify import prepare, verify

SPLITS = ["train", "val"]


@pytest.fixture
def root(drawn_people, tmp_path) -> Path:
    """A copy of it: train2017, val2017, annotations."""
    return Path(shutil.copytree(drawn_people, tmp_path / "data"))


@pytest.fixture(autouse=True)
def no_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Looked:
    """The findings of a command, for asking whether one says something."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    def say(self, *words: str, level: str = "FAILED") -> bool:
        """Whether one finding of that level has all of the words."""
        return any(finding.level == level and all(str(word) in finding.text for word in words)
                   for finding in self.findings)

    @property
    def faults(self) -> list[str]:
        """What is wrong, but for the numbers of a whole copy: it is a small set that is looked at."""
        return [f"{finding.split}: {finding.text}" for finding in self.findings
                if finding.level == "FAILED" and "a whole copy has" not in finding.text]


def looked(root, quick=False, remember=False, name="coco-wholebody", splits=None) -> Looked:
    spec = spec_of(name)
    return Looked(list((prepare if remember else verify)(spec, root, splits or SPLITS, quick)))
