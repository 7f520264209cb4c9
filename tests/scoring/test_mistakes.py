"""Planted mistakes are named as what they are, and their repair wins back what they cost."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.types import People
from harness.layout import load_layout
from harness.scoring import Scored, score
from harness.scoring.identity import identify
from harness.scoring.mistakes import GOOD, KINDS, MIXED_UP, NEARBY, classify, repair
from harness.scoring.pairing import speaking
from harness.scoring.repairs import CLASSES, counting, diagnose, moved, take

LAYOUT = load_layout("coco-wholebody")
GRID = np.stack(np.meshgrid(np.arange(12), np.arange(12)), axis=-1).reshape(-1, 2)[:133] * 60.0
"""Points of a person, so far apart (pixels, at an area of 100^2) that none is near another."""
SEEDS = st.integers(0, 2**32 - 1)
BRIEF = settings(max_examples=25, deadline=None)


def crowdless(images: int = 6, each: int = 2) -> tuple[People, Scored]:
    """Fully labelled people, and perfect predictions with distinct scores."""
    n = images * each
    corner = np.stack([np.arange(n) % each * 5000.0, np.zeros(n)], axis=1)
    keypoints = np.full((n, 133, 3), 2.0)
    keypoints[:, :, :2] = corner[:, None] + GRID
    box = np.concatenate([corner, np.full((n, 2), 700.0)], axis=1)
    image = np.repeat(np.arange(images) + 1, each)
    people = People(np.arange(n) + 1, image, box, np.full(n, 1e4), np.zeros(n, bool), keypoints, np.full(n, 17))
    points = keypoints.copy()
    points[:, :, 2] = 0.9
    return people, Scored(image.copy(), points, 0.5 + np.arange(n) / 1000)


def swap_hands(points):
    points[:5, 91:133, :2] = points[:5][:, LAYOUT.flip_index][:, 91:133, :2]
    return slice(0, 5), slice(91, 133)


def invert(points):
    points[:4, 91:112, :2] = np.roll(points[:4, 91:112, :2], 1, axis=1)  # each joint where the one before is
    return slice(0, 4), slice(91, 112)


def take_from_another_person(points):
    points[0:6:2, 5:23, :2] = points[1:7:2, 5:23, :2]
    return slice(0, 6, 2), slice(5, 23)


def jitter(points):
    radius = 2 * LAYOUT.sigmas * 100 * np.sqrt(-2 * np.log(0.6))  # where the similarity is 0.6
    points[3:9, :, 0] += radius
    return slice(3, 9), slice(0, 133)


def miss(points):
    points[2:8, 17:60, 1] -= 3000
    return slice(2, 8), slice(17, 60)


PLANTS = {"swap": swap_hands, "inversion": invert, "wrong_person": take_from_another_person, "jitter": jitter,
          "miss": miss}


def ap(figures):
    return {part: of["AP"] for part, of in figures.items()}


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_mistake_is_named_and_its_repair_wins_everything_back(kind):
    people, scored = crowdless()
    rows, columns = PLANTS[kind](scored.keypoints)
    found = classify(people, scored.keypoints, LAYOUT, np.arange(12), np.arange(12)).kind
    expected = np.full((12, 133), KINDS.index("good"))
    expected[rows, columns] = KINDS.index(kind)
    np.testing.assert_array_equal(found, expected)

    diagnosis = diagnose(people, scored, LAYOUT, people.image_id)
    assert diagnosis.found["wholebody"]["AP"] < 0.999
    assert ap(diagnosis.alone[kind]) == pytest.approx(dict.fromkeys(diagnosis.found, 1.0))
    for other in set(PLANTS) - {kind}:
        assert diagnosis.alone[other] == diagnosis.found, other


@pytest.mark.parametrize(("similarity", "kind"), [(0.86, "good"), (0.84, "jitter"), (0.51, "jitter"), (0.49, "miss")])
def test_the_limits_are_those_of_the_paper(similarity, kind):
    people, scored = crowdless(images=1, each=1)
    scored.keypoints[0, :, 1] += 2 * LAYOUT.sigmas * 100 * np.sqrt(-2 * np.log(similarity))
    assert set(classify(people, scored.keypoints, LAYOUT, np.zeros(1, int), np.zeros(1, int)).kind[0]) == {
        KINDS.index(kind)}


def test_a_mirrored_face_is_swapped_and_not_inverted():
    people, scored = crowdless(images=1, each=1)
    face, flip = np.arange(23, 91), np.array(LAYOUT.flip_index)
    scored.keypoints[0, face, :2] = scored.keypoints[0, flip[face], :2]
    scored.keypoints[0, face, :2] += np.random.default_rng(0).normal(size=(68, 2)) * 0.3
    kind = classify(people, scored.keypoints, LAYOUT, np.zeros(1, int), np.zeros(1, int)).kind[0, face]
    assert set(kind[flip[face] != face]) == {KINDS.index("swap")}
    assert set(kind[flip[face] == face]) == {KINDS.index("good")}


def test_a_point_on_somebody_in_a_crowd_is_missed():
    people, scored = crowdless(images=1, each=2)
    scored.keypoints[0, 5, :2] = people.keypoints[1, 5, :2]
    for crowd, kind in ((False, "wrong_person"), (True, "miss")):
        marked = replace(people, crowd=np.array([False, crowd]))
        found = classify(marked, scored.keypoints, LAYOUT, np.zeros(1, int), np.zeros(1, int)).kind[0, 5]
        assert KINDS[found] == kind


def test_a_person_seen_from_behind_is_one_swap_and_still_meant():
    people, scored = crowdless()
    scored.keypoints[0] = scored.keypoints[0, list(LAYOUT.flip_index)]
    diagnosis = diagnose(people, scored, LAYOUT, people.image_id)
    assert diagnosis.counts["body"]["missed"] == 0
    assert diagnosis.shares["lefthand"]["swap"] == pytest.approx(1 / 12)
    assert ap(diagnosis.alone["swap"]) == pytest.approx(dict.fromkeys(diagnosis.found, 1.0))


def test_dropped_people_are_missed():
    people, scored = crowdless()
    diagnosis = diagnose(people, take(scored, np.arange(3, 12)), LAYOUT, people.image_id)
    assert all(counts["missed"] == (6 if part == "hand" else 3) for part, counts in diagnosis.counts.items())
    assert diagnosis.found["body"]["AP"] == pytest.approx(76 / 101)  # recall 0.75: points 0 to 0.75 of 0 to 1
    assert ap(diagnosis.in_turn["score_order"]) == pytest.approx(ap(diagnosis.found))
    assert ap(diagnosis.alone["missed"]) == pytest.approx(dict.fromkeys(diagnosis.found, 1.0))


def test_a_part_that_a_prediction_leaves_out_is_missed_there_only():
    people, scored = crowdless()
    scored.keypoints[:3, 17:23, 2] = 0
    diagnosis = diagnose(people, scored, LAYOUT, people.image_id)
    assert {part for part, counts in diagnosis.counts.items() if counts["missed"]} == {"foot"}
    assert diagnosis.alone["missed"]["foot"]["AP"] == pytest.approx(1)
    assert diagnosis.counts["foot"]["points"] == 9 * 6


def test_one_right_part_is_enough_to_mean_somebody():
    people, scored = crowdless()
    scored.keypoints[0, 17:, 1] -= 3000  # the body is right: one part of five
    people.keypoints[1, :17, 2] = people.keypoints[1, 23:, 2] = 0  # feet only, and a third of them found
    scored.keypoints[1, 17:21, 1] -= 3000
    identities = identify(people, scored, LAYOUT, np.arange(1, 7))
    assert identities.person[:2].tolist() == [0, 1]
    assert identities.affinity[:2] == pytest.approx([1 / 5, 1 / 3])


def test_who_is_hit_by_a_prediction_of_somebody_else_is_not_missed_in_that_part():
    people, scored = crowdless()
    scored.keypoints[0, 91:112, :2] = people.keypoints[1, 91:112, :2]
    without_second = take(scored, np.delete(np.arange(12), 1))
    diagnosis = diagnose(people, without_second, LAYOUT, people.image_id)
    assert diagnosis.counts["lefthand"]["missed"] == 1  # nobody means them
    assert diagnosis.alone["missed"]["lefthand"] == diagnosis.found["lefthand"]
    assert diagnosis.alone["missed"]["body"]["AP"] == pytest.approx(1)


def with_false_boxes(people, scored, scores):
    far = scored.keypoints[:6].copy()
    far[:, :, :2] += 20_000
    return Scored(np.append(scored.image_id, np.arange(1, 7)), np.concatenate([scored.keypoints, far]),
                  np.append(scored.score, scores))


def test_false_boxes_are_false_positives():
    people, scored = crowdless()
    diagnosis = diagnose(people, with_false_boxes(people, scored, np.full(6, 0.99)), LAYOUT, people.image_id)
    assert diagnosis.found["face"]["AP"] < 0.7
    assert all(counts["background"] == (12 if part == "hand" else 6) for part, counts in diagnosis.counts.items())
    assert ap(diagnosis.alone["false_positive"]) == pytest.approx(dict.fromkeys(diagnosis.found, 1.0))
    assert diagnosis.shares["face"]["good"] == 1


def test_shuffled_scores_are_a_wrong_order():
    people, scored = crowdless()
    low = with_false_boxes(people, scored, np.linspace(0.1, 0.2, 6))
    assert diagnose(people, low, LAYOUT, people.image_id).found["body"]["AP"] == pytest.approx(1)
    shuffled = replace(low, score=np.random.default_rng(1).permutation(low.score))
    diagnosis = diagnose(people, shuffled, LAYOUT, people.image_id)
    assert diagnosis.found["body"]["AP"] < 0.95
    assert ap(diagnosis.alone["score_order"]) == pytest.approx(dict.fromkeys(diagnosis.found, 1.0))


def test_a_poor_duplicate_that_ranks_first_is_a_wrong_order_and_no_background():
    people, scored = crowdless()
    poor = scored.keypoints.copy()
    poor[:, :, 0] += 2 * LAYOUT.sigmas * 100 * np.sqrt(-2 * np.log(0.7))
    both = Scored(np.tile(scored.image_id, 2), np.concatenate([poor, scored.keypoints]),
                  np.append(scored.score + 0.3, scored.score))
    diagnosis = diagnose(people, both, LAYOUT, people.image_id)
    assert diagnosis.found["body"]["AP"] < 0.8
    assert diagnosis.counts["body"] == {"people": 12, "missed": 0, "points": 204, "predictions": 24, "background": 0,
                                        "duplicates": 0}  # the duplicates are the hits at OKS 0.5
    assert diagnosis.shares["body"]["good"] == 1  # those that fit best mean the people
    assert ap(diagnosis.alone["score_order"]) == pytest.approx(dict.fromkeys(diagnosis.found, 1.0))


def test_not_more_than_twenty_an_image_can_be_found():
    people, scored = crowdless(images=1, each=25)
    diagnosis = diagnose(people, scored, LAYOUT, people.image_id)
    assert diagnosis.in_turn["score_order"]["body"]["AR"] == pytest.approx(20 / 25)
    assert diagnosis.in_turn["score_order"]["body"] == pytest.approx(diagnosis.found["body"])


def test_without_predictions_everybody_is_missed():
    people, scored = crowdless()
    diagnosis = diagnose(people, take(scored, np.arange(0)), LAYOUT, people.image_id)
    assert diagnosis.found["body"]["AP"] == 0
    assert diagnosis.in_turn["score_order"]["body"]["AP"] == 0
    assert diagnosis.shares["body"] is None
    assert diagnosis.counts["body"]["missed"] == 12


@BRIEF
@given(seed=SEEDS, layout=st.sampled_from(["coco-wholebody", "lsp"]), ties=st.booleans())
def test_what_holds_for_any_predictions(case, seed, layout, ties):
    made = case(seed, layout=layout, ties=ties)
    diagnosis = diagnose(made.people, made.scored, made.layout, made.image_ids)
    found = score(made.people, made.scored, made.layout, made.image_ids)
    assert diagnosis.found == {part: {m: of[m] for m in ("AP", "AR")} for part, of in found.items()}
    assert list(diagnosis.alone) == list(diagnosis.in_turn) == list(CLASSES)
    for part, figures in diagnosis.found.items():
        shares = diagnosis.shares[part]
        assert shares is None or sum(shares.values()) == pytest.approx(1)
        for metric, value in figures.items():
            if value is None:
                continue
            for kind in ("false_positive", "score_order", "missed"):
                repaired = diagnosis.alone[kind][part][metric]
                if repaired is None:  # nobody is left
                    assert (kind, value) == ("missed", 0) or part == "hand"
                else:
                    assert repaired >= value - 1e-9, (kind, part, metric)
            last = [diagnosis.in_turn[kind][part][metric] for kind in CLASSES[5:]]
            assert all(later >= earlier - 1e-9 for earlier, later in pairwise(last))
            assert last[-1] == 1


@BRIEF
@given(seed=SEEDS, layout=st.sampled_from(["coco-wholebody", "lsp"]))
def test_repairing_everything_is_as_good_as_perfect_predictions_of_those_who_are_meant(case, seed, layout):
    made = case(seed, layout=layout)
    diagnosis = diagnose(made.people, made.scored, made.layout, made.image_ids)
    person = identify(made.people, made.scored, made.layout, made.image_ids).person
    perfect = take(made.scored, np.flatnonzero(person >= 0))
    perfect.keypoints[:, :, :2] = made.people.keypoints[person[person >= 0], :, :2]
    for part in made.layout.parts:
        meant = person[(person >= 0) & speaking(made.scored, part, made.layout)]
        people = counting(made.people, made.layout, part)
        figures = diagnosis.in_turn["score_order"][part]
        if people.any():
            assert figures["AR"] == pytest.approx(people[meant].sum() / people.sum())
            # Of those with nobody to find in this part, whose people are not labelled there, none may outrank others.
            blank = ~people[person[person >= 0]]
            ranked = replace(perfect, score=perfect.score - 10 * blank)
            ideal = score(made.people, ranked, made.layout, made.image_ids)[part]
            assert figures == pytest.approx({metric: ideal[metric] for metric in ("AP", "AR")})


@BRIEF
@given(seed=SEEDS)
def test_points_are_classified_as_the_definition_says(case, seed):
    made = case(seed, images=3)
    person = identify(made.people, made.scored, made.layout, made.image_ids).person
    rows = np.flatnonzero(person >= 0)
    points = classify(made.people, made.scored.keypoints, made.layout, rows, person[rows])
    for row in range(min(len(rows), 3)):
        for k in range(0, made.layout.size, 7):
            expected = by_hand(made, rows[row], person[rows[row]], k)
            kind = points.kind[row, k]
            assert (KINDS[kind] if kind >= 0 else None) == expected


def similarity(made, position, person, point):
    """Key-point similarity of a position to a person's point; 0 if that is not labelled."""
    x, y, v = made.people.keypoints[person, point]
    square = (position[0] - x) ** 2 + (position[1] - y) ** 2
    return np.exp(-square / (2 * made.people.area[person] * (2 * made.layout.sigmas[point]) ** 2)) if v > 0 else 0.0


