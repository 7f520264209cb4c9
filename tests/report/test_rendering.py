"""Every form of a report: same numbers, banner first, nothing that could be taken for a reproduction by mistake."""

import csv
import io
import json
import re

import pytest
from rich.console import Console

from harness.report import RowResult, build_report, csv_text, json_data, latex, markdown, write_report
from harness.report.data import CSV_COLUMNS
from harness.report.latex import ESCAPES, document
from harness.report.latex import escape as tex_escape
from harness.report.lines import DIFFERENCE, judged_lines, system_lines
from harness.report.markdown import escape as md_escape
from harness.report.model import BANNER, OTHER_BANNER
from harness.report.screen import render
from tests.helpers import assert_compiles

REPORTS = ("demo_report", "paper_report", "lsp_report")


@pytest.fixture(params=REPORTS)
def report(request):
    return request.getfixturevalue(request.param)


def screen(report, width=120, verbose=False):
    console = Console(width=width, file=io.StringIO(), force_terminal=False, highlight=False)
    console.print(render(report, width, verbose))
    return console.file.getvalue()


def rows_of(report):
    return list(csv.DictReader(io.StringIO(csv_text(report))))


def md_tables(text):
    """Runs of lines that start with a bar, split into cells at bars that are not escaped."""
    tables, current = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            current.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif current:
            tables.append(current)
            current = []
    return tables


# ---- the banner, and what stand-ins must never look like

def test_stand_ins_are_announced_first_in_every_form(demo_report):
    assert markdown(demo_report).startswith(f"> **{BANNER}**\n")
    assert latex(demo_report).startswith(f"% {BANNER}\n")
    assert latex(demo_report).count(BANNER) == 3  # comment, caption and first line of the table
    assert json_data(demo_report)["banner"] == BANNER
    assert {row["warning"] for row in rows_of(demo_report)} == {BANNER}
    for width in (60, 80, 100, 120, 200):
        assert " ".join(screen(demo_report, width).split()).startswith(BANNER)


def test_a_faithful_table_has_no_banner(paper_report):
    assert paper_report.banner is None
    assert "Stand-in" not in markdown(paper_report) + latex(paper_report) + screen(paper_report)


def test_the_banner_does_not_speak_of_drawn_people_where_others_were_used(lsp_report):
    assert lsp_report.banner == OTHER_BANNER
    assert "drawn" not in markdown(lsp_report)


@pytest.mark.parametrize(("dataset", "banner"), [("lsp", OTHER_BANNER), ("synthetic", BANNER)])
def test_the_banner_of_a_failed_run_goes_by_its_own_data(make, table, profiles, dataset, banner):
    failure = {"error": "no", "model": {"name": "sbl_small"}, "data": {"eval": {"dataset": dataset}}}
    result = make.result(make.row(table, "sbl_res152"), "failed", failure)
    assert build_report(table, {**profiles["demo"], "banner": None}, [result]).banner == banner


def test_rows_of_one_network_are_told_apart_in_sizes_and_speeds(make, table, profiles):
    rows = [make.row(table, name) for name in ("sbl_res152", "hrnet_w48", "tcformer_large")]
    models = ("sbl_small", "tcformer_small", "tcformer_small")
    results = [make.result(row, "stand-in", make.stand_in(row, model)) for row, model in zip(rows, models, strict=True)]
    sizes = screen(build_report(table, profiles["demo"], results), 80).partition("Size and speed")[2]
    for label in ("sbl_small ", "tcformer_small (hrnet_w48) ", "tcformer_small (tcformer_large) "):
        assert f"\n{label}" in sizes


def test_stand_ins_have_no_difference_anywhere(demo_report):
    stand_ins = [row for row in rows_of(demo_report) if row["status"] == "stand-in"]
    assert len(stand_ins) == 10 * (3 + 2)  # ten cells, three published sources and two
    for row in stand_ins:
        assert row["measured"]
        assert row["difference"] == ""
        assert row["verdict"] == "not comparable"
        assert row["reason"] == "stand-in: other model, data and schedule"
    for row in json_data(demo_report)["rows"]:
        assert all(cell["difference"] is None for cell in row["comparisons"])
    for row in demo_report.rows:
        assert all(line.kind != DIFFERENCE for line in system_lines(demo_report, row))
    assert {line.difference for line in judged_lines(demo_report)} == {"—"}


