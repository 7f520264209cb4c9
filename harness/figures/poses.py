"""Figure S2: key points and links over images, of a row that was run or of any images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.types import Images, People
from harness.errors import UserError
from harness.figures.chosen import MISTAKES, Example, best_median_worst, examples, image_oks
from harness.figures.panel import (
    confidence,
    draw_person,
    legend,
    plain_text,
    read_rgb,
    show_image,
    span_of,
    window_around,
)
from harness.figures.photos import Photos
from harness.figures.rows import Row
from harness.layout import Layout
from harness.scoring.scored import Scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {"swap": "left/right swap", "inversion": "inversion (in the part)", "wrong_person": "wrong person",
          "miss": "miss", "jitter": "jitter", "false_positive": "false positive", "score_order": "score order",
          "missed": "missed person", "duplicate": "duplicate"}
"""Every kind of mistake in words, as `harness errors` has them."""
COLUMNS = 3
PAGE = 7.2
"""Inches: two columns of print."""
TRUTH = "#ffffff"


@dataclass(frozen=True)
class Posed:
    """People predicted on images."""

    images: Images
    people: People
    scored: Scored
    layout: Layout
    trained: tuple[str, ...] = ()
    """Parts whose points are drawn, as nothing has trained the others; all where it is empty."""

    def drawn(self, prediction: int) -> np.ndarray:
        """(K, 3) a prediction's points, NaN where they are not to be drawn."""
        shown = np.isin(np.arange(self.layout.size), self.layout.points_of(self.trained))
        return np.where(shown[:, None], self.scored.keypoints[prediction], np.nan)


def predicted(row: Row, photos: Photos, device: str) -> tuple[Posed, list[str]]:
    """Run a row's network on photos, with flip test, rescoring and OKS-NMS as its protocol says, and the notes."""
    from harness.inference.nms import select
    from harness.inference.predict import predict

    found, info = predict(row.network(device), photos.split, photos.boxes, row.protocol, device)
    kept, scores = select(found, row.layout, row.protocol)
    scored = Scored(found.image_id[kept], found.keypoints[kept], scores)
    posed = Posed(photos.split.images, photos.split.people, scored, row.layout, row.protocol.train.parts)
    return posed, [*info["notes"], *_untrained(row)]


def stored(row: Row, data_root: str | None) -> tuple[Posed, list[str]]:
    """The predictions that a row left, with its evaluation data, and notes. Raises UserError where they are gone."""
    evidence, split, notes = row.evidence(data_root)
    scored = evidence.scored_under(evidence.conditions)
    return Posed(split.images, split.people, scored, split.layout, row.protocol.train.parts), [*notes, *_untrained(row)]


def _untrained(row: Row) -> list[str]:
    parts = row.protocol.train.parts
    return [f"trained for {', '.join(parts)} only: other points are not drawn, but count in OKS, scores and kinds of "
            "mistakes"] if parts else []


