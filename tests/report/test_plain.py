"""Tables of words and numbers in narrow terminals and in pipes."""

from rich.console import Console

from harness.report.plain import part_table, print_whole

PARTS = ["body", "foot", "face", "lefthand", "righthand", "hand", "wholebody"]


def long_table():
    table = part_table("AP won if only this were repaired", PARTS)
    table.add_row("the mean of the point scores of a part, times the box's", *["+0.123"] * len(PARTS))
    return table


def test_numbers_of_all_parts_fit_80_characters():
    console = Console(width=80)
    with console.capture() as capture:
        console.print(long_table())
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.count("+0.123") == len(PARTS) for line in lines)
    assert "whole" in lines[0] + lines[1]


def test_nothing_wraps_in_a_pipe(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    print_whole(long_table())
    _, row = capsys.readouterr().out.splitlines()
    assert "box's" in row
    assert row.count("+0.123") == len(PARTS)
