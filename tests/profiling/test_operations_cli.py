"""`harness profile --operations`: record, screen and page of small networks."""

import json
import re
from html.parser import HTMLParser

import pytest
import torch
from torch import nn

from harness.cli import app
from harness.errors import UserError
from harness.profiling import operations_words as words
from harness.profiling.latency import Runner
from harness.profiling.module_times import Hooks, module_times
from harness.profiling.operations_page import bars, page, tree
from harness.profiling.operations_report import measure
from harness.profiling.subjects import Settings, Subject
from tests.helpers import harness


@pytest.fixture(scope="module")
def record():
    settings = Settings(threads=torch.get_num_threads(), rounds=2)
    return measure([Subject("tcformer_small", (64, 64)), Subject("hrnet_small", (64, 64))], settings, lambda text: None)


def test_a_record_is_json_and_adds_up(record):
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    for network in record["networks"]:
        whole = network["modules"][0]
        assert whole["path"] == ""
        assert whole["counts"] == network["totals"]
        assert whole["parameters"] == network["parameters"]
        assert sum(row["calls"] for row in network["operators"]) == network["counted"]["executed"]
        for name, total in network["totals"].items():
            assert sum(row["counts"][name] for row in network["operators"]) == total


def test_every_module_that_executes_has_a_time(record):
    for network in record["networks"]:
        timed = {row["path"]: row["ms"] for row in network["modules"] if row["calls"]}
        assert all(ms > 0 for ms in timed.values())
        assert timed[""] == network["time"]["with_hooks_ms"]
        assert 0 < network["time"]["in_leaves"] <= 1


def test_the_tree_holds_each_operation_once(record):
    def leaves(node):
        return [leaf for child in node["children"] for leaf in leaves(child)] if node["children"] else [node]

    for network in record["networks"]:
        found = leaves(tree(network))
        assert sum(leaf["macs"] for leaf in found) == network["totals"]["macs"]
        assert sum(leaf["flops"] for leaf in found) == network["totals"]["flops"]
        assert sum(leaf["parameters"] for leaf in found) == network["parameters"]


class Tags(HTMLParser):
    """Counts elements, and checks that each is closed in its turn."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(record):
    text = page(record)
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    names = [tag for tag, _ in tags.seen]
    assert names.count("section") == 2
    assert names.count("details") == names.count("summary") > 20
    assert not {"link", "img", "iframe"} & set(names)
    assert not any("src" in attributes or "href" in attributes for _, attributes in tags.seen)
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"https?://", text)


def test_screen_and_page_name_the_same_operators(record):
    for network in record["networks"]:
        assert [bar["name"] for bar in bars(network)] == [cells[0] for cells in words.operators(network).rows]


def test_a_count_that_is_not_explained_is_flagged_on_the_page(record):
    network = record["networks"][0]
    doubtful = {**network, "cross_check": {**network["cross_check"], "unexplained": network["totals"]["macs"] // 10,
                                           "explained": False}}
    assert "differ by more than can be explained" in page({**record, "networks": [doubtful]})
    assert "differ by more than can be explained" not in page(record)


def test_names_are_escaped(record):
    network = dict(record["networks"][0], model="<script>alert(1)</script>")
    text = page({**record, "networks": [network]})
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_words(record):
    network = record["networks"][0]
    names = [cells[0] for cells in words.conventions(record, network).rows]
    assert names == [*network["totals"], "torch"]
    assert len(words.modules(network, 1).rows) == 4  # the model, backbone, neck, head
    lines = "\n".join(words.lines(network))
    assert "100.00 %" in lines
    assert "not counted: none" in lines
    assert "matmul (3 calls): runs inside of tcformer.dpc_knn (3 calls)" in lines
    assert "Not explained: 0.0 %" in lines
    assert "hooks around every module, which add time" in lines
    assert "of it:" not in "\n".join(words.lines(record["networks"][1]))  # torch and this count agree on HRNet


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (4e5, "<0.001"), (1.4e6, "0.001"), (0.25e9, "0.250"),
                                             (35.484e9, "35.48")])
def test_giga(value, text):
    assert words.giga(value) == text


def test_hooks_time_nested_and_repeated_calls_and_go_away():
    inner = nn.Linear(4, 4)
    model = nn.Sequential(inner, nn.ReLU(), inner)
    with Hooks(model, "cpu") as hooks:
        model(torch.ones(1, 4))
        found = hooks.take()
    assert set(found) == {"", "0", "1"}  # a module of two names is timed under the first, both calls together
    assert found[""] >= found["0"] + found["1"] > 0
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


class Event:
    """A CUDA event whose time is known only after a synchronisation."""

    now, known = 0.0, False

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        Event.now += 2.0
        self.at, Event.known = Event.now, False

    def elapsed_time(self, end):
        assert Event.known
        return end.at - self.at


def test_hooks_on_cuda_read_their_events_after_one_synchronisation(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: setattr(Event, "known", True))
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    with Hooks(model, "cuda") as hooks:
        model(torch.ones(1, 4))
        assert hooks.take() == {"0": 2.0, "1": 2.0, "": 10.0}


def test_a_container_has_the_time_of_what_is_in_it():
    from harness.profiling import pictures

    subject = Subject("tcformer_small", (64, 64))
    times = module_times(Runner(subject, pictures.crops(None, 1, 64, 64), "cpu"), 1)
    blocks = [times.modules[f"backbone.block1.{i}"] for i in range(2)]
    assert times.modules["backbone.block1"] == pytest.approx(sum(blocks))
    assert "keypoint_head.final_layer" not in times.modules  # its weight is used by the head, it is not called


def test_the_command_writes_record_and_page_and_prints_tables(tmp_path):
    out, html = tmp_path / "record.json", tmp_path / "page.html"
    done = harness("profile", "sbl_small", "--operations", "--input", "64x64", "--rounds", "1", "--device", "cpu",
                   "--depth", "1", "--out", out, "--html", html)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("hrnet", "_convolution", "backbone", "Cross-check", "Measured on",
                                                "others took"))
    assert "Warning" not in done.stderr
    assert "layer1" not in done.stdout
    assert json.loads(out.read_text())["networks"][0]["model"] == "sbl_small"
    assert html.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(("arguments", "message"), [
    (["nosuch", "--operations"], "unknown model 'nosuch'"),
    (["tcformer_small", "--operations", "--input", "16x16"], "smaller than 32 pixels"),
    (["hrnet_small", "--operations", "--input", "40x40", "--device", "cpu"], "hrnet_small 40x40: "),
    (["hrnet_small", "--operations", "--batch", "2"], "--batch: --operations does not take it"),
    (["--operations"], "name networks"),
    (["hrnet_small", "--html", "x.html"], "--html is for --operations"),
])
def test_mistakes_are_told_in_a_line(arguments, message):
    with pytest.raises(UserError, match=message) as error:
        app(["profile", *arguments], standalone_mode=False)
    assert "\n" not in str(error.value)
