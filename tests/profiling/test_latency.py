"""Runners on the smallest networks. Nothing here depends on how long anything takes."""

import contextlib
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import tcformer
from harness.data.targets import normalise
from harness.errors import UserError
from harness.profiling import forms, latency, pictures, steps
from harness.profiling.forms import Captured, Cast, fast
from harness.profiling.latency import Runner
from harness.profiling.layers import Layers
from harness.profiling.rounds import OutOfMemory
from harness.profiling.subjects import Subject
from tcformer.clustering import dpc_knn

SMALL = Subject("tcformer_small", (64, 64), batch=2)
DEVICES = ["cpu", pytest.param("cuda", marks=[
    pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")])]


@pytest.fixture(scope="module")
def crops():
    return pictures.crops(None, 2, 64, 64)


@pytest.fixture
def compiled(monkeypatch):
    """`tcformer.compile` replaced by one that remembers what it was asked for."""
    asked = []

    def compile(model, dtype=None, backend="auto"):
        asked.append((type(model).__name__, dtype))
        twin = Cast(model, dtype or torch.float32).to(dtype or torch.float32)
        twin.path = "packed"
        return twin

    monkeypatch.setattr(tcformer, "compile", compile, raising=False)
    return asked


def test_pictures_are_real_and_repeat_where_there_are_few(tmp_path):
    drawn = pictures.crops(None, 3, 64, 48)
    assert drawn.shape == (3, 64, 48, 3)
    assert all(crop.std() > 5 for crop in drawn)
    assert (drawn[0] != drawn[1]).any()
    import cv2

    for i in range(2):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((50, 40, 3), 40 + 100 * i, np.uint8))
    own = pictures.crops(tmp_path, 3, 64, 48)
    assert own[:, 32, 24, 0].tolist() == [40, 140, 40]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no image"):
        pictures.crops(tmp_path / "empty", 1, 64, 48)


@pytest.mark.parametrize("device", DEVICES)
def test_a_block_has_a_sample_for_each_call(crops, device):
    runner = Runner(SMALL, crops, device)
    samples = runner.block(3)
    assert len(samples) == 3
    assert min(samples) > 0
    assert runner.output().shape == (2, 133, 16, 16)


def test_half_precision_as_built_is_autocast_and_tf32_is_switched_back(crops):
    runner = Runner(replace(SMALL, model="sbl_small", precision="bf16"), crops, "cpu")
    assert runner.output().dtype == torch.bfloat16
    assert next(runner.model.parameters()).dtype == torch.float32
    before = torch.backends.cuda.matmul.allow_tf32
    with steps.precision("tf32", "cpu", autocast=False):
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32 == before


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", None), ("bf16", torch.bfloat16)])
def test_tcformer_is_made_fast_by_its_own_compile(crops, compiled, precision, dtype):
    runner = Runner(replace(SMALL, mode="fast", precision=precision), crops, "cpu")
    assert compiled == [("PoseModel", dtype)]
    assert runner.path == "packed"
    assert runner.output().dtype == (dtype or torch.float32)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 0.05)])
def test_other_networks_are_made_fast_without_changing_the_function(crops, device, precision, tolerance):
    subject = replace(SMALL, model="hrnet_small", precision=precision)
    plain = Runner(replace(subject, precision="fp32"), crops, device).output()
    quick = Runner(replace(subject, mode="fast"), crops, device)
    assert quick.path == {"cpu": Cast.path, "cuda": Captured.path}[device]
    for _ in range(2):
        found = quick.output().float()
        assert (found - plain).abs().max() <= tolerance * plain.abs().max()


def test_the_path_is_the_one_that_was_taken(crops):
    runner = Runner(replace(SMALL, mode="fast"), crops, "cpu")
    assert runner.path == "prepared"
    assert runner.notes == []
    rounded = Runner(replace(SMALL, mode="fast", precision="bf16"), crops, "cpu")
    assert rounded.path == "plain"
    assert "no quick form" in rounded.notes[0]


