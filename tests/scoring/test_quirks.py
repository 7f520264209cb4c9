"""The list of quirks: complete, pinned one by one, and all that the corrected mode changes."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.scoring import METRICS, match_parts, score
from harness.scoring.definition import AREA_LIMITS
from harness.scoring.quirks import CORRECTED, QUIRKS, effects
from harness.scoring.reference import reference_figures
from harness.scoring.rules import STRICT, Rules
from tests.scoring.scenes import LAYOUT, SCENES

NAMES = [quirk.name for quirk in QUIRKS]


def figures(scene, folder, rules):
    truth, predictions = scene.load(folder)
    return score(truth.people, predictions.scored, LAYOUT, truth.image_ids, "auto", rules, truth.marks)


def test_every_switch_is_listed_and_numbered_once_and_has_its_scene():
    assert [f.name for f in fields(Rules)] == NAMES
    assert [quirk.number for quirk in QUIRKS] == list(range(1, len(QUIRKS) + 1))
    assert sorted(SCENES) == sorted(NAMES)
    assert replace(STRICT, **dict.fromkeys(NAMES, True)) == STRICT


@pytest.mark.parametrize("name", NAMES)
def test_pinned(name, tmp_path):
    scene = SCENES[name]
    strict = figures(scene, tmp_path, STRICT)[scene.part].get(scene.metric)
    off = figures(scene, tmp_path, replace(STRICT, **{name: False}))[scene.part][scene.metric]
    assert strict == pytest.approx(scene.strict, abs=1e-12)
    assert off == pytest.approx(scene.off, abs=1e-12)
    assert strict != off


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_the_reference_has_the_quirk(name, tmp_path):
    pytest.importorskip("xtcocotools.coco", reason="xtcocotools is not installed; see tests/install_oracles.py")
    scene = SCENES[name]
    theirs = reference_figures(scene.annotations(), scene.predictions, LAYOUT, scene.use_area)
    ours = figures(scene, tmp_path, STRICT)
    for part, values in theirs.items():
        assert ours[part] == pytest.approx(values, abs=1e-9), part


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
def test_the_corrected_mode_mends_what_the_list_says_and_keeps_the_rest(quirk, tmp_path):
    scene = SCENES[quirk.name]
    found = figures(scene, tmp_path, CORRECTED)[scene.part].get(scene.metric)
    assert found == pytest.approx(scene.off if quirk.corrected else scene.strict, abs=1e-12)


def test_the_corrected_rules_are_the_list():
    assert Rules(**{quirk.name: not quirk.corrected for quirk in QUIRKS}) == CORRECTED


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_where_no_mended_quirk_applies_the_modes_agree_matches_included(case, seed):
    """Positive point scores, no part scores, boxes or marks, no area at the upper end of a range."""
    made = case(seed, ties=True)
    assume(not np.isin(made.scored.area(made.layout), AREA_LIMITS[:, 1]).any())
    strict, corrected = (match_parts(made.people, made.scored, made.layout, made.image_ids, rules=rules)
                         for rules in (STRICT, CORRECTED))
    for part, found in strict.items():
        for name in ("prediction", "image", "score"):
            np.testing.assert_array_equal(getattr(found, name), getattr(corrected[part], name))
        for name in ("person", "ignored", "counted"):  # the corrected mode has the small range besides
            np.testing.assert_array_equal(getattr(found, name), getattr(corrected[part], name)[:3])
    before, after = (score(made.people, made.scored, made.layout, made.image_ids, rules=rules)
                     for rules in (STRICT, CORRECTED))
    for part, values in before.items():
        assert values == {metric: after[part][metric] for metric in METRICS}


def test_effects_are_what_switching_off_does(tmp_path):
    truth, predictions = SCENES["body_score_unread"].load(tmp_path)
    rows = effects(truth.people, predictions.scored, LAYOUT, truth.image_ids, "auto", truth.marks)
    assert [row["name"] for row in rows] == NAMES
    by_name = {row["name"]: row["effect"] for row in rows}
    assert by_name["body_score_unread"]["body"] == pytest.approx(0.5)
    assert by_name["body_score_unread"]["foot"] == 0
    assert all(f"test_pinned[{row['name']}]" in row["test"] for row in rows)
