from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from harness.data.coco import clip_boxes
from harness.data.crops import TestCrops as PlainCrops
from harness.data.targets import msra_targets, normalise
from harness.data.types import Boxes
from harness.errors import UserError
from harness.inference.boxes import test_boxes as boxes_for
from harness.inference.predict import first_batch, heatmaps, merge, predict


def assert_equal(first, second):
    for name in first.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def run(split, settings, network, **options):
    return predict(network, split, boxes_for(split, settings.test), settings, "cpu", **options)


def test_predictions_follow_the_boxes(make_split, make_settings, make_network):
    split, settings = make_split(), make_settings()
    predictions, info = run(split, settings, make_network())
    boxes = split.detections
    np.testing.assert_array_equal(predictions.image_id, boxes.image_id)
    np.testing.assert_array_equal(predictions.box, boxes.box)
    np.testing.assert_array_equal(predictions.box_score, boxes.score)
    assert predictions.keypoints.shape == (6, 14, 3)
    assert info["notes"] == []
    crops = PlainCrops(split, boxes, settings)
    inside = np.abs(predictions.keypoints[..., :2] - crops.center[:, None]) <= crops.size[:, None] / 2 + 1e-3
    found = predictions.keypoints[..., 2] > 0
    assert found.mean() > 0.9
    assert inside[found].all()


class Ideal(nn.Module):
    """Answers with the target of the people it is told of, batch after batch, as if it saw perfectly.

    Under the flip test it is asked twice about each batch; the second answer is that for the mirrored input.
    """

    def __init__(self, points, flip_index, batch_size, loss):
        super().__init__()
        self.points, self.flip, self.size, self.loss, self.calls = points, list(flip_index), batch_size, loss, 0

    def forward(self, images):
        batch, mirrored = divmod(self.calls, 2)
        points = self.points[batch * self.size:(batch + 1) * self.size].clone()
        if mirrored:
            points = points[:, self.flip]
            points[..., 0] = images.shape[-1] - 1 - points[..., 0]
        self.calls += 1
        maps = msra_targets(points, torch.ones(points.shape[:2]), images.shape[-1] // 4, images.shape[-2] // 4)[0]
        if self.loss == "cross_entropy":
            return (maps / maps.sum(dim=(2, 3), keepdim=True)).clamp_min(1e-30).log()
        return maps


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_an_ideal_network_finds_the_annotated_points(make_split, make_settings, layout, loss):
    """From the annotation through crop, target, flip test, decoding and back: within half a map pixel."""
    split = make_split()
    settings = make_settings(boxes="gt", target={"loss": loss})
    boxes = boxes_for(split, settings.test)
    crops = PlainCrops(split, boxes, settings)
    rng = np.random.default_rng(3)
    truth = boxes.box[:, None, :2] + rng.uniform(0.1, 0.9, (6, 14, 2)) * boxes.box[:, None, 2:]
    on_input = (truth - (crops.center - crops.size / 2)[:, None]) * (64 / crops.size)[:, None]
    ideal = Ideal(torch.tensor(on_input, dtype=torch.float32), layout.flip_index, 2, loss)
    predictions, _ = run(split, settings, ideal)
    pixel = (crops.size / 16)[:, None]
    error = np.abs(predictions.keypoints[..., :2] - truth) / pixel
    assert ideal.calls == 6
    assert error.max() < 1.01
    assert error.mean() < 0.35
    assert (predictions.keypoints[..., 2] > 0.8).all()
    assert (predictions.keypoints[..., 2] <= 1 + 1e-5).all()


def test_the_flip_test_is_the_mean_of_both_passes(make_split, make_settings, make_network, layout):
    split, network = make_split(), make_network().eval()
    settings = make_settings(flip_shift=False)
    images = normalise(torch.from_numpy(first_batch(split, split.detections, settings)))
    once = heatmaps(network, images, layout, make_settings(flip=False))
    assert torch.equal(once, network(images))
    mirrored = network(images.flip(-1)).flip(-1)[:, list(layout.flip_index)]
    torch.testing.assert_close(heatmaps(network, images, layout, settings), (once + mirrored) / 2)
    shifted = torch.cat([mirrored[..., :1], mirrored[..., :-1]], dim=-1)
    torch.testing.assert_close(heatmaps(network, images, layout, make_settings()), (once + shifted) / 2)


def test_decode_setting_is_obeyed(make_split, make_settings, make_network):
    split = make_split()
    quarter = run(split, make_settings(), make_network())[0].keypoints
    argmax = run(split, make_settings(decode="argmax"), make_network())[0].keypoints
    pixel = PlainCrops(split, split.detections, make_settings()).size[:, None] / 16
    moved = np.abs(quarter - argmax)[..., :2] / pixel
    assert moved.max() == pytest.approx(0.25, abs=1e-3)
    np.testing.assert_array_equal(quarter[..., 2], argmax[..., 2])


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_processes_do_not_matter_even_to_a_network_that_draws_numbers(make_split, make_settings, make_network,
                                                                      processes):
    split, settings, network = make_split(3), make_settings(), make_network(noise=0.3)
    whole, info = run(split, settings, network)
    torch.randn(5)
    parts = [run(split, settings, network, part=(rank, processes)) for rank in range(processes)]
    assert sum(len(p) for p, _ in parts) == 9
    merged, merged_info = merge(parts)
    assert_equal(merged, whole)
    np.testing.assert_array_equal(merged_info.pop("rows"), info.pop("rows"))
    assert merged_info == info


def test_repeats_draw_other_numbers_and_each_the_same_again(make_split, make_settings, make_network):
    split, settings, network = make_split(3), make_settings(), make_network(noise=0.3)
    first, second = (run(split, settings, network, repeat=repeat)[0].keypoints for repeat in (1, 2))
    plain = run(split, settings, network)[0].keypoints
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, plain)
    np.testing.assert_array_equal(run(split, settings, network, repeat=1)[0].keypoints, first)
    quiet = make_network()
    assert_equal(run(split, settings, quiet)[0], run(split, settings, quiet, repeat=1)[0])


