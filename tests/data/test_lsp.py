"""Reading the layout of the Leeds Sports Pose sets."""

import cv2
import numpy as np
import pytest
import scipy.io

from harness.data.lsp import read_lsp_split
from harness.errors import UserError


@pytest.fixture
def joints() -> np.ndarray:
    """(14, 3, 4); invisible joints carry meaningless coordinates, the last person has no visible one."""
    rng = np.random.default_rng(0)
    data = np.concatenate([rng.uniform(10, 90, (14, 2, 4)), np.ones((14, 1, 4))], axis=1)
    data[3, :, 1] = [-144, 1000, 0]
    data[:, 2, 3] = 0
    return data


def write(root, joints, variable="joints"):
    """The data set, four images of 120 x 80."""
    scipy.io.savemat(root / "joints.mat", {variable: joints})
    (root / "images").mkdir(exist_ok=True)
    for number in range(1, 5):
        cv2.imwrite(str(root / "images" / f"im{number:05d}.jpg"), np.zeros((80, 120, 3), np.uint8))
    return root


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2)])
def test_people_boxes_and_images(joints, tmp_path, axes):
    split = read_lsp_split(write(tmp_path, joints.transpose(axes)), 1, 4, "test")
    assert (split.dataset, split.name, split.layout.name, split.detections) == ("lsp", "test", "lsp", None)
    assert split.images.id.tolist() == [2, 3, 4] == split.people.image_id.tolist()
    assert split.images.path[0] == tmp_path / "images" / "im00002.jpg"
    assert split.images.size.tolist() == [[120, 80]] * 3
    people = split.people
    assert people.keypoints.shape == (3, 14, 3)
    assert people.keypoints[0, 3].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(people.keypoints[1, :, :2], joints[:, :2, 2])
    assert people.body_labelled.tolist() == [13, 14, 0]
    assert not people.crowd.any()
    x, y, w, h = people.box[0]
    seen = joints[np.arange(14) != 3, :2, 1]
    assert [w, h] == pytest.approx(np.ptp(seen, axis=0) * 1.1 + 10)
    assert [x + w / 2, y + h / 2] == pytest.approx((seen.min(axis=0) + seen.max(axis=0)) / 2)
    assert people.area == pytest.approx(0.53 * people.box[:, 2] * people.box[:, 3])


def test_a_person_without_visible_joints_gets_the_image(joints, tmp_path):
    people = read_lsp_split(write(tmp_path, joints), 3, 4, "test").people
    assert people.box.tolist() == [[0, 0, 120, 80]]
    assert not people.keypoints.any()


@pytest.mark.parametrize(("start", "stop"), [(0, 5), (4, 4), (-1, 2), (3, 2)])
def test_a_range_beyond_the_people_is_refused(joints, tmp_path, start, stop):
    write(tmp_path, joints)
    with pytest.raises(UserError, match=rf"joints\.mat holds 4 people: images {start}:{stop} of split test"):
        read_lsp_split(tmp_path, start, stop, "test")


def test_a_missing_image_is_named(joints, tmp_path):
    write(tmp_path, joints)
    (tmp_path / "images" / "im00003.jpg").unlink()
    with pytest.raises(UserError, match=r"im00003\.jpg"):
        read_lsp_split(tmp_path, 0, 4, "test")
    assert len(read_lsp_split(tmp_path, 0, 2, "test").people) == 2


def test_missing_joints_are_named(tmp_path):
    with pytest.raises(UserError, match=r"joints\.mat not found"):
        read_lsp_split(tmp_path, 0, 1, "test")


@pytest.mark.parametrize("data", [b"", b"no MATLAB file at all" * 20, b"MATLAB 7.3" + bytes(114) + b"\x00\x02IM"])
def test_broken_joints_are_named(tmp_path, data):
    (tmp_path / "joints.mat").write_bytes(data)
    with pytest.raises(UserError, match=r"joints\.mat is not a MATLAB file"):
        read_lsp_split(tmp_path, 0, 1, "test")


@pytest.mark.parametrize("share", [0.09, 0.1, 0.5, 0.99])
def test_cut_joints_are_named(joints, tmp_path, share):
    write(tmp_path, joints)
    data = (tmp_path / "joints.mat").read_bytes()
    (tmp_path / "joints.mat").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=r"joints\.mat is not a MATLAB file"):
        read_lsp_split(tmp_path, 0, 1, "test")


@pytest.mark.parametrize("other", [np.zeros((14, 2, 4)), np.zeros((14, 3)), np.zeros((16, 3, 4)), "joints"])
def test_joints_of_another_shape_are_refused(tmp_path, other):
    with pytest.raises(UserError, match=r"joints has shape .* expected numbers of shape \(14, 3, N\)"):
        read_lsp_split(write(tmp_path, other), 0, 1, "test")


def test_joints_under_another_name_are_refused(joints, tmp_path):
    with pytest.raises(UserError, match="has no variable 'joints'"):
        read_lsp_split(write(tmp_path, joints, "points"), 0, 1, "test")


def test_coordinates_that_are_not_numbers_matter_only_where_visible(joints, tmp_path):
    joints[3, 0, 1] = np.nan  # invisible
    assert np.isfinite(read_lsp_split(write(tmp_path, joints), 0, 4, "test").people.keypoints).all()
    joints[4, 0, 1] = np.nan
    with pytest.raises(UserError, match="person 2 has a visible joint that is not a finite number"):
        read_lsp_split(write(tmp_path, joints), 0, 4, "test")


@pytest.mark.shared
def test_the_real_photographs(shared):
    root = shared / "data" / "lspet-mini"
    split = read_lsp_split(root, 1600, 2000, "test")
    people = split.people
    assert len(people) == 400
    torso = people.keypoints[:, [9, 2], 2] > 0  # left shoulder, right hip
    assert (~torso.all(axis=1)).sum() == 46
    inside = ((people.keypoints[:, :, :2] >= people.box[:, None, :2])
              & (people.keypoints[:, :, :2] <= people.box[:, None, :2] + people.box[:, None, 2:])).all(axis=2)
    assert inside[people.keypoints[:, :, 2] > 0].all()
    assert (people.body_labelled >= 12).all()