@plain_text
def image_figure(posed: Posed, title: str) -> Figure:
    """A panel for each image: everybody predicted on it, the best scored on top."""
    from matplotlib.figure import Figure

    count = len(posed.images)
    columns = min(count, 2)
    rows = -(-count // columns)
    shapes = posed.images.size[:, 1] / posed.images.size[:, 0]
    width = PAGE / columns
    figure = Figure(figsize=(PAGE, rows * (width * float(np.clip(shapes.max(), 0.4, 1.5)) + 0.45) + 0.7),
                    layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).flat
    for axes, image_id in zip(places, posed.images.id, strict=False):
        mine = np.flatnonzero(posed.scored.image_id == image_id)
        people_on(axes, posed, int(image_id), whole_image=True)
        axes.set_title(posed.images.path[_row(posed, int(image_id))].name, fontsize=7)
        if len(mine):
            best = mine[posed.scored.score[mine].argmax()]
            said = confidence(posed.drawn(int(best)), posed.layout)
            axes.set_xlabel(f"{len(mine)} predicted; mean confidence of the surest:\n{said}", fontsize=6)
    for axes in list(figure.axes)[count:]:
        axes.set_axis_off()
    figure.suptitle(title, fontsize=9)
    legend(figure, posed.layout)
    return figure


@dataclass(frozen=True)
class Choice:
    """What a grid shows."""

    ranked: dict[str, list[tuple[int, float]]]
    """best, median and worst -> images with their OKS."""
    mistakes: dict[str, Example | None]
    """Every kind -> its example, None where there is none in these data."""
    scores: np.ndarray
    """(N,) of all predictions."""

    @property
    def image_ids(self) -> list[int]:
        """The images that are shown, ascending."""
        return sorted({image for of in self.ranked.values() for image, _ in of}
                      | {example.image_id for example in self.mistakes.values() if example})

    def as_json(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {"oks": {name: [{"image": image, "oks": oks} for image, oks in of] for name, of in self.ranked.items()},
                "mistakes": {kind: None if of is None else {
                    "image": of.image_id, "points": int(of.points.sum()),
                    "score": None if of.prediction is None else float(self.scores[of.prediction])}
                    for kind, of in self.mistakes.items()}}


def choose(posed: Posed) -> Choice:
    """The best, median and worst images by OKS, and an example of every kind of mistake.

    Raises UserError where no image has a labelled person.
    """
    ids, oks = image_oks(posed.people, posed.scored, posed.layout, posed.images.id)
    if len(ids) == 0:
        raise UserError("no image has a labelled person: there is no OKS to choose images by")
    ranked = {name: [(int(ids[place]), float(oks[place])) for place in places]
              for name, places in best_median_worst(oks, COLUMNS).items()}
    return Choice(ranked, examples(posed.people, posed.scored, posed.layout, posed.images.id), posed.scored.score)


@plain_text
def grid_figure(posed: Posed, choice: Choice, title: str) -> Figure:
    """The best, median and worst images by OKS, and an example of every kind of mistake."""
    from matplotlib.figure import Figure

    chosen, kinds = choice.ranked, choice.mistakes
    rows = len(chosen) + -(-len(MISTAKES) // COLUMNS)
    figure = Figure(figsize=(PAGE, 1.75 * rows + 0.9), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (name, images) in zip(grid, chosen.items(), strict=False):
        for axes, (image_id, oks) in zip(line, images, strict=False):
            people_on(axes, posed, image_id)
            found = "" if (posed.scored.image_id == image_id).any() else ", nobody found"
            axes.set_title(f"{name}: OKS {oks:.2f}, image {image_id}{found}", fontsize=7)
    for axes, kind in zip(grid[len(chosen):].flat, MISTAKES, strict=False):
        example = kinds[kind]
        if example is None:
            axes.set_title(TITLES[kind], fontsize=7)
            axes.text(0.5, 0.5, "none in these data", ha="center", va="center", fontsize=7, transform=axes.transAxes)
        else:
            mistake_on(axes, posed, example)
    figure.suptitle(title, fontsize=9)
    legend(figure, posed.layout)
    return figure


def people_on(axes: Axes, posed: Posed, image_id: int, whole_image: bool = False) -> None:
    """Everybody predicted on an image, in a window around them and the annotated people."""
    axes.set_axis_on()
    row = _row(posed, image_id)
    mine = np.flatnonzero(posed.scored.image_id == image_id)
    box = posed.people.box[posed.people.image_id == image_id]
    size = posed.images.size[row]
    spans = np.concatenate([np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1),
                            *(span_of(posed.scored.keypoints[n], _sure(posed, int(n)))[None] for n in mine)])
    window = (0.0, 0.0, float(size[0]), float(size[1])) if whole_image else window_around(spans, size)
    show_image(axes, read_rgb(posed.images.path[row]), window)
    for n in mine[np.argsort(posed.scored.score[mine], kind="stable")]:
        draw_person(axes, posed.drawn(int(n)), posed.layout, 0.8 if whole_image else 0.7)


def mistake_on(axes: Axes, posed: Posed, example: Example) -> None:
    """One example: the prediction, rings around the points in question, and dotted lines to where they belong."""
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Rectangle

    axes.set_axis_on()
    row, layout = _row(posed, example.image_id), posed.layout
    spans, words = [], [TITLES[example.kind]]
    if example.prediction is not None:
        spans.append(span_of(posed.scored.keypoints[example.prediction], _sure(posed, example.prediction)))
    if example.person is not None:
        box = posed.people.box[example.person]
        spans.append(np.concatenate([box[:2], box[:2] + box[2:]]))
    show_image(axes, read_rgb(posed.images.path[row]), window_around(np.array(spans), posed.images.size[row]))
    if example.prediction is not None:
        keypoints = posed.scored.keypoints[example.prediction]
        draw_person(axes, posed.drawn(example.prediction), layout, 0.7)
        if example.points.any():
            assert example.person is not None
            at, truth = keypoints[example.points, :2], posed.people.keypoints[example.person, example.points, :2]
            axes.add_collection(LineCollection(list(np.stack([at, truth], axis=1)), colors=TRUTH, linewidths=0.4,
                                               linestyles=":", zorder=4))
            axes.scatter(at[:, 0], at[:, 1], s=7, facecolors="none", edgecolors=TRUTH, linewidths=0.35, zorder=5)
            words.append(f"{int(example.points.sum())} points")
        else:
            words.append(f"score {posed.scored.score[example.prediction]:.2f}")
    if example.person is not None and not example.points.any():
        x, y, w, h = posed.people.box[example.person]
        axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor=TRUTH, linestyle="--", linewidth=0.8))
    axes.set_title(f"{words[0]}: {', '.join([*words[1:], f'image {example.image_id}'])}", fontsize=7)


def _row(posed: Posed, image_id: int) -> int:
    return int(np.flatnonzero(posed.images.id == image_id)[0])


def _sure(posed: Posed, prediction: int) -> np.ndarray:
    """(K,) bool: the points that a window must show: with at least half of the person's median confidence."""
    score = posed.drawn(prediction)[:, 2]
    return np.asarray(score >= np.nanmedian(score) / 2)
