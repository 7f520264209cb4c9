"""What each stage of a pass from image files to people took, batch by batch, and each image's share in it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.stages import STAGES

COLUMNS = (*STAGES, "other")
"""`other` is the rest of the wall clock: putting batches together, seeds, the loops themselves."""


@dataclass(frozen=True)
class Batch:
    """What one batch took, from the first stage or the end of the batch before to its own end."""

    people: int
    seconds: dict[str, float]
    """By stage; a stage that was not met is missing."""
    wall: float
    """Seconds."""


@dataclass(frozen=True)
class Pass:
    """One pass over all images."""

    batches: tuple[Batch, ...]
    rest: dict[str, float]
    """Seconds by stage of what belongs to no batch: OKS-NMS."""
    wall: float
    """Seconds of the whole."""


@dataclass
class StageClock:
    """Times the stages of one pass: a `Watch`, and with `batch_done` the `progress` of `predict`.

    `synchronise` waits for the device; it is called before each reading of the clock at a stage's ends, so that the
    work a stage starts is counted as its own.
    """

    synchronise: Callable[[], None] = lambda: None
    now: Callable[[], float] = time.perf_counter
    batches: list[Batch] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Of the batch that is being worked on."""

    def __post_init__(self) -> None:
        self.begin = self.now()
        self.mark: float | None = None
        self.people = 0

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what is done inside as that stage's."""
        self.synchronise()
        start = self.now()
        if self.mark is None:
            self.mark = start
        yield
        self.synchronise()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + self.now() - start

    def batch_done(self, done: int, total: int) -> None:
        """A batch has ended; `done` people in all."""
        end = self.now()
        assert self.mark is not None
        self.batches.append(Batch(done - self.people, self.seconds, end - self.mark))
        self.people, self.mark, self.seconds = done, end, {}

    def finish(self) -> Pass:
        """The pass has ended."""
        return Pass(tuple(self.batches), self.seconds, self.now() - self.begin)


def by_image(one: Pass, image: Sequence[int] | np.ndarray) -> np.ndarray:
    """Seconds of each image in each of `COLUMNS`, (I, 7). `image` (N,) is each person's image, 0 to I - 1, in the order
    in which the people went through the network.

    A batch's time is shared evenly among its people, and so is, among all, what belongs to no batch; so all values
    together are the wall clock of the pass.
    """
    people = np.array([batch.people for batch in one.batches])
    if people.sum() != len(image):
        raise ValueError(f"{people.sum()} people in batches, {len(image)} images of people")
    shares = np.repeat([_columns(batch.seconds, batch.wall) for batch in one.batches], people, axis=0)
    shares /= np.repeat(people, people)[:, None]
    left = one.wall - sum(batch.wall for batch in one.batches)
    shares += _columns(one.rest, left) / len(image)
    found = np.zeros((np.max(image) + 1, len(COLUMNS)))
    np.add.at(found, np.asarray(image), shares)
    return found


def _columns(seconds: dict[str, float], wall: float) -> np.ndarray:
    return np.array([*(seconds.get(stage, 0.0) for stage in STAGES), wall - sum(seconds.values())])
