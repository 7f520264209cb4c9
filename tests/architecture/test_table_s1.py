"""The table's facts are the printed ones, and `harness run table_s1` measures and shows them."""

import csv
import io
import json
import re

import pytest
import yaml

from harness.architecture.forms import ARCHITECTURE, csv_text, json_data, latex, markdown
from harness.architecture.printed import printed_facts
from harness.architecture.sheets import build_report
from harness.report import RowResult
from harness.report.latex import document
from tests.helpers import assert_compiles, assert_user_error, harness


@pytest.fixture
def report(small_table, profile, small_record):
    row = small_table["rows"][0]
    rows = [RowResult(row, "measured", small_record),
            RowResult({**row, "id": "two", "title": "Two & co_"}, "failed", {"error": "no memory"}, log="log.txt"),
            RowResult({**row, "id": "three", "title": "Three"}, "missing")]
    return build_report(small_table, profile, rows, damaged=["record x is damaged"], others=[])


@pytest.mark.shared
def test_facts_are_the_printed_table(shared, table):
    text = (shared / "reference/seed.txt").read_text()
    lines = [line for line in text[text.index("Table S1. Detailed"):].splitlines() if line.startswith("Stage")][:4]
    for i, line in enumerate(lines):
        _, grid, settings, *blocks = line.split("\t")
        numbers = dict(re.findall(r"([RNEC])_\d = (\d+)", settings))
        for row, count in zip(table["rows"], blocks, strict=True):
            stages = printed_facts(row)[0].stages
            assert stages["blocks"][i] == int(count)
            assert re.findall(r"\{(\d+)\}", grid) == [str(stages["divisor"][i])] * 2
            for letter, name in (("R", "reduction"), ("N", "heads"), ("E", "expansion"), ("C", "channels")):
                assert stages[name][i] == int(numbers[letter])


@pytest.mark.shared
def test_facts_of_the_code_are_those_of_the_reference(shared, table):
    reference = yaml.safe_load((shared / "reference/published.yaml").read_text())["model_settings_table_s1"]
    for row in table["rows"]:
        code = printed_facts(row)[1].stages
        assert code["depths"] == reference["depths_in_code"][row["id"]]
        assert [f"H/{d} x W/{d}" for d in code["divisor"]] == list(reference["token_number_from_code"].values())


def test_every_system_has_all_four_sources(table):
    for row in table["rows"]:
        facts = printed_facts(row)
        assert [fact.source.short for fact in facts] == ["Table S1", *["TCFormer repository"] * 2, "paper, as quoted"]
        assert [fact.verified for fact in facts] == [True, True, True, False]


def test_screen_shows_measured_and_printed(report):
    from rich.console import Console

    console = Console(width=100, record=True, file=io.StringIO())
    console.print(ARCHITECTURE.screen(report, 100))
    text = console.export_text()
    assert "3 systems: 1 measured, 1 failed, 1 not run yet" in text
    assert re.search(r"3 H/16×W/16 \(H/8×W/8\) +16 +24 +2 +4 \(5\) +4 +64 \(320\)", text)
    assert "failed: no memory (log: log.txt)" in text
    assert "record x is damaged" in text
    assert all(len(line.rstrip()) <= 100 for line in text.splitlines())


def test_markdown_tables_are_whole(report):
    tables = re.findall(r"(?:^\|.*\|\n)+", markdown(report), re.MULTILINE)
    assert len(tables) == 2
    for text in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()}) == 1
    assert "## Findings" in markdown(report)


def test_latex_compiles(report, tmp_path):
    assert_compiles(document(latex(report)), tmp_path)


def test_latex_is_a_document_with_captions_and_labels(report):
    text = document(latex(report))
    assert text.startswith(r"\documentclass")
    assert text.index(r"\usepackage{booktabs}") < text.index(r"\begin{document}") < text.index(r"\toprule")
    assert text.rstrip().endswith(r"\end{document}")
    assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:table-s1-stages", "tab:table-s1-sizes"]
    assert text.count(r"\caption{") == 2
    assert r"Two \& co\_" in text
    opened = []
    for what, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if what == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    assert all(ord(character) < 128 for character in text)
    for tabular in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", text, re.DOTALL):
        rows = [line for line in tabular[1].splitlines() if line.endswith(r"\\")]
        assert {len(re.findall(r"(?<!\\)&", line)) + 1 for line in rows} == {len(tabular[0])}