def test_stand_ins_carry_their_own_name_and_size(demo_report):
    for text in (screen(demo_report), markdown(demo_report).replace("\\", ""), latex(demo_report).replace("\\", "")):
        assert "tcformer_small" in text
        assert "sbl_small" in text
    line = next(line for line in screen(demo_report).splitlines() if "tcformer_small" in line)
    assert "128×96" in line
    assert "stand-in" in line


# ---- numbers and verdicts

def test_every_cell_and_source_has_a_line_in_the_csv(paper_report):
    rows = rows_of(paper_report)
    expected = sum(10 * max(1, len(row.result.published)) for row in paper_report.rows)
    assert len(rows) == expected
    assert all(tuple(row) == CSV_COLUMNS for row in rows)
    own = [row for row in rows if row["source"] == "seed"]
    assert len(own) == 90
    for row in own:
        if row["status"] == "measured":
            assert float(row["difference"]) == pytest.approx(float(row["measured"]) - float(row["published"]))
            assert float(row["low"]) <= float(row["measured"]) <= float(row["high"])
        else:
            assert row["measured"] == row["difference"] == row["verdict"] == ""
            assert row["reason"]


def test_verdicts_of_the_fabricated_runs(paper_report):
    verdicts = {row.result.row["id"]: row.verdict for row in paper_report.rows}
    assert verdicts == {**dict.fromkeys(verdicts, None), "sbl_res152": "reproduced", "hrnet_w48": "not reproduced",
                        "tcformer_large": "cannot tell"}
    assert paper_report.summary == ("9 systems: 3 measured (1 reproduced, 1 not reproduced, 1 cannot tell), "
                                    "6 cited only.")
    assert [(line.system, line.source, line.verdict) for line in judged_lines(paper_report)] == [
        ("SBL-Res152", "paper, MMPose 0.x, MMPose 1.x", "reproduced"),
        ("HRNet-w48", "paper, MMPose 0.x", "not reproduced"),
        ("HRNet-w48", "MMPose 1.x", "not reproduced"),
        ("TCFormer-Large", "paper", "cannot tell"),
        ("TCFormer-Large", "TCFormer repository", "cannot tell"),
    ]


def test_lines_of_different_systems_are_never_merged(demo_report):
    published = {line.system: line.published for line in judged_lines(demo_report) if "paper" in line.source}
    assert published == {"SBL-Res152": "0.610", "TCFormer-Large": "0.644"}


def test_a_doubtful_printed_value_gets_no_verdict(make, table, profiles):
    from dataclasses import replace

    row = make.row(table, "hrnet_w48")
    result = make.result(row, "measured", make.tested(row, "6e061c6a" + "0" * 56))
    result = replace(result, published=(replace(result.published[0], doubtful=("face.AR",)),))
    report = build_report(table, profiles["paper"], [result])
    cells = {(c.part, c.metric): c.verdict for c in report.rows[0].comparisons}
    assert cells["face", "AR"].verdict == "not comparable"
    assert "doubtful" in cells["face", "AR"].reason
    assert cells["face", "AP"].verdict == "reproduced"


# ---- what is missing, and why

def test_a_layout_with_a_body_only_says_so(lsp_report):
    values = {(row["part"], row["metric"]): row["measured"] for row in rows_of(lsp_report)}
    assert values["body", "AP"] == "0.42"
    assert values["face", "AP"] == values["wholebody", "AR"] == ""
    assert "no numbers for foot, face, hand and whole-body: layout lsp has no such part" in markdown(lsp_report)
    assert "layout lsp has no such part" in " ".join(screen(lsp_report).split())
    assert [line.column for line in judged_lines(lsp_report)] == ["body AP", "body AP"]


