"""The stages from files to people: how their times are shared out, and that timing them changes no prediction."""

import itertools
import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import app
from harness.errors import UserError
from harness.predicting import find, predict_folder, prepare
from harness.profiling.end_to_end import measure
from harness.profiling.end_to_end_figure import STYLES, end_to_end_figure
from harness.profiling.end_to_end_request import make
from harness.profiling.end_to_end_words import lines, stage_name, table
from harness.profiling.stage_clock import COLUMNS, Batch, Pass, StageClock, by_image
from harness.registry import build_model, model_spec
from harness.scoring import Scored, write_results
from harness.stages import STAGES
from tests.helpers import ROOT

THREADS = torch.get_num_threads()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three pictures of smooth noise."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(4)
    for i in range(3):
        picture = cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{i}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Detections: three on picture 0, two of them nearly the same, one on picture 2."""
    entries = [{"image_id": i, "category_id": 1, "bbox": box, "score": score}
               for i, box, score in [(0, [10, 10, 60, 80], 0.9), (0, [10.001, 10, 60, 80], 0.8),
                                     (0, [70, 20, 80, 90], 0.7), (2, [20, 20, 100, 80], 0.6)]]
    path = tmp_path_factory.mktemp("boxes") / "boxes.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(build_model(model_spec("hrnet_small"), 133).state_dict(), path)
    return path


def ask(folder, model="hrnet_small", **options):
    return make(model, str(folder), **{"device": "cpu", "threads": THREADS, "inputs": "64x64", "passes": 2, **options})


@pytest.fixture(scope="module")
def record(folder, boxes):
    return measure(ask(folder, boxes=str(boxes), batch="2"))


class Ticks:
    """A clock that goes on by one second whenever it is read."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        self.time += 1
        return self.time


def test_the_clock_counts_what_lies_between_the_ends_of_a_stage():
    waited = []
    clock = StageClock(lambda: waited.append(None), Ticks())  # 1: begin
    for stage in ("load", "crop", "crop", "network"):  # 2-3, 4-5, 6-7, 8-9
        with clock(stage):
            pass
    clock.batch_done(2, 3)  # 10
    with clock("network"):  # 11-12
        pass
    clock.batch_done(3, 3)  # 13
    with clock("nms"):  # 14-15
        pass
    one = clock.finish()  # 16
    assert one == Pass((Batch(2, {"load": 1, "crop": 2, "network": 1}, 8), Batch(1, {"network": 1}, 3)), {"nms": 1}, 15)
    assert len(waited) == 12
    seconds = by_image(one, [0, 1, 1])
    left = 15 - 8 - 3 - 1  # before the first stage and after the last batch
    np.testing.assert_allclose(seconds[0], [0.5, 1, 0, 0.5, 0, 1 / 3, 2 + left / 3])
    np.testing.assert_allclose(seconds[1], [0.5, 1, 0, 1.5, 0, 2 / 3, 4 + 2 * left / 3])


@given(st.data())
def test_the_images_shares_are_the_wall_clock(data):
    """Whatever the batches, images and times: nothing is lost and nothing counted twice."""
    seconds = st.dictionaries(st.sampled_from(STAGES), st.floats(0, 10))
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    rest = {"nms": data.draw(st.floats(0, 3))}
    batches = []
    for people in sizes:
        stages = data.draw(seconds)
        batches.append(Batch(people, stages, sum(stages.values()) + data.draw(st.floats(0, 2))))
    one = Pass(tuple(batches), rest, sum(b.wall for b in batches) + rest["nms"] + data.draw(st.floats(0, 2)))
    image = data.draw(st.lists(st.integers(0, 4), min_size=sum(sizes), max_size=sum(sizes)))
    found = by_image(one, np.unique(image, return_inverse=True)[1])
    assert found.min() > -1e-9
    assert found.sum() == pytest.approx(one.wall)
    for i, stage in enumerate(STAGES):
        assert found[:, i].sum() == pytest.approx(
            sum(b.seconds.get(stage, 0) for b in batches) + rest.get(stage, 0), abs=1e-9)


def test_people_that_went_through_no_batch_are_a_mistake():
    with pytest.raises(ValueError, match="1 people in batches, 2 images"):
        by_image(Pass((Batch(1, {}, 1.0),), {}, 1.0), [0, 1])