def test_csv_has_every_value_beside_each_source(report):
    lines = list(csv.DictReader(io.StringIO(csv_text(report))))
    tokens = [line for line in lines if line["quantity"] == "tokens" and line["stage"] == "3"]
    assert {(line["input"], line["source"], line["measured"], line["published"]) for line in tokens} == {
        ("64x64", "seed_s1_light", "16", "64"), ("64x64", "tcformer_repo_code_light", "16", "16"),
        ("96x64", "seed_s1_light", "24", "96"), ("96x64", "tcformer_repo_code_light", "24", "24")}
    assert {line["status"] for line in lines} == {"measured", "failed", "missing"}


def test_json_has_findings_with_their_evidence(report):
    data = json.loads(json.dumps(json_data(report), allow_nan=False))
    finding = next(f for f in data["findings"] if f["where"] == "stage 3, tokens")
    assert finding["speaks_for"] == "measured"
    assert finding["evidence"]
    assert [row["status"] for row in data["rows"]] == ["measured", "failed", "missing"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results folder of `harness run table_s1 --rows light`: read it, do not change it."""
    folder = tmp_path_factory.mktemp("s1") / "runs"
    done = harness("run", "table_s1", "--rows", "light", "--results", folder)
    assert done.returncode == 0, done.stderr
    assert "14.232    14.2" in done.stdout
    return folder


def test_a_done_row_is_not_run_again(results):
    before = {path: path.stat().st_mtime_ns for path in results.glob("table_s1/architecture/*/record.json")}
    assert len(before) == 1
    plan = harness("run", "table_s1", "--dry-run", "--results", results).stdout
    assert re.search(r"light +done +measured: tcformer_light on cpu, build and measure at 224x224", plan)
    assert "2 row(s) to run" in plan
    done = harness("run", "table_s1", "--rows", "light", "--json", "--results", results)
    assert json.loads(done.stdout)["rows"][0]["record"]["architecture"]["networks"][0]["parameters"] == 14_231_659
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(("name", "word"), [
    ("text", "finding"), ("md", "# The TCFormer series"), ("csv", "seed_s1_light"), ("latex", r"\documentclass"),
    ("json", '"findings"'),
])
def test_report_in_every_format(results, name, word):
    done = harness("report", "table_s1", "--format", name, "--results", results)
    assert done.returncode == 0, done.stderr
    assert word in done.stdout
    assert ("written:" in done.stdout) == (name == "text")


def test_nothing_to_explain_and_nothing_for_a_gate(results, small_record, tmp_path):
    """Records of other kinds lie in the same results folder: who reads scores passes them over or says so."""
    from harness.files import write_json
    from harness.gate.reading import read_file

    row = next(results.glob("table_s1/architecture/light-*"))
    assert_user_error(harness("explain", row, "seed_s2_tcformer_large"), "there to build and measure",
                      "nothing to explain")
    write_json(tmp_path / "record.json", {"schema": 1, **small_record})
    assert read_file(tmp_path / "record.json") is None


def test_a_failure_is_recorded_and_shown(small_job, tmp_path):
    from dataclasses import replace

    from harness.files import write_json
    from harness.job import main
    from harness.record import read_record

    folder = tmp_path / "row"
    broken = replace(small_job, classifier={**small_job.classifier, "builder": "tcformer.registry:tcformer_lite"})
    write_json(folder / "job.json", broken.to_json())
    assert main([str(folder), str(tmp_path)]) == 1
    failure = read_record(folder / "failure.json")
    assert "tcformer_lite" in failure["error"]
    assert (failure["kind"], failure["status"]) == ("architecture", "failed")


@pytest.mark.parametrize(("arguments", "words"), [
    (["run", "table_s1", "--profile", "demo"], ["demo", "table_s1", "choices: architecture"]),
    (["run", "table_s2", "--profile", "architecture"], ["architecture", "demo, paper, smoke"]),
    (["report", "table_s1", "--profile", "paper"], ["paper", "choices: architecture"]),
    (["run", "table_s1", "--data", "lsp", "--set", "train.epochs=1"], ["--data, --set", "table_s1"]),
    (["run", "table_s1", "--rows", "openmmlab:x"], ["openmmlab:x", "light, base, large"]),
    (["report", "table_s1", "--format", "html"], ["html", "text, md, latex, csv, json"]),
])
def test_mistakes_are_told_in_a_line(arguments, words, tmp_path):
    assert_user_error(harness(*arguments, "--results", tmp_path), *words)
