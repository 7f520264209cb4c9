"""The articulated figure of the synthetic people: proportions, pose, and where its points lie in space.

Axes: x to the viewer's right, y down, z away from the viewer; one unit is the figure's stature. A figure at rest
stands upright and faces the viewer, so its own left is at +x. Limbs are worked out for the left side and mirrored
for the right. Proportions are rounded from ordinary anatomical canons (head about a seventh of the stature, arm span
about the stature); head and hands are taken a little large, so that they keep some pixels in small pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.data.synthetic.hand import hand_points
from harness.data.synthetic.head import EARS, FACE_POINTS, HEAD_EXTRA, face_points, head_extra
from harness.data.synthetic.pose import Arm, Leg, Pose

BODY, FOOT, FACE = slice(0, 17), slice(17, 23), slice(23, 91)
LEFT_HAND, RIGHT_HAND = slice(91, 112), slice(112, 133)
NECK, HEAD, PELVIS, WAIST = 133, 134, 135, 136
SIDES = slice(137, 143)
"""Left and right of chest, waist and seat, for the outline of the trunk."""
PRINT = slice(143, 147)
"""A square on the chest: left and right of its top, then of its bottom."""
HEAD_MESH = slice(147, 147 + HEAD_EXTRA)
"""Helping points of the head, see `synthetic_head`."""
POINTS = HEAD_MESH.stop

CAMERA_DISTANCE = 4.5
"""Distance of the camera from the pelvis in statures: foreshortening as in a picture taken across a room."""


@dataclass(frozen=True)
class Build:
    """Proportions, in statures."""

    head: float
    """Chin to crown."""
    shoulder: float
    """Half the distance between the shoulder joints."""
    hip: float
    """Half the distance between the hip joints."""
    torso: float
    """Hip line to the base of the neck."""
    arm: float
    """Factor on the length of the arms."""
    leg: float
    """Factor on the length of the legs."""
    hand: float
    """Wrist to the tip of the middle finger."""
    girth: float
    """Factor on the thickness of trunk and limbs."""
    waist: float
    """Width of the waist relative to the chest."""


@dataclass(frozen=True)
class Figure:
    """A figure before the camera: `points` (POINTS, 3) in statures, and how its head is turned."""

    build: Build
    pose: Pose
    points: np.ndarray
    head_turn: np.ndarray
    """(3, 3) rotation of the head in camera axes."""
    front: float
    """1 where the chest faces the viewer, -1 where the back does."""

    @property
    def face_front(self) -> float:
        """1 where the face looks at the viewer, 0 in profile, -1 seen from behind."""
        return float(self.head_turn[2, 2])

    def project(self, scale: float, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
        """Points (POINTS, 3) as pixels x, y and depth, with the pelvis at (x, y), and the pixels a stature takes
        at each of them (POINTS,); `scale` is pixels per stature at the pelvis."""
        size = scale * CAMERA_DISTANCE / (CAMERA_DISTANCE + self.points[:, 2])
        pixels = self.points * np.stack([size, size, np.full_like(size, scale)], 1)
        pixels[:, 0] += x
        pixels[:, 1] += y
        return pixels, size


def random_build(rng: np.random.Generator) -> Build:
    """Draw the proportions of a grown-up or, one time in six, of a child (larger head, shorter legs)."""
    child = rng.random() < 0.16
    girth = rng.uniform(0.98, 1.35)
    return Build(
        head=rng.uniform(0.185, 0.21) if child else rng.uniform(0.15, 0.172),
        shoulder=rng.uniform(0.098, 0.122) * (0.7 + 0.3 * girth),
        hip=rng.uniform(0.052, 0.066) * (0.7 + 0.3 * girth),
        torso=rng.uniform(0.275, 0.305),
        arm=rng.uniform(0.93, 1.06),
        leg=rng.uniform(0.84, 0.92) if child else rng.uniform(0.95, 1.06),
        hand=rng.uniform(0.122, 0.14),
        girth=girth,
        waist=rng.uniform(0.68, 1.0),
    )


def turn_x(degrees: float) -> np.ndarray:
    """Rotation about x: a positive angle leans an upright figure forward and swings a hanging limb back."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def turn_y(degrees: float) -> np.ndarray:
    """Rotation about y: a positive angle turns the figure towards its own right."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def turn_z(degrees: float) -> np.ndarray:
    """Rotation about z: a positive angle is clockwise in the picture."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _arm(arm: Arm, build: Build) -> np.ndarray:
    """Elbow, wrist and 21 hand points of a left arm, (23, 3), from the shoulder in the axes of the chest."""
    upper = turn_z(-arm.aside) @ turn_x(-arm.forward) @ turn_y(arm.twist)
    fore = upper @ turn_x(-arm.elbow)
    hand = fore @ turn_y(arm.palm) @ turn_z(arm.wrist)
    elbow = upper[:, 1] * (0.165 * build.arm)
    wrist = elbow + fore[:, 1] * (0.142 * build.arm)
    points = hand_points(arm.curl, arm.spread, build.hand) @ hand.T + wrist
    return np.concatenate([elbow[None], wrist[None], points])


