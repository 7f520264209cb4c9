"""What can be known of a row before its first step: said then, not after the training.

Nothing here changes a number, so it is not among the code that records are tied to (`specs/kinds.yaml`).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.files import sha256_file
from harness.job import Tell, run_job, training_folder
from harness.plan import Job
from harness.protocol import Protocol, Train, make_protocol
from harness.record import RowFolder

if TYPE_CHECKING:
    import numpy as np

    from harness.data.types import Images, Split

READERS = 8
"""Most threads that read images at once; OpenCV decodes without holding Python's lock."""


def run_checked(job: Job, folder: RowFolder, results: Path, tell: Tell, train_only: bool = False) -> dict[str, Any]:
    """A row's record, as `harness.job.run_job` makes it, once all that is needed for it was seen to be there.

    Raises UserError for what the user can mend. What must be said of the data joins the record's notes. One of several
    processes of a training (`train_only`) leaves the checks to the one that started them.
    """
    notes = [] if train_only else check(job, make_protocol(job.protocol, str(folder.job)), results, tell)
    record = run_job(job, folder, results, tell, train_only)
    return {**record, "notes": [*record["notes"], *notes]} if record else record


def check(job: Job, protocol: Protocol, results: Path, tell: Tell) -> list[str]:
    """Notes on a row's data. Raises UserError where it could not be evaluated, or would be on what it has learnt from.

    Images are read only where a training is to follow: without one, the evaluation soon says the same. What was
    trained on is looked at in any case, however long ago that was.
    """
    from harness.data.coco import trainable
    from harness.data.crops import image_rows
    from harness.inference.boxes import take, test_boxes
    from harness.inference.predict import with_extent

    evaluation = job.evaluate.open()
    boxes = test_boxes(evaluation, protocol.test)
    if job.train is None or job.weights:
        return []
    to_come = training_folder(results, job).finished() is None
    if to_come:
        boxes = take(boxes, with_extent(boxes))
        used = image_rows(evaluation.images, boxes.image_id)
        check_readable(evaluation, used, protocol.train.max_broken_images, tell)

    training = job.train.open()
    learnt = trainable(training.people, training.images)
    rows = image_rows(training.images, training.people.image_id[learnt])
    if to_come:
        check_there(training, rows, protocol.train.max_broken_images)
    return [*overlap(job, training, rows, evaluation), *short_epoch(int(learnt.sum()), protocol.train)]


def check_readable(split: Split, rows: np.ndarray, tolerated: float, tell: Tell) -> None:
    """Read those images of a split. Raises UserError where more than the tolerated share of them cannot be."""
    import numpy as np

    from harness.data.images import check_broken, read_image

    def problem(row: int) -> tuple[str, str] | None:
        width, height = split.images.size[row]
        image = read_image(split.images.path[row], (int(width), int(height)))
        return (str(split.images.path[row]), image) if isinstance(image, str) else None

    used = np.unique(rows).tolist()
    broken: dict[str, str] = {}
    with ThreadPoolExecutor(min(READERS, len(os.sched_getaffinity(0)))) as pool:
        for done, found in enumerate(pool.map(problem, used), 1):
            broken.update([found] if found else [])
            tell("data", done, len(used), "reading the images to evaluate on")
    check_broken(broken, len(used), tolerated, f"{split.dataset}/{split.name}")


def check_there(split: Split, rows: np.ndarray, tolerated: float) -> None:
    """Look for those images of a split. Raises UserError where more than the tolerated share of them are missing."""
    import numpy as np

    from harness.data.images import check_broken

    used = [split.images.path[row] for row in np.unique(rows)]
    names = {folder: set(os.listdir(folder)) if folder.is_dir() else set() for folder in {p.parent for p in used}}
    missing = {str(path): "No such file" for path in used if path.name not in names[path.parent]}
    check_broken(missing, len(used), tolerated, f"{split.dataset}/{split.name}")


def overlap(job: Job, training: Split, rows: np.ndarray, evaluation: Split) -> list[str]:
    """What to say where images are in both splits: nothing can be measured on what was trained on.

    Raises UserError, unless it was asked to evaluate on the split that is trained on.
    """
    assert job.train is not None
    both = in_both(training.images, rows, evaluation.images)
    if not both:
        return []
    said = (f"{len(both)} of {len(evaluation.images)} images of {job.evaluate.title} are trained on as well "
            f"(first: {both[0]})")
    if (job.evaluate.dataset, job.evaluate.root, job.evaluate.split) != (
            job.train.dataset, job.train.root, job.train.split):
        raise UserError(f"{said}: training and evaluation data are mixed up (harness data verify {job.train.dataset})")
    return [f"{said}: a measure of memory, not of pose estimation"]


def in_both(training: Images, rows: np.ndarray, evaluation: Images) -> list[Path]:
    """Images to evaluate on that are among `rows` of those to train on: the same file, or one of its name and content.

    Content counts because half of a copy may have been unpacked into the wrong folder, names alone do not: each of two
    data sets may have an im0001.jpg.
    """
    import numpy as np

    learnt: dict[str, list[Path]] = {}
    for row in np.unique(rows):
        learnt.setdefault(training.path[row].name, []).append(training.path[row])

    def same(one: Path, other: Path) -> bool:
        if one == other:
            return True
        try:
            return one.stat().st_size == other.stat().st_size and sha256_file(one) == sha256_file(other)
        except OSError:  # not there or not to be read: said elsewhere
            return False

    return [path for path in evaluation.path if any(same(path, other) for other in learnt.get(path.name, ()))]


def short_epoch(people: int, train: Train) -> list[str]:
    """What to say where an epoch has less than the protocol asks for."""
    step = train.batch_size * train.processes
    notes = []
    if step > people:
        notes.append(f"training: each step has all {people} people, not the protocol's {step} "
                     "(train.batch_size x train.processes)")
    whole = -(-people // step)
    if train.steps_per_epoch and train.steps_per_epoch > whole:
        notes.append(f"training: an epoch has all its {whole} step(s), not the protocol's {train.steps_per_epoch} "
                     "(train.steps_per_epoch)")
    return notes