def test_the_stages_are_the_whole(record):
    whole = record["end_to_end"]
    assert [stage["stage"] for stage in whole["stages"]] == list(COLUMNS)
    assert sum(stage["share"] for stage in whole["stages"]) == pytest.approx(1)
    for unit in ("ms_per_image", "ms_per_person"):
        assert sum(stage[unit]["mean"] for stage in whole["stages"]) == pytest.approx(whole["whole"][unit]["mean"])
    clocked = whole["whole"]["clocked_ms"]
    assert len(clocked) == len(whole["whole"]["plain_ms"]) == whole["passes"] == 2
    assert whole["whole"]["ms_per_image"]["mean"] * whole["images"] == pytest.approx(sum(clocked) / 2)
    assert all(stage["ms_per_image"]["low"] > 0 for stage in whole["stages"])
    assert whole["whole"]["people_per_second"] == pytest.approx(2 * whole["whole"]["images_per_second"])


def test_a_record_says_what_was_run(record):
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    whole = record["end_to_end"]
    counts = {name: whole[name] for name in ("images", "images_without_boxes", "people", "people_kept")}
    assert counts == {"images": 2, "images_without_boxes": 1, "people": 4, "people_kept": 3}
    assert (whole["input"], whole["batch"], whole["network_passes"], whole["synchronised"]) == ([64, 64], 2, 2, False)
    assert record["kind"] == "profile"
    assert record["machine"]["threads"] == THREADS
    text = "\n".join(lines(record))
    for words in ("1 image(s) have no box", "boxes: 4 of", "page cache", "initial ones", f"{THREADS} thread"):
        assert words in text
    assert table(whole)[3][0] == "network (2 passes: flip test)"
    assert table(whole)[-1][-1] == "100.0 %"


def test_timing_changes_no_prediction(folder, boxes, weights, tmp_path):
    """The road under the clock gives the very file that `harness predict` writes."""
    done = predict_folder(weights, folder, tmp_path / "ordinary", str(boxes), "hrnet_small", "64x64", None, "cpu", 0.2)
    task = prepare(folder, weights, str(boxes), "hrnet_small", "64x64", None, "cpu", skip_broken=True)
    clock = StageClock()
    found = find(task, clock, clock.batch_done)
    kept = found.kept
    write_results(tmp_path / "clocked.json", Scored(image_id=found.predictions.image_id[kept], score=found.scores,
                                                    keypoints=found.predictions.keypoints[kept]), task.split.layout)
    assert (tmp_path / "clocked.json").read_bytes() == done.results.read_bytes()
    assert done.people == 3
    assert set(clock.finish().batches[0].seconds) == set(STAGES) - {"nms"}


def test_every_stage_is_met_in_its_turn(folder, boxes):
    from contextlib import nullcontext

    met = []
    task = prepare(folder, None, str(boxes), "hrnet_small", "64x64", None, "cpu", {"test": {"batch_size": 2}})
    find(task, lambda stage: met.append(stage) or nullcontext())
    batch = ["load", "crop"] * 2 + ["transfer", "network", "decode"]
    assert met == [*batch, *batch, "nms"]


def test_settings_reach_the_road(folder):
    record = measure(ask(folder, "tcformer_small", precision="bf16", passes=1,
                         settings=["test.decode=dark", "test.flip=false"]))
    whole = record["end_to_end"]
    assert (whole["precision"], whole["decode"], whole["network_passes"]) == ("bf16", "dark", 1)
    assert whole["images"] == whole["people"] == 3
    assert stage_name("network", whole) == "network (1 pass)"