def test_parts_without_labelled_people_are_explained(make, table, profiles):
    row = make.row(table, "tcformer_large")
    record = make.stand_in(row)
    record["metrics"]["parts"]["foot"] = dict.fromkeys(record["metrics"]["parts"]["foot"])
    record["intervals"]["parts"]["foot"] = {"AP": None, "AR": None}
    text = markdown(build_report(table, profiles["demo"], [make.result(row, "stand-in", record)]))
    assert "no numbers for foot: the evaluated images have no labelled person with this part" in text


def test_failures_show_their_reason_and_log(demo_report):
    log = "runs/table_s2/demo/hrnet_w48-cdcdcdcdcdcd/log.txt"
    for text in (screen(demo_report, 200), markdown(demo_report).replace("\\", ""), json.dumps(json_data(demo_report))):
        assert "loss_is not finite" in text
        assert log in text
    assert demo_report.summary == "9 systems: 2 run as stand-ins, 5 cited only, 1 failed, 1 not run yet."
    failed = [row for row in rows_of(demo_report) if row["row"] == "hrnet_w48"]
    assert {row["status"] for row in failed} == {"failed"}
    assert {row["measured"] for row in failed} == {""}


def test_stale_damaged_and_cited_rows_are_told(demo_report):
    text = markdown(demo_report)
    assert "stale stand-in" in text
    assert "run again with --stale" in text
    assert "x/record.json is damaged" in text
    assert "cited, not run: its code was never released" in text
    assert "damaged" in screen(demo_report)


def test_every_gap_is_below_the_table(paper_report, table):
    text = markdown(paper_report)
    for row in table["rows"]:
        for gap in row["gaps"]:
            assert md_escape(gap) in text


def test_a_row_without_published_numbers_is_shown_alone(make, table, profiles):
    row = {"id": "openmmlab:x", "title": "x", "published": [], "resolution": [256, 192], "model": "openmmlab:x"}
    report = build_report(table, profiles["paper"], [RowResult(row, "measured", make.stand_in(row, "openmmlab:x"))])
    assert len(rows_of(report)) == 10
    assert report.rows[0].verdict is None
    assert "openmmlab:x" in markdown(report)
    assert latex(report)
    assert screen(report)


def test_an_unmeasured_status_needs_no_record_and_a_measured_one_does(table):
    with pytest.raises(ValueError, match="no record"):
        RowResult(table["rows"][0], "measured")
    with pytest.raises(ValueError, match="done"):
        RowResult(table["rows"][0], "done")


# ---- forms

def test_markdown_tables_are_whole(report):
    tables = md_tables(markdown(report))
    assert len(tables) == 2
    for rows in tables:
        assert {len(row) for row in rows} == {len(rows[0])}
    assert tables[0][0][:4] == ["Method", "Resolution", "body AP", "body AR"]
    assert len(tables[0][0]) == 2 + 10 + 4


def test_latex_is_well_formed(report):
    text = latex(report)
    bare = re.sub(r"\\[\\{}%&#$_]", "", "\n".join(line for line in text.splitlines() if not line.startswith("%")))
    assert bare.count("{") == bare.count("}")
    assert "%" not in bare
    assert "#" not in bare
    assert "_" not in re.sub(r"\\label\{[^}]*\}", "", bare)
    assert bare.count("$") % 2 == 0
    assert re.findall(r"\\begin\{(\S+?)\}", bare) == ["table*", "tabular", "itemize"]
    assert re.findall(r"\\end\{(\S+?)\}", bare) == ["tabular", "table*", "itemize"]
    body = text[text.index(r"\toprule"):text.index(r"\bottomrule")]
    for line in body.splitlines():
        if line.endswith(r"\\"):
            spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            cells = len(re.findall(r"(?<!\\)&", line)) + 1 + sum(spans) - len(spans)
            assert cells == 16, line
    assert all(ord(character) < 128 for character in text)


def test_latex_compiles(report, tmp_path):
    assert_compiles(document(latex(report)), tmp_path)


def test_latex_escapes():
    assert tex_escape("a_b & 50% {x} ZoomNet† SN* #1 $2 ~ ^ \\") == (
        r"a\_b \& 50\% \{x\} ZoomNet$^\dagger$ SN$^*$ \#1 \$2 \textasciitilde{} \textasciicircum{} \textbackslash{}")
    assert tex_escape("--rows wo–ctm") == "-{}-rows wo--ctm"
    assert not {c for c in "&%$#_{}~^\\<>" if c not in ESCAPES}


