"""The published numbers: well-formed, equal to the sources they were read from, and refused when malformed."""

import re

import pytest
import yaml

from harness.errors import UserError
from harness.files import published_dir
from harness.layout import REPORTED_PARTS
from harness.protocol import setting_names
from harness.published import load_facts, load_published, published_row, read_published

GOOD = """
source: {id: here, short: here, citation: Somebody, revision: abc}
defaults: {dataset: coco-wholebody, split: val, images: 5000, annotations: V1.0}
rows:
- {id: a, method: A, metrics: {body: {AP: 0.5}}}
"""


def test_every_value_is_a_fraction_of_a_known_part():
    rows = load_published()
    assert len(rows) > 70
    for row in rows.values():
        assert set(row.metrics) <= set(REPORTED_PARTS)
        assert all(0 < value < 1 for cells in row.metrics.values() for value in cells.values()), row.id


def test_protocol_notes_use_the_names_of_settings():
    assert {name for row in load_published().values() for name in row.protocol} <= set(setting_names())


def test_hand_is_the_mean_where_both_hands_are_printed():
    both = [row for row in load_published().values() if "lefthand" in row.metrics]
    assert both
    for row in both:
        for metric in ("AP", "AR"):
            mean = (row.value("lefthand", metric) + row.value("righthand", metric)) / 2
            assert row.value("hand", metric) == pytest.approx(mean, abs=1e-9)


def test_detector_file_is_named_exactly_where_detector_boxes_are():
    rows = load_published().values()
    named = {row.id for row in rows if row.box_file}
    assert named
    assert named <= {row.id for row in rows if row.protocol.get("test.boxes") == "detector"}


def test_doubtful_cells_exist_and_are_printed():
    doubtful = [(row, cell) for row in load_published().values() for cell in row.doubtful]
    assert [(row.id, cell) for row, cell in doubtful] == [("seed_s3_wo_ctm", "face.AR")]
    assert all(row.value(*cell.split(".")) is not None for row, cell in doubtful)


@pytest.mark.shared
def test_rows_match_the_reference(shared):
    reference = yaml.safe_load((shared / "reference/published.yaml").read_text())["rows"]
    ours = load_published()
    assert set(ours) == {row["id"] for row in reference}
    for row in reference:
        mine = ours[row["id"]]
        metrics = {part: {name.upper(): v for name, v in cells.items() if name in ("ap", "ar") and v is not None}
                   for part, cells in row["metrics"].items()}
        assert mine.metrics == {part: cells for part, cells in metrics.items() if cells}, row["id"]
        assert mine.method == row["method"]
        assert mine.annotations == row["annotation_version"].split()[0]
        assert mine.input == ((row["input"]["height"], row["input"]["width"]) if row["input"] else None)
        assert mine.multi_scale == row.get("multi_scale_marked", False)
        if "checkpoint" in row:
            assert mine.checkpoint == row["checkpoint"]["file"]
        trained = row["train_version"]
        assert mine.trained_on.endswith(trained) or trained.startswith("not stated") or trained == "multi-dataset"


@pytest.mark.shared
def test_agreements_and_disagreements_of_the_reference_hold(shared):
    """The claims that rows are equal to the digit carry over: verdicts on the MMPose rows rest on them."""
    reference = yaml.safe_load((shared / "reference/published.yaml").read_text())
    ours = load_published()
    equal = [pair["between"] for pair in reference["agreements"]]
    assert len(equal) >= 7
    for first, second in equal:
        assert ours[first].metrics == ours[second].metrics
    tcformer = ours["seed_s2_tcformer_large"], ours["tcformer_repo_large_384x288"]
    assert all(tcformer[0].metrics[part] != tcformer[1].metrics[part] for part in tcformer[0].metrics)