def test_loader_processes_do_not_matter(make_split, make_settings, make_network):
    split, settings = make_split(), make_settings()
    assert_equal(run(split, settings, make_network())[0], run(split, settings, make_network(), num_workers=2)[0])


def test_nothing_outside_is_changed(make_split, make_settings, make_network):
    network = make_network(noise=0.1).train()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(make_split(), make_settings(), network)
    assert torch.equal(torch.rand(3), expected)
    assert network.training
    assert network.weight.requires_grad


def test_progress_counts_this_parts_boxes(make_split, make_settings, make_network):
    told = []
    run(make_split(), make_settings(batch_size=4), make_network(), progress=lambda *a: told.append(a))
    assert told == [(4, 6), (6, 6)]
    told.clear()
    run(make_split(), make_settings(), make_network(), progress=lambda *a: told.append(a), part=(1, 2))
    assert told == [(2, 2)]


def test_boxes_without_extent_are_skipped_and_counted(make_split, make_settings, make_network):
    split = make_split()
    whole, _ = run(split, make_settings(batch_size=8), make_network())
    split.detections.box[1] = [5, 5, 0, 20]
    split.detections.box[4] = [5, 5, 20, -3]
    predictions, info = run(split, make_settings(batch_size=8), make_network())
    np.testing.assert_array_equal(info["rows"], [0, 2, 3, 5])
    assert info["skipped_boxes"] == 2
    assert info["notes"] == ["2 of 6 boxes have no extent and were skipped"]
    np.testing.assert_allclose(predictions.keypoints, whole.keypoints[[0, 2, 3, 5]], atol=1e-4)


def test_a_tolerated_broken_image_has_no_predictions_and_changes_no_other(make_split, make_settings, make_network):
    split = make_split(3)
    settings = make_settings(train={"max_broken_images": 0.4})
    whole, _ = run(split, settings, make_network())
    split.images.path[1].write_bytes(b"")
    for options in ({}, {"num_workers": 2}):
        predictions, info = run(split, settings, make_network(), **options)
        np.testing.assert_array_equal(info["rows"], [0, 1, 2, 6, 7, 8])
        np.testing.assert_array_equal(predictions.keypoints, whole.keypoints[info["rows"]])
        assert info["broken"] == {str(split.images.path[1]): "the file is empty"}
        (note,) = info["notes"]
        assert note.startswith("1 of 3 images could not be read, 3 boxes have no prediction: ")
        assert "1.png (the file is empty)" in note


def test_too_many_broken_images_end_the_run(make_split, make_settings, make_network):
    split = make_split()
    split.images.path[1].write_bytes(b"")
    with pytest.raises(UserError, match=r"1 of 2 images of noise/val cannot be read.*1\.png"):
        run(split, make_settings(), make_network())


def test_broken_images_of_all_parts_count_together(make_split, make_settings, make_network):
    split = make_split(4)
    settings = make_settings(train={"max_broken_images": 0.3}, batch_size=3)
    for i in (0, 1):
        split.images.path[i].unlink()
    parts = [run(split, settings, make_network(), part=(rank, 2)) for rank in range(2)]
    with pytest.raises(UserError, match="2 of 4 images"):
        merge(parts)


def test_another_number_of_maps_is_an_error(make_split, make_settings, make_network):
    with pytest.raises(UserError, match="the network gives 17 heat maps; layout lsp has 14 key points"):
        run(make_split(), make_settings(), make_network(17))


def test_values_that_are_not_finite_are_an_error(make_split, make_settings, make_network):
    network = make_network()
    network.weight.data[3] = float("nan")
    with pytest.raises(UserError, match="not finite"):
        run(make_split(), make_settings(), network)


def test_bf16_is_near_to_fp32(make_split, make_settings, make_network):
    split = make_split()
    images = normalise(torch.from_numpy(first_batch(split, split.detections, make_settings())))
    full, half = (heatmaps(make_network().eval(), images, split.layout, make_settings(precision=p))
                  for p in ("fp32", "bf16"))
    assert half.dtype == torch.float32
    assert not torch.equal(full, half)
    torch.testing.assert_close(full, half, atol=0.05, rtol=0.05)


def test_the_first_batch_is_the_first_crops(make_split, make_settings):
    split, settings = make_split(), make_settings(batch_size=4)
    split.detections.box[0, 2] = 0
    batch = first_batch(split, split.detections, settings)
    assert batch.shape == (4, 64, 64, 3)
    crops = PlainCrops(split, split.detections, settings)
    np.testing.assert_array_equal(batch[0], crops[1]["image"])


def test_a_box_on_an_unknown_image_is_an_error(make_split, make_settings, make_network):
    split = make_split()
    boxes = Boxes(np.array([77]), np.array([[1.0, 2, 30, 40]]), np.ones(1))
    with pytest.raises(UserError, match="image 77"):
        predict(make_network(), split, boxes, make_settings(), "cpu")


def test_annotated_boxes_are_predicted_clipped(make_split, make_settings, make_network):
    split = make_split()
    split.people.box[2] = [-20, 90, 60, 60]
    predictions, _ = run(replace(split, detections=None), make_settings(boxes="gt"), make_network())
    np.testing.assert_array_equal(predictions.box, clip_boxes(split.people.box, np.array([[160, 120]] * 6)))