def test_fast_leaves_the_model_as_it_was():
    model = latency.initial_model("hrnet_small")
    twin = fast(model, torch.float16)
    assert {p.dtype for p in twin.parameters()} == {torch.float16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_a_warning_of_the_fast_path_is_kept_as_a_note(crops, monkeypatch):
    def compile(model, dtype=None, backend="auto"):
        import warnings

        warnings.warn("nothing faster here", stacklevel=2)
        model.path = "plain"
        return model

    monkeypatch.setattr(tcformer, "compile", compile, raising=False)
    runner = Runner(replace(SMALL, mode="fast"), crops, "cpu")
    assert runner.path == "plain"
    assert "nothing faster here" in runner.notes


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_training_step_trains(crops, precision):
    runner = Runner(replace(SMALL, what="training", precision=precision), crops, "cpu")
    before = [p.detach().clone() for p in runner.model.parameters()]
    losses = [float(runner.output()) for _ in range(4)]
    assert losses[-1] < losses[0]
    moved = [bool((a != b).any()) for a, b in zip(before, runner.model.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)
    assert runner.model.training


def test_a_fast_training_step_is_compiled(crops, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda model, **how: asked.append((type(model).__name__, how)) or model)
    runner = Runner(replace(SMALL, what="training", mode="fast"), crops, "cpu")
    assert asked == [("PoseModel", {"fullgraph": True, "dynamic": False})]
    assert runner.path == "compiled"
    assert runner.output() > 0


class Branching(nn.Module):
    """A network that torch.compile cannot make one graph of: what it does turns on a value."""

    def forward(self, images):
        return images + 1 if float(images.sum()) > 0 else images - 1


def test_compiling_takes_one_graph_where_there_is_one_and_pieces_where_not(monkeypatch):
    images = torch.ones(1, 3, 4, 4)
    whole, pieces = forms.Compiled(nn.Conv2d(3, 2, 1)), forms.Compiled(Branching())
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    for form, path in ((whole, "compile"), (pieces, "in pieces")):
        expected = form.model(images)
        for _ in range(2):
            assert torch.equal(form(images), expected)
        assert form.path == path
    assert whole.why == ""
    assert pieces.why


class Graph:
    """A CUDA graph for a machine without CUDA: replays what was called while it was recorded."""

    recording = None

    def replay(self):
        self.again()


def test_a_graph_is_captured_once_without_autocast_keeping_copies_of_weights(crops, monkeypatch):
    """What a graph reads must outlive the call that captured it: autocast's copies of weights do not."""
    cached = []

    class Network(nn.Module):
        def forward(self, images):
            cached.append(torch.is_autocast_cache_enabled())
            return images * 2

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda given: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: contextlib.nullcontext())
    form = Captured(Network(), None)
    monkeypatch.setattr(Graph, "again", lambda self: form.maps.copy_(form.images * 2), raising=False)
    for value in (1.0, 3.0):
        assert torch.equal(form(torch.full((1, 3, 2, 2), value)), torch.full((1, 3, 2, 2), 2 * value))
    assert cached == [False] * (forms.CAPTURE_WARM_UP + 1)
    assert torch.is_autocast_cache_enabled()


def test_clustering_is_of_the_features_that_the_first_merge_sees(crops):
    seen = []
    model = latency.initial_model("tcformer_small").eval()
    model.backbone.ctm1.cluster = lambda x, score: seen.append(x) or dpc_knn(x, 64)
    with torch.inference_mode():
        model(normalise(torch.as_tensor(crops)))
    runner = Runner(replace(SMALL, what="clustering"), crops, "cpu")
    assert torch.equal(runner.output(), dpc_knn(seen[0], 64).label)
    assert not hasattr(runner, "model")


def test_an_output_that_is_not_finite_is_noted(crops):
    runner = Runner(SMALL, crops, "cpu")
    runner.check_finite()
    assert runner.notes == []
    nn.init.constant_(runner.model.keypoint_head.final_layer.bias, torch.inf)
    runner.check_finite()
    assert "not finite" in runner.notes[0]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory. Tried"), MemoryError(),
                                   RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you")])
def test_exhausted_memory_is_told_from_other_errors(crops, error):
    runner = Runner(SMALL, crops, "cpu")

    def fail():
        raise error

    runner.call = fail
    with pytest.raises(OutOfMemory):
        runner.block(1)
    error = RuntimeError("something else")
    with pytest.raises(RuntimeError, match="something else"):
        runner.block(1)


@pytest.mark.parametrize("name", ["hrnet_small", "sbl_small"])
def test_layers_are_all_convolutions_and_linear_layers(crops, name):
    runner = Runner(replace(SMALL, model=name), crops, "cpu")
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    assert len(Layers(runner).calls) == sum(isinstance(m, kinds) for m in runner.model.modules())


def test_layers_of_a_tcformer_that_are_no_modules_are_found(crops):
    """Token convolutions, the neck's laterals and the head hold weights that a function takes."""
    runner = Runner(SMALL, crops, "cpu")
    model = runner.model
    used = len(Layers(runner).calls)
    modules = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Conv1d | nn.Linear)]
    token_convs = [m for m in model.modules() if type(m).__name__ == "TokenConv"]
    # A token convolution is a module less its skip path (a Conv1d), which on the grid is part of the kernel.
    assert len(modules) <= used <= len(modules) + len(token_convs)


def test_layers_are_timed_on_what_they_saw(crops):
    runner = Runner(replace(SMALL, model="sbl_small"), crops, "cpu")
    layers = Layers(runner)
    with torch.inference_mode():
        first = layers.calls[0]()
        assert torch.equal(first, runner.model.get_submodule(
            next(n for n, m in runner.model.named_modules() if isinstance(m, nn.Conv2d)))(runner.images))
    assert len(layers.block(2)) == 2