@pytest.mark.shared
def test_facts_match_the_reference(shared):
    reference = yaml.safe_load((shared / "reference/published.yaml").read_text())
    classification = {fact.id: fact for fact in load_facts("classification")}
    assert set(classification) == {row["id"] for row in reference["classification"]}
    for row in reference["classification"]:
        assert classification[row["id"]].values["top1"] == pytest.approx(row["top1"] / 100, abs=1e-9)
        assert classification[row["id"]].values["parameters_m"] == row["params_m"]
    complexity = {fact.id: fact for fact in load_facts("complexity")}
    for row in reference["complexity"]:
        if isinstance(row.get("gflops"), dict):
            for size, gflops in row["gflops"].items():
                assert complexity[f"{row['id']}_{size}"].values == {"parameters_m": row["params_m"], "gflops": gflops}
        else:
            values = complexity[row["id"]].values
            numbers = [v for v in row.values() if isinstance(v, float)]
            assert set(numbers) <= set(values.values()), row["id"]


def test_facts_say_how_they_were_counted():
    assert all(fact.conditions for fact in load_facts("complexity"))
    with pytest.raises(UserError, match=r"unknown file of facts 'sped'.*complexity"):
        load_facts("sped")


def test_mmpose_weights_moved_less_than_the_margin(table):
    """The comment beside `tolerance` in the table's file, worked out again from the published rows."""
    rows = load_published().values()
    old = {row.checkpoint: row for row in rows if row.source.id == "mmpose_0x" and row.checkpoint}
    moved = []
    for row in rows:
        if row.source.id == "mmpose_1x":
            before = old[row.checkpoint]
            moved.append(max(abs(value - before.value(part, metric)) for part, cells in row.metrics.items()
                             for metric, value in cells.items()))
    assert len(moved) == 16
    assert sorted(round(value, 4) for value in moved)[-2:] == [0.003, 0.024]
    assert table["tolerance"]["margin"] > 0.003


def test_margin_covers_what_published_trainings_differ_by(table):
    assert table["trainings"] == ["seed_s3_tcformer", "tcformer_repo_base_256x192", "mmpose0x_tcformer_256x192"]
    trainings = [published_row(name) for name in table["trainings"]]
    assert {(row.input, row.dataset, row.annotations) for row in trainings} == {((256, 192), "coco-wholebody", "V1.0")}

    def spread(part, metric):
        values = [row.value(part, metric) for row in trainings]
        return round(max(values) - min(values), 4)

    assert max(spread("wholebody", metric) for metric in ("AP", "AR")) == 0.004 < table["tolerance"]["margin"]
    assert max(spread(part, metric) for part in trainings[0].metrics for metric in ("AP", "AR")) == 0.015


@pytest.mark.parametrize(("old", "new", "words"), [
    ("{AP: 0.5}", "{AP: 71.8}", ["71.8", "body AP", "row a"]),
    ("{AP: 0.5}", "{AP: true}", ["True", "body AP"]),
    ("{AP: 0.5}", "{AF: 0.5}", ["unknown metric 'AF'"]),
    ("body:", "bodi:", ["unknown part 'bodi'", "body"]),
    ("method: A", "methode: A", ["unknown field 'methode'", "method"]),
    ("method: A, ", "", ["has no method"]),
    ("id: a, ", "", ["with an id"]),
    ("revision: abc", "revised: abc", ["unknown field 'revised'"]),
    (", revision: abc", "", ["no revision"]),
    ("rows:", "lines:", ["source, defaults and rows"]),
    ("method: A", "method: A, input: 256x192", ["256x192", "height and width"]),
])
def test_malformed_files_are_refused_in_words(tmp_path, old, new, words):
    assert old in GOOD
    path = tmp_path / "x.yaml"
    path.write_text(GOOD)
    assert [row.id for row in read_published(path)] == ["a"]
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError) as error:
        read_published(path)
    assert str(path) in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_row_given_twice_is_refused(tmp_path):
    (tmp_path / "one.yaml").write_text(GOOD)
    (tmp_path / "two.yaml").write_text(GOOD)
    with pytest.raises(UserError, match=r"row a is given twice.*two\.yaml"):
        load_published(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="no published numbers"):
        load_published(tmp_path)


def test_an_unknown_row_is_answered_with_near_names():
    with pytest.raises(UserError, match="did you mean seed_s2_sbl_res152"):
        published_row("seed_s2_sbl_res151")


def test_files_name_nothing_but_public_sources():
    texts = [path.read_text() for path in published_dir().rglob("*.yaml")]
    assert texts
    assert not re.search(r"/root/|/home/|/tmp/", "\n".join(texts), re.IGNORECASE)
