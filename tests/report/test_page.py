"""What the page says of rows that were measured under the table's own protocol: verdicts, means, and what ranks."""

from harness.page.systems import section


def group_of(grid, title):
    return next((group, lead) for group, lead in zip(grid.groups, grid.leads, strict=True)
                if group[0].cells[0].text == title)


def test_verdicts_stand_in_the_table_with_their_reason(paper_report):
    found = section(paper_report)
    group, lead = group_of(found.grids[0], "HRNet-w48")
    kinds = [line.kind for line in group]
    assert kinds == ["published", "other", "other", "run", "difference", "verdict"]
    assert group[lead].kind == "run"  # of a measured row, which ranks by its own number
    whole = group[kinds.index("run")].cells[10]
    assert whole.mark == "not reproduced"
    assert any("difference −0.020" in line and "not reproduced (" in line for line in whole.hint)
    difference = group[kinds.index("difference")].cells[10]
    assert difference.text == "−0.020"
    assert [ref.kind for ref in difference.refs] == ["record", "published"]


def test_a_part_has_each_source_on_a_line(paper_report):
    grid = next(grid for grid in section(paper_report).grids if grid.title == "whole-body")
    names = [f"{column.group} {column.title}".strip() for column in grid.columns]
    lines = [group[0] for group in grid.groups if group[0].cells[0].text == "TCFormer-Large"]
    assert [line.cells[1].text for line in lines] == ["paper", "TCFormer repository"]
    cells = dict(zip(names, lines[0].cells, strict=True))
    assert (cells["AP published"].text, cells["AP measured"].text) == ("0.644", "0.645")
    assert cells["AP verdict"].text == lines[0].cells[names.index("AP verdict")].mark
    assert cells["also measured AP50"].text == "0.645"


def test_what_was_not_reproduced_is_a_finding(paper_report):
    found = section(paper_report).findings
    missed = [one for one in found if one.mark == "not reproduced"]
    assert [one.about for one in missed] == ["HRNet-w48"]
    assert missed[0].text.startswith("whole-body AP not reproduced: published 0.631, difference −0.020")


def test_stand_ins_do_not_rank_among_published_numbers(demo_report):
    group, lead = group_of(section(demo_report).grids[0], "TCFormer-Large")
    assert group[lead].kind == "published"
    assert any(line.kind == "run" and line.cells[2].value is not None for line in group)


def test_a_failure_shows_its_reason(demo_report):
    group, _ = group_of(section(demo_report).grids[0], "HRNet-w48")
    status = group[-1].cells[-1]
    assert status.mark == "failed"
    assert "loss_is not finite" in status.hint[0]


def test_a_layout_without_parts_has_empty_cells(lsp_report):
    found = section(lsp_report)
    (run,) = [line for line in found.grids[0].groups[0] if line.kind == "run"]
    assert [cell.text for cell in run.cells[2:6]] == ["0.420", "0.420", "—", "—"]