def test_markdown_escapes():
    assert md_escape("a|b *c* `d` <e> f_g\nh") == r"a\|b \*c\* \`d\` \<e\> f\_g h"


def test_json_has_everything_and_can_be_read_back(report):
    data = json.loads(json.dumps(json_data(report), allow_nan=False))
    assert data["schema"] == 1
    assert {"table", "title", "source", "dataset", "profile", "banner", "summary", "parts", "metrics", "rows", "notes",
            "damaged"} <= set(data)
    for row, shown in zip(data["rows"], report.rows, strict=True):
        assert row["status"] in ("measured", "stand-in", "cited", "failed", "missing")
        assert row["verdict"] in (None, "reproduced", "not reproduced", "cannot tell", "not comparable")
        assert (row["record"] is None) == (shown.result.record is None)
        assert len(row["comparisons"]) == 10 * max(1, len(row["published"]))
        assert all(cell["verdict"] is None or cell["reason"] for cell in row["comparisons"])
        for published in row["published"]:
            assert published["source"]["citation"]
            assert published["source"]["revision"]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("verbose", [False, True])
def test_the_screen_is_never_overrun(report, width, verbose):
    lines = screen(report, width, verbose).splitlines()
    assert max(len(line) for line in lines) <= width


@pytest.mark.parametrize(("width", "parts_ar", "one_table"), [
    (120, True, True), (100, True, False), (80, False, False)])
def test_what_fits_is_shown(demo_report, width, parts_ar, one_table):
    text = screen(demo_report, width)
    line = next(line for line in text.splitlines() if line.startswith("SBL-Res152 "))
    assert ("0.780" in line) is parts_ar  # body AR
    assert "0.610" in line
    assert "0.705" in line  # whole-body AP and AR are always there
    assert ("Size and speed" in text) is not one_table
    assert "123" in text  # images a second
    assert ("do not fit" in text) is not parts_ar


def test_very_long_titles_and_errors_break_nothing(make, table, profiles):
    row = {**make.row(table, "hrnet_w48"), "title": "A very long title " * 8, "cited": None}
    failure = {"error": "line one\nline two | with a bar " + "x" * 3000, "model": {"name": "m" * 60}}
    report = build_report(table, profiles["demo"], [make.result(row, "failed", failure, log="l" * 200)])
    for width in (60, 100, 120):
        assert max(len(line) for line in screen(report, width).splitlines()) <= width
    assert {len(cells) for cells in md_tables(markdown(report))[0]} == {16}
    assert "line one line two" in markdown(report)
    assert "x" * 500 not in markdown(report)
    assert len(rows_of(report)) == 30


def test_verbose_adds_sources_and_notes(paper_report):
    assert "MMPose 1.x  " not in screen(paper_report)
    text = " ".join(screen(paper_report, 120, verbose=True).split())
    assert "MMPose 1.x 384×288" in text
    assert "not one part of 42 points" in text


def test_written_files_are_what_was_rendered(tmp_path, report):
    folder = tmp_path / "new" / "folder"
    paths = write_report(report, folder)
    assert [(name, path.name) for name, path in paths.items()] == [
        (ending, f"table_s2.{ending}") for ending in ("md", "tex", "csv", "json")]
    assert paths["md"].read_text() == markdown(report)
    assert paths["tex"].read_text() == latex(report)
    assert paths["csv"].read_text() == csv_text(report)
    assert json.loads(paths["json"].read_text())["table"] == "table_s2"
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in paths.values())


def test_reports_depend_on_their_input_alone(table, profiles, make):
    row = make.row(table, "tcformer_large")
    first, second = (build_report(table, profiles["demo"], [make.result(row, "stand-in", make.stand_in(row))])
                     for _ in range(2))
    assert markdown(first) == markdown(second)
    assert csv_text(first) == csv_text(second)
    assert latex(first) == latex(second)
