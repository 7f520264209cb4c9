"""The quirks of the reference evaluator, xtcocotools 1.14.3, as a numbered list.

Some are mistakes or accidents, which the corrected mode mends; some are part of what the figures mean, and stay. Each
is a switch of `Rules`, so that its effect can be measured on any data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.scoring.rules import STRICT, Marks, Rules
from harness.scoring.score import minus, score
from harness.scoring.scored import Scored, ScoreKey

Mode = Literal["strict", "corrected"]

MODES = ("strict", "corrected")


@dataclass(frozen=True)
class Quirk:
    """One thing that the reference does and its user may not expect."""

    number: int
    name: str
    """Of the switch in `Rules`."""
    does: str
    """What the reference does, and the strict mode with it."""
    off: str
    """What happens with the switch off."""
    corrected: bool
    """Whether the corrected mode switches it off."""
    why: str
    """Why it does, or why it does not."""

    @property
    def test(self) -> str:
        """The test that pins it."""
        return f"tests/scoring/test_quirks.py::test_pinned[{self.name}]"


QUIRKS = tuple(Quirk(number, *fields) for number, fields in enumerate((
    ("unlabelled_excuses",
     "A person without a labelled point in the part still takes one prediction that lies within three times the "
     "person's box (OKS 1 inside, falling outside); that prediction is neither right nor wrong.",
     "Such a person takes nothing: a prediction near it is false.",
     False, "The part may well be there and only not be annotated; without the rule right predictions would count as "
     "false."),
    ("silent_dropped",
     "A prediction none of whose point scores in the part is above 0 is dropped from the part.",
     "It takes part like any other.",
     True, "The sign of a point score is the model's own convention: scores that are logits, or all negative, would "
     "make whole result files vanish, and false predictions with them."),
    ("person_area",
     "OKS divides by the person's segment area in every part, also in hands, feet and faces.",
     "By the area of the box around the part's labelled points.",
     False, "The definition behind every published COCO-WholeBody number."),
    ("area_estimated",
     "A person without an area gets 0.53 of the box's width times height (the reference in the area ranges only, its "
     "OKS wants the field or use_area=False; here in both).",
     "Such people do not count.",
     False, "Leaving them out changes the set of people; the result says how many there are."),
    ("score_filled",
     "A prediction without a score for the part is ranked by its person score, among others ranked by part scores.",
     "As soon as one prediction has none, the whole part is ranked by person scores.",
     True, "Two scores on two scales do not make one ranking."),
    ("body_score_unread",
     "Bodies are ranked by the person's `score`; the `body_score` of published files is never read.",
     "Where part scores are used, bodies are ranked by `body_score`, where there is one.",
     True, "The body is a part like the others."),
    ("ignore_unread",
     "A flag `ignore` of an annotation is overwritten by `iscrowd`.",
     "People marked `ignore` do not count.",
     True, "The file says so; the reference reads the flag and loses it in the next line."),
    ("valid_unread",
     "`face_valid`, `foot_valid`, `lefthand_valid` and `righthand_valid` are never read.",
     "The points of a part marked invalid count as not labelled.",
     True, "The file says so; in the published files invalid parts have no labelled point anyway."),
    ("top_twenty",
     "Only the 20 highest scored predictions of an image take part.",
     "All take part.",
     False, "Part of the definition: published AR is at 20 predictions."),
    ("no_small_range",
     "People below 32^2 square pixels count in AP and AR, but no figure is theirs alone.",
     "APs and ARs are given too.",
     True, "It adds two figures and changes none."),
    ("range_ends_shared",
     "Area ranges include both ends: an area of exactly 96^2 is medium and large.",
     "A range includes its lower end only.",
     True, "Nobody should count in two ranges."),
    ("box_area_of_predictions",
     "An unmatched prediction is outside an area range by its `bbox` if the first entry of the file has one, else by "
     "the extent of its body points.",
     "Always by the extent of its body points.",
     True, "APm and APl of two systems should not differ because one wrote a box."),
    ("ties_in_file_order",
     "Predictions of one image with equal scores stand in the order of the file.",
     "In the opposite order.",
     False, "Some order it must be; the switch shows how much depends on it."),
    ("last_of_equals",
     "Of people with equal OKS a prediction takes the one annotated last.",
     "The one annotated first.",
     False, "Some order it must be; the switch shows how much depends on it."),
    ("counted_first",
     "A prediction takes a person who counts before one who is ignored, however much nearer the ignored one is.",
     "It takes the highest OKS.",
     False, "Part of the definition of COCO's matching."),
    ("fractions_labelled",
     "Every visibility above 0 is labelled, also 0.3, which faces, hands and feet have.",
     "Visibility must reach 1.",
     False, "The data format says so; those points were annotated."),
    ("crowd_takes_many",
     "A crowd region takes any number of predictions.",
     "It takes one, as a person does.",
     False, "Part of the definition of COCO's matching."),
), start=1))

CORRECTED = replace(STRICT, **{quirk.name: False for quirk in QUIRKS if quirk.corrected})
"""The rules of the corrected mode."""

RULES: dict[str, Rules] = {"strict": STRICT, "corrected": CORRECTED}


def effects(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray, score_key: ScoreKey = "auto",
            marks: Marks | None = None) -> list[dict[str, Any]]:
    """For each quirk what switching it off, alone, does on these predictions.

    A list of `number`, `name`, `does`, `off`, `corrected`, `why`, `test` and `effect`: part -> AP without the quirk
    minus AP with it, None where either has no AP.
    """
    base = score(people, scored, layout, image_ids, score_key, STRICT, marks)
    rows = []
    for quirk in QUIRKS:
        changed = score(people, scored, layout, image_ids, score_key, replace(STRICT, **{quirk.name: False}), marks)
        effect = {part: minus(changed[part]["AP"], base[part]["AP"]) for part in base}
        rows.append({**vars(quirk), "test": quirk.test, "effect": effect})
    return rows
