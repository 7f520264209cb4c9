"""The training data's way beside mmpose's own, on the same files in one run: `python -m pytest
tests/benchmarks/bench_pipeline.py -s`.

Not collected by the ordinary suite. One process, one thread; the two take turns, batch by batch, in the same shuffled
order, and what counts is the median of the batches' ratios of processor time. HARNESS_BENCHMARK=report prints the
ratios and holds nothing to them. No image is kept from one epoch to the next by either.

sample: what a loader process does for a crop, of which mmpose's makes the target as well. all: to what network and loss
get, on the same core: with the batch collated and normalised, and our targets made. decoding: reading and decoding the
file, which is the same work on both sides; without it is what comes after.
"""

import os
import time

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from harness.data.coco import trainable
from harness.data.crops import TrainCrops
from harness.data.images import decode_image
from harness.data.sets import DataRef
from harness.data.targets import msra_targets, network_input
from harness.protocol import make_protocol
from tests.benchmarks.inputs import HEIGHT, WIDTH, drawn_split
from tests.benchmarks.mmpose_pipeline import SIGMA, mmpose_batch, mmpose_preprocessor, mmpose_samples

PICTURES, PEOPLE, BATCH, EPOCHS = 40, 64, 16, 5
END_TO_END, AFTER_DECODING = 2.0, 4.0
"""What is asked of a loader process's share, on whole bodies."""
pytestmark = [pytest.mark.slow, pytest.mark.parity, pytest.mark.usefixtures("one_thread")]
QUIET = os.environ.get("HARNESS_BENCHMARK") != "report"


@pytest.fixture(scope="module", autouse=True)
def _mmpose():
    pytest.importorskip("mmpose", reason="mmpose is not installed (tests/install_oracles.py)")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Drawn people in pictures of COCO's size, with 133 points."""
    return drawn_split(tmp_path_factory.mktemp("drawn"), PICTURES)


@pytest.fixture(scope="module")
def photographs(shared):
    """Photographs of single people, smaller, with 14 joints."""
    return DataRef("lsp", str(shared / "data" / "lspet-mini"), "train").open()


@pytest.mark.parametrize("version", ["0.x", "1.x"])
def test_whole_bodies(drawn, version, tmp_path):
    times = measured(drawn, version, tmp_path)
    print(f"\n133 points, {describe(drawn)}, augmentation {version}\n{table(times)}")
    if QUIET:
        sample, decoding = times["sample"], times["decoding"]
        assert np.median(sample[:, 0] / sample[:, 1]) >= END_TO_END
        assert np.median((sample[:, 0] - decoding) / (sample[:, 1] - decoding)) >= AFTER_DECODING


def test_photographs(photographs, tmp_path):
    times = measured(photographs, "1.x", tmp_path)
    print(f"\n14 points, {describe(photographs)}, augmentation 1.x\n{table(times)}")
    if QUIET:
        assert np.median(times["sample"][:, 0] / times["sample"][:, 1]) >= END_TO_END


def measured(split, version, folder):
    """Milliseconds of processor time a crop, one row a batch: `sample` and `all` of (mmpose, ours), and `decoding`."""
    rng = np.random.default_rng(0)
    people = rng.permutation(np.flatnonzero(trainable(split.people, split.images)))[:PEOPLE]
    protocol = make_protocol({"augment": {"version": version}}, "benchmark")
    ours, theirs = TrainCrops(split, people, protocol), mmpose_samples(split, people, folder)
    preprocessor, device = mmpose_preprocessor(), torch.device("cpu")

    def targets(batch):
        return msra_targets(batch["points"], batch["visible"], WIDTH // 4, HEIGHT // 4, sigma=SIGMA)

    times = {"sample": [], "all": [], "decoding": []}
    for epoch in range(EPOCHS + 1):
        ours.set_epoch(epoch)
        for indices in np.array_split(rng.permutation(len(people)), len(people) // BATCH):
            clock = Clock(len(indices))
            samples = [theirs[int(i)] for i in indices]
            their_sample = clock()
            images, maps, weight = mmpose_batch(samples, preprocessor)
            their_batch = clock()
            samples = [ours[int(i)] for i in indices]
            our_sample = clock()
            batch = default_collate(samples)
            found = network_input(batch, device), *targets(batch)
            our_batch = clock()
            for i in indices:
                decode_image(split.images.path[ours.image_row[i]])
            decoding = clock()
            assert (images.shape, maps.shape, weight.shape) == tuple(one.shape for one in found)
            if epoch:  # the first fills caches and imports what is imported late
                times["sample"].append((their_sample, our_sample))
                times["all"].append((their_sample + their_batch, our_sample + our_batch))
                times["decoding"].append(decoding)
    return {name: np.array(rows) for name, rows in times.items()}


class Clock:
    """Milliseconds of processor time since the last call, for each of so many crops."""

    def __init__(self, crops):
        self.crops, self.last = crops, time.process_time()

    def __call__(self):
        before, self.last = self.last, time.process_time()
        return 1000 * (self.last - before) / self.crops


def describe(split):
    width, height = split.images.size.mean(axis=0)
    return f"pictures of {width:.0f} x {height:.0f} pixels, one core, OpenCV {cv2.__version__}"


def table(times):
    """Medians over the batches."""
    lines = [f"{'ms a crop':24} {'mmpose':>8} {'ours':>8} {'ratio':>8}",
             f"{'decoding':24} {np.median(times['decoding']):8.2f} {np.median(times['decoding']):8.2f}"]
    for name in ("sample", "all"):
        for label, less in ((name, 0), (f"{name}, without decoding", times["decoding"])):
            theirs, ours = (times[name][:, side] - less for side in (0, 1))
            lines.append(f"{label:24} {np.median(theirs):8.2f} {np.median(ours):8.2f} {np.median(theirs / ours):8.2f}")
    theirs, ours = 1000 / np.median(times["sample"], axis=0)
    return "\n".join([*lines, f"crops a second and core: mmpose {theirs:.0f}, ours {ours:.0f}"])