def by_hand(made, prediction, person, point):
    """The class of one point, from the definition, one pair after the other."""
    people, layout = made.people, made.layout
    position = made.scored.keypoints[prediction, point, :2]
    if not people.keypoints[person, point, 2] > 0:
        return None
    own = similarity(made, position, person, point)
    if own >= NEARBY:
        return "good" if own >= GOOD else "jitter"
    mirror, part = layout.flip_index[point], layout.parts[layout.part_of(point)]
    inside = [k for k in range(part.start, part.stop) if k not in (point, mirror)]
    others = [p for p in range(len(people)) if people.image_id[p] == people.image_id[person] and p != person
              and not people.crowd[p]]
    nearest = {"swap": similarity(made, position, person, mirror) if mirror != point else 0,
               "inversion": max((similarity(made, position, person, k) for k in inside), default=0),
               "wrong_person": max((similarity(made, position, p, point) for p in others), default=0)}
    best = max(nearest, key=nearest.__getitem__)
    return best if nearest[best] >= NEARBY else "miss"


@BRIEF
@given(seed=SEEDS)
def test_a_repaired_point_keeps_its_similarity_and_then_its_precision_can_be_repaired(case, seed):
    made = case(seed)
    person = identify(made.people, made.scored, made.layout, made.image_ids).person
    rows = np.flatnonzero(person >= 0)
    points = classify(made.people, made.scored.keypoints, made.layout, rows, person[rows])
    labelled = points.kind >= 0
    for kind in MIXED_UP:
        chosen = points.kind == KINDS.index(kind)
        again = moved(made.scored, repair(points, kind))
        after = classify(made.people, again.keypoints, made.layout, rows, person[rows])
        assert after.similarity[chosen] == pytest.approx(points.similarity[chosen])
        assert (after.similarity[chosen] >= NEARBY - 1e-9).all()
    for kind in ("swap", "inversion", "wrong_person", "miss", "jitter", "good"):
        points = repair(points, kind)
    np.testing.assert_allclose(points.position[labelled], points.truth[labelled])
