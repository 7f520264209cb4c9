"""Time and memory of opening COCO-WholeBody's training annotations, the first time and after that.

`python -m tests.nightly.annotations` writes a file of the published one's form and size (118,287 images, 149,813 people
with labelled points among 262,465, 841 MB) and opens the split in fresh processes: the first parses it and leaves the
index, the second opens that. Held: 90 s and 6 GiB, then one second. A gigabyte and a half of disk, about three minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.helpers import ROOT

IMAGES, PEOPLE, LABELLED, MEGABYTES = 118_287, 262_465, 149_813, 841
"""Images, people with labelled points and size of the published file as the documents of mmpose and logs of HRNet have
them; the people in all are COCO's (instances_train2017)."""
SECONDS, GIBIBYTES, AGAIN = 90.0, 6.0, 1.0

FIELDS = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}

OPEN = """
import resource, sys, time
from harness.data.sets import DataRef
started = time.monotonic()
split = DataRef("coco-wholebody", sys.argv[1], "train").open()
print(time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, len(split.images),
      len(split.people), int((split.people.keypoints[:, :, 2] > 0).any(axis=1).sum()))
"""


def write(root: Path, share: float) -> Path:
    """A share of the file; its size follows from the outlines of people, which are as long as is needed."""
    rng = np.random.default_rng(0)
    (root / "annotations").mkdir(parents=True)
    (root / "train2017").mkdir()
    path = root / "annotations" / "coco_wholebody_train_v1.0.json"
    images, people, labelled = (int(share * count) for count in (IMAGES, PEOPLE, LABELLED))
    empty = {field: [0.0] * 3 * count for field, count in FIELDS.items()}
    with path.open("w") as file:
        file.write('{"info": {"description": "of the form of COCO-WholeBody V1.0"}, "images": [')
        for i in range(images):
            image = {"license": 1, "file_name": f"{i + 1:012d}.jpg", "height": 480, "width": 640, "id": i + 1,
                     "coco_url": f"images/train2017/{i + 1:012d}.jpg", "date_captured": "2013-11-18 02:53:27"}
            file.write((", " if i else "") + json.dumps(image))
        file.write('], "annotations": [')
        room = (share * MEGABYTES * 2**20 - file.tell()) / people
        for i in range(people):
            points = {field: np.round(rng.uniform(1, 600, 3 * count), 1).tolist() for field, count in FIELDS.items()} \
                if i < labelled else empty
            entry = {"id": i + 1, "image_id": i % images + 1, "category_id": 1, "iscrowd": 0, "area": 12_345.6, "bbox":
                     [10.5, 20.5, 100.2, 200.1], "num_keypoints": 17 if i < labelled else 0, **points,
                     "face_box": [0.0] * 4, "face_valid": i < labelled, "segmentation": [[]]}
            text = json.dumps(entry)
            # Labelled people are longer than the mean and others shorter; outlines fill what is left of both.
            outline = ", ".join(["123.45"] * max(0, int((room - len(text) + (450 if i < labelled else -590)) / 8)))
            file.write((", " if i else "") + text.replace("[[]]", f"[[{outline}]]"))
        file.write('], "categories": [{"id": 1, "name": "person"}]}')
    return path


def opened(root: Path) -> list[float]:
    """Seconds, gibibytes, images, people, and people with labelled points of an open in a fresh process."""
    done = subprocess.run([sys.executable, "-c", OPEN, str(root)], cwd=ROOT, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def main() -> int:
    """Print the figures; 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the file, to try the script")
    share = parser.parse_args().share
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        size = write(root, share).stat().st_size / 2**20
        first, again = opened(root), opened(root)
        index = sum(path.stat().st_size for path in (root / ".harness-index").rglob("*") if path.is_file()) / 2**20
    print(f"{size:.0f} MiB, {first[2]:.0f} images, {first[3]:.0f} people, {first[4]:.0f} of them with labelled points; "
          f"index {index:.0f} MiB")
    print(f"first: {first[0]:.1f} s, {first[1]:.2f} GiB; again: {again[0]:.2f} s, {again[1]:.2f} GiB")
    return int(first[0] > SECONDS or first[1] > GIBIBYTES or again[0] > AGAIN or first[2:] != again[2:])


if __name__ == "__main__":
    raise SystemExit(main())
