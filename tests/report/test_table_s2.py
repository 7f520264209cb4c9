"""The table's file: the nine rows in order, equal to the printed table, with the published protocols."""

import re

import pytest

from harness.protocol import make_protocol
from harness.published import load_published
from harness.registry import model_spec
from harness.report import published_rows

IDS = ["sn", "openpose", "paf", "ae_hrnet_w48", "higherhrnet_w48", "zoomnet", "sbl_res152", "hrnet_w48",
       "tcformer_large"]
RUNNABLE = IDS[-3:]


def printed_table(text):
    """Table S2 of the supplementary text: (title, (height, width), ten values) of every row."""
    lines = text[text.index("Table S2. OKS-based"):].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("\t\tAP\tAR")) + 1
    rows = []
    for line in lines[start:]:
        if not line.strip():
            break
        title, size, *values = line.split("\t")
        title = re.sub(r"\s*\[\d+\]|\s*\(Ours\)", "", re.sub(r"\s*\[(\D)\]", r"\1", title)).strip()
        rows.append((title, tuple(int(side) for side in size.split("×")), [float(value) for value in values]))
    return rows


@pytest.mark.shared
def test_rows_equal_the_printed_table(shared, table):
    printed = printed_table((shared / "reference/seed.txt").read_text())
    assert len(printed) == 9
    published = load_published()
    for (title, size, values), row in zip(printed, table["rows"], strict=True):
        first = published_rows(row, published)[0]
        assert row["title"] == title
        assert tuple(row["resolution"]) == size == first.input
        ours = [first.value(part, metric) for part in table["parts"] for metric in table["metrics"]]
        assert ours == values, title


def test_ids_and_their_order(table):
    assert [row["id"] for row in table["rows"]] == IDS


def test_first_source_of_every_row_is_the_table_itself(table):
    for row in table["rows"]:
        sources = [published.source.id for published in published_rows(row, load_published())]
        assert sources[0] == "seed"
        assert len(sources) > 1
        assert len(set(sources)) == len(sources)


def test_every_row_is_either_cited_or_runnable(table):
    for row in table["rows"]:
        assert ("cited" in row) != ("model" in row), row["id"]
        assert row["gaps"]
        assert row["paradigm"] in ("top-down", "bottom-up")
    assert [row["id"] for row in table["rows"] if "model" in row] == RUNNABLE


def test_models_and_stand_ins_exist(table, profiles):
    for row in table["rows"]:
        if "model" in row:
            assert model_spec(row["model"], row["model_args"]).name == row["model"]
            assert set(row["stand_ins"]) == {name for name, p in profiles.items() if not p["reproduces"]}
            for name, stand_in in row["stand_ins"].items():
                assert stand_in["model"] != row["model"]
                model_spec(stand_in["model"], stand_in.get("model_args"))
                make_protocol(stand_in.get("protocol", {}), f"{row['id']} in {name}")


# Values per row from the released configurations; sources in the table's file.
PUBLISHED = {
    "sbl_res152": {"sigma": 3.0, "optimizer": "adam", "weight_decay": 0.0, "warmup_steps": 500, "batch_size": 32,
                   "evaluate_every": 10},
    "hrnet_w48": {"sigma": 3.0, "optimizer": "adam", "weight_decay": 0.0, "warmup_steps": 0, "batch_size": 32,
                  "evaluate_every": 10},
    "tcformer_large": {"sigma": 2.0, "optimizer": "adamw", "weight_decay": 0.01, "warmup_steps": 500, "batch_size": 16,
                       "evaluate_every": 5},
}


@pytest.mark.parametrize("name", RUNNABLE)
def test_protocols_are_the_published_ones(table, name):
    row = next(row for row in table["rows"] if row["id"] == name)
    protocol = make_protocol(row["protocol"], name)
    expected = dict(PUBLISHED[name])
    assert protocol.target.sigma == expected.pop("sigma")
    assert (protocol.crop.height, protocol.crop.width) == tuple(row["resolution"]) == (384, 288)
    for setting, value in expected.items():
        assert getattr(protocol.train, setting) == value, setting
    train = protocol.train
    assert (train.epochs, train.milestones, train.lr, train.processes) == (210, (170, 200), 5e-4, 8)
    assert (train.schedule, train.warmup_ratio, train.precision) == ("step", 0.001, "fp32")
    assert (protocol.test.boxes, protocol.test.flip, protocol.test.flip_shift) == ("detector", True, True)
    assert protocol.target.loss == "mse"
    if name == "tcformer_large":
        assert row["model_args"] == {"drop_path_rate": 0.0}
        assert protocol.test.batch_size == 8


@pytest.mark.parametrize("name", RUNNABLE)
def test_protocol_agrees_with_the_published_test_settings(table, name):
    """What a source says about its test is what the row runs, so that a faithful run is comparable."""
    row = next(row for row in table["rows"] if row["id"] == name)
    values = make_protocol(row["protocol"], name).model_dump()
    for published in published_rows(row, load_published()):
        for setting, wanted in published.protocol.items():
            section, field = setting.split(".")
            assert values[section][field] == wanted, (published.id, setting)


@pytest.mark.shared
def test_reference_protocol_says_the_same(shared, table):
    text = (shared / "reference/protocol.md").read_text()

    def cells(section, item):
        part = text[text.index(f"### {section} "):].split("\n### ")[0]
        line = next(line for line in part.splitlines() if line.startswith(f"| {item} |"))
        return [cell.strip() for cell in line.strip("|").split("|")]

    assert cells("4.2", "batch")[2].startswith("16 per GPU")
    assert cells("4.2", "evaluation")[2] == "every 5 epochs"
    assert cells("4.2", "test batch")[2] == "8"
    assert cells("4.2", "optimizer")[1].startswith("AdamW lr 5e-4, betas 0.9/0.999, decay 0.01")
    assert cells("4.2", "heatmap / sigma")[2].startswith("72x96 / 2 ")
    assert cells("4.2", "schedule")[1].startswith("210 epochs, x0.1 at 170 and 200, linear warm-up 500 iterations")
    assert "OFF for w48 384x288" in cells("4.3", "warm-up")[1]
    assert "w48 32" in cells("4.3", "batch per GPU")[1]
    assert cells("4.3", "sigma")[1] == "2 at 256x192, 3 at 384x288"
    assert "32 (R101, R152)" in cells("4.4", "batch per GPU")[1]
    assert "Adam 5e-4; 210, 170/200, warm-up 500 it" in cells("4.4", "optimizer / epochs")[1]
    for row in table["rows"]:
        if "model" in row:
            weights = row["init_expected"].split()[0].removesuffix(".pth")
            assert weights in text


def test_profiles_say_what_to_expect(profiles):
    for name, profile in profiles.items():
        assert profile["name"] == name
        assert {"result", "hardware", "time", "memory"} <= set(profile["expected"])
        assert profile["reproduces"] is (name == "paper")
        assert ("banner" in profile) is not profile["reproduces"]
        make_protocol(profile["protocol"], name)