def test_a_broken_image_is_left_out_and_counted(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    whole_jpeg = cv2.imencode(".jpg", np.zeros((80, 90, 3), np.uint8))[1].tobytes()
    (tmp_path / "3.jpg").write_bytes(whole_jpeg[:-20])
    record = measure(ask(tmp_path, passes=1))
    assert (record["end_to_end"]["images"], record["end_to_end"]["broken_images"]) == (3, 1)
    (note,) = [note for note in record["end_to_end"]["notes"] if "cannot be read" in note]
    assert re.match(r"1 of 4 image\(s\) cannot be read and are left out: .*3\.jpg \(the file is cut off\)$", note)


def test_the_figure_shows_all_stages_side_by_side(record):
    figure = end_to_end_figure(record)
    axes = figure.axes[0]
    *stages, plain = [bar for bars in axes.containers for bar in bars]
    assert set(STYLES) == set(COLUMNS)
    assert len(stages) == len(COLUMNS)
    for before, after in itertools.pairwise(stages):
        assert after.get_x() == pytest.approx(before.get_x() + before.get_width())
    mean = record["end_to_end"]["whole"]["ms_per_image"]["mean"]
    assert stages[-1].get_x() + stages[-1].get_width() == pytest.approx(mean)
    assert plain.get_width() == pytest.approx(np.median(record["end_to_end"]["whole"]["plain_ms"]) / 2)
    assert any(text.get_text().startswith("network") for text in figure.legends[0].get_texts())


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_command_writes_record_and_figure(folder, tmp_path, capsys, suffix, record, monkeypatch):
    monkeypatch.setattr("harness.profiling.end_to_end.measure", lambda asked, tell: record)
    figure, out = tmp_path / f"shares.{suffix}", tmp_path / "record.json"
    app(["profile", "hrnet_small", "--end-to-end", str(folder), "--device", "cpu", "--figure", str(figure), "--out",
         str(out), "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == json.loads(out.read_text()) == record
    assert figure.stat().st_size > 5000


@pytest.mark.parametrize(("arguments", "words"), [
    (["--end-to-end", "{empty}", "hrnet_small"], ["no image in", ".jpg"]),
    (["--end-to-end", "{empty}/none", "hrnet_small"], ["no such folder"]),
    (["--end-to-end", "{broken}", "hrnet_small"], ["1 image(s)", "0.jpg", "not an image"]),
    (["--end-to-end", "{folder}", "hrnet_smal"], ["unknown model 'hrnet_smal'", "hrnet_small"]),
    (["--end-to-end", "{folder}"], ["name a network"]),
    (["--end-to-end", "{folder}", "hrnet_small,sbl_small"], ["takes one"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--batch", "1,2"], ["--batch 1,2", "takes one"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--precision", "fp8"], ["unknown --precision 'fp8'", "bf16"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--precision", "tf32"], ["tf32", "CUDA"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--mode", "fast"], ["--mode", "does not take it"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--weights", "none.pth"], ["none.pth"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--boxes", "1,2,3"], ["four numbers"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--set", "test.decode=best"], ["test.decode", "dark"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--set", "test.boxes=gt"], ["--boxes"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--boxes", "{boxes}", "--set", "test.min_box_score=1"],
     ["no box has"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--boxes", "{flat}"], ["flat.json", "no box has a width"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--figure", "shares.gif"], ["shares.gif", ".svg"]),
    (["--end-to-end", "{folder}", "hrnet_small", "--input", "36x36"], ["hrnet_small 36x36, batch 1"]),
    (["hrnet_small", "--boxes", "1,2,3,4"], ["--end-to-end"]),
])
def test_what_the_command_refuses(folder, boxes, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.jpg").write_bytes(b"nothing")
    detection = {"image_id": 0, "category_id": 1, "bbox": [5, 5, 0, 9], "score": 1}
    (tmp_path / "flat.json").write_text(json.dumps([detection]))
    places = {"flat": tmp_path / "flat.json", "folder": folder, "boxes": boxes, "empty": tmp_path / "empty",
              "broken": tmp_path / "broken"}
    device = ["--device", "cpu"]
    with pytest.raises(UserError) as error:
        app(["profile", *[argument.format(**places) for argument in arguments], *device], standalone_mode=False)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_request_is_checked_before_anything_heavy_is_imported(folder):
    code = ("import sys\nfrom harness.profiling import end_to_end_figure, end_to_end_request, end_to_end_words\n"
            f"end_to_end_request.make('tcformer', {str(folder)!r}, device='cpu', settings=['test.decode=dark'])\n"
            "bad = {'torch', 'cv2', 'numpy', 'matplotlib'} & set(sys.modules)\n"
            "sys.exit(f'imported {bad}' if bad else 0)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
