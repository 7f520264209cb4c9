"""The gate held to what is known, on this machine: `python -m tests.nightly.real_gates --weights ROW=FILE`.

- 20 A/A gates of a small network: both sides are one commit. None may be `worse`; at least 15 should be `same`.
- A slow-down of about 15 % that is planted in the network's own code (needless work, not a sleep): must be `worse`.
- A decoder that has lost its quarter-pixel shift: must be `worse`, named by part (needs weights that were trained).

Everything happens in a clone of this repository. An hour on two cores; keep the machine quiet. The outcome is printed
and written into the file of `--out`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.files import write_json
from harness.hardware import machine
from harness.record import now, provenance

ROOT = Path(__file__).parents[2]
ROW = ("--models", "tcformer_small", "--input", "128x96", "--batch", "8", "--only", "speed")


@dataclass(frozen=True)
class Plant:
    """A mistake to be found: one piece of text in a file, and what takes its place."""

    file: str
    old: str
    new: str


LINE = "        assignment = tokens.assignment if source is None else source.assignment\n"
SLOWER = Plant("tcformer/blocks.py", LINE, LINE + "        self.attn(query, keys, assignment, tokens.size, score)\n")
BLUNTER = Plant("harness/inference/decode.py", "* inside * 0.25", "* inside * 0.0")


def plant(clone: Path, branch: str, what: Plant) -> None:
    """Commit a mistake on a branch of its own."""
    git(clone, "checkout", "-q", "-b", branch, "base")
    path = clone / what.file
    text = path.read_text()
    assert text.count(what.old) == 1, f"{what.file} has changed: plant something else"
    path.write_text(text.replace(what.old, what.new))
    git(clone, "commit", "-q", "-am", branch)
    git(clone, "checkout", "-q", "base")


def git(folder: Path, *arguments: str) -> None:
    """Run git there."""
    subprocess.run(["git", "-C", str(folder), "-c", "user.name=nightly", "-c", "user.email=nightly@example.org",
                    *arguments], check=True)


def compare(clone: Path, base: str, candidate: str, *options: str) -> dict[str, Any]:
    """The comparison as JSON, with the seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "comparison.json"
        command = [sys.executable, "-m", "harness", "compare", base, candidate, "--out", str(out), "--results", folder,
                   "--calibration", str(clone.parent / "calibration.json"), *options]
        done = subprocess.run(command, cwd=clone, env={**os.environ, "PYTHONPATH": str(clone)}, capture_output=True,
                              text=True)
        if not out.exists():
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        print(done.stdout, flush=True)
        found = json.loads(out.read_text())
        assert done.returncode == found["exit_status"]
        return found


def brief(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each finding what a reader needs."""
    return [{name: finding[name] for name in ("row", "metric", "verdict", "change", "low", "high", "margin", "p",
                                              "samples", "reason")} for finding in found["findings"]]


def main() -> int:
    """Run all; 1 where something is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gates", type=int, default=20)
    parser.add_argument("--weights", help="ROW=FILE of a trained row of table_s2's demo; without one, no decoder")
    parser.add_argument("--out", default="runs/real_gates.json")
    asked = parser.parse_args()
    outcome: dict[str, Any] = {"schema": 1, "kind": "real gates", "created": now(), "machine": machine(),
                               "code": provenance(), "row": " ".join(ROW)}
    with tempfile.TemporaryDirectory(prefix="real-gates-") as folder:
        clone = Path(folder) / "clone"
        git(ROOT, "clone", "-q", str(ROOT), str(clone))
        git(clone, "checkout", "-q", "-b", "base")
        plant(clone, "slower", SLOWER)
        plant(clone, "blunter", BLUNTER)
        if asked.weights:
            row, _, file = asked.weights.partition("=")
            weights = f"{row}={Path(file).resolve()}"
            found = compare(clone, "base", "blunter", "--only", "accuracy", "--weights", weights,
                            "--set", "test.decode=quarter")
            outcome["blunter decoder"] = brief(found)
        outcome["slower"] = brief(compare(clone, "base", "slower", *ROW))
        outcome["equal"] = []
        for number in range(asked.gates):
            found = compare(clone, "base", "base", *ROW)
            outcome["equal"].append(brief(found)[0])
            print(f"A/A gate {number + 1} of {asked.gates}: {found['verdict']}", flush=True)
            write_json(Path(asked.out), outcome)
    write_json(Path(asked.out), outcome)
    equal = Counter(finding["verdict"] for finding in outcome["equal"])
    slower = outcome["slower"][0]["verdict"]
    blunter = Counter(finding["verdict"] for finding in outcome.get("blunter decoder", []))
    print(f"equal sides: {dict(equal)}; slower: {slower}; blunter decoder: {dict(blunter)}; written to {asked.out}")
    return int(bool(equal["worse"]) or slower != "worse" or bool(asked.weights and not blunter["worse"]))


if __name__ == "__main__":
    raise SystemExit(main())