def _leg(leg: Leg, build: Build) -> np.ndarray:
    """Knee, ankle, big toe, small toe and heel of a left leg, (5, 3), from the hip in the axes of the pelvis."""
    thigh = turn_z(-leg.aside) @ turn_x(-leg.forward) @ turn_y(leg.twist)
    shin = thigh @ turn_x(leg.knee)
    # The ankle brings the sole back to the ground as far as an ankle can.
    foot = shin @ turn_x(-min(max(leg.knee - leg.forward, -40.0), 25.0)) @ turn_y(-leg.toes_out)
    knee = thigh[:, 1] * (0.242 * build.leg)
    ankle = knee + shin[:, 1] * (0.232 * build.leg)
    sole = np.array([[-0.012, 0.04, -0.112], [0.034, 0.04, -0.09], [0.0, 0.038, 0.034]])
    return np.concatenate([knee[None], ankle[None], sole @ foot.T + ankle])


def pose_figure(build: Build, pose: Pose) -> Figure:
    """Put a figure of the given proportions into a pose, before a camera `pose.camera` degrees above level."""
    camera = turn_x(pose.camera) @ turn_z(pose.tilt)
    pelvis = camera @ turn_y(pose.yaw) @ turn_x(pose.lean)
    chest = pelvis @ turn_y(pose.spine[0]) @ turn_x(pose.spine[1]) @ turn_z(pose.spine[2])
    head = chest @ turn_y(pose.head[0]) @ turn_x(pose.head[1]) @ turn_z(pose.head[2])
    mirror = np.array([-1.0, 1.0, 1.0])

    points = np.zeros((POINTS, 3))
    low, top = pelvis[:, 1] * -0.1, chest[:, 1] * -(build.torso - 0.1)
    points[WAIST] = low
    points[NECK] = neck = low + top
    unit = build.head / 2
    points[HEAD] = centre = neck - chest[:, 1] * 0.035 - head[:, 1] * (0.92 * unit) - head[:, 2] * (0.12 * unit)

    for side, index, hand in ((0, 5, LEFT_HAND), (1, 6, RIGHT_HAND)):
        sign = mirror if side else 1.0
        shoulder = neck + chest @ (np.array([build.shoulder, 0.03 - 0.03 * pose.arms[side].shrug, 0.0]) * sign)
        arm = (_arm(pose.arms[side], build) * sign) @ chest.T + shoulder
        hip = pelvis @ (np.array([build.hip, 0.01, 0.0]) * sign)
        leg = (_leg(pose.legs[side], build) * sign) @ pelvis.T + hip
        points[index], points[index + 2], points[index + 4], points[hand] = shoulder, arm[0], arm[1], arm[2:]
        points[index + 6], points[index + 8], points[index + 10] = hip, leg[0], leg[1]
        points[17 + 3 * side:20 + 3 * side] = leg[2:]

    half = build.shoulder * 0.92
    front = -0.05 * build.girth
    outline = np.array([
        [half, 0.1, 0.0], [-half, 0.1, 0.0],
        [half * 0.5, 0.06, front], [-half * 0.5, 0.06, front], [half * 0.45, 0.14, front], [-half * 0.45, 0.14, front],
    ]) @ chest.T + neck
    points[SIDES.start:SIDES.start + 2] = outline[:2]
    points[PRINT] = outline[2:]
    wide = half * build.waist * 0.9
    points[SIDES.start + 2:SIDES.start + 4] = np.array([[wide, 0, 0], [-wide, 0, 0]]) @ pelvis.T + low
    seat = build.hip * 1.25
    points[SIDES.start + 4:SIDES.stop] = np.array([[seat, 0, 0], [-seat, 0, 0]]) @ pelvis.T

    face = face_points(pose.mouth_open, pose.smile, pose.brow, pose.eyes_open)
    local = np.concatenate([face, EARS, head_extra(pose.hairline, pose.hair_volume)]) * unit
    local = local @ head.T + centre
    points[FACE] = local[:FACE_POINTS]
    points[0] = points[23 + 30]
    points[1] = points[23 + 42:23 + 48].mean(0)
    points[2] = points[23 + 36:23 + 42].mean(0)
    points[3:5] = local[FACE_POINTS:FACE_POINTS + 2]
    points[HEAD_MESH] = local[FACE_POINTS + 2:]
    return Figure(build, pose, points, head, float(chest[2, 2]))
