"""A comparison on a terminal and in a pipe."""

import io
from dataclasses import replace

from hypothesis import given, settings
from rich.console import Console

from harness.gate.present.overall import sentence
from harness.gate.present.screen import render, show
from tests.gate.comparisons import (
    EXAMPLE,
    LEANER,
    MORE_WORK,
    OTHER_DATA,
    SLOWER,
    UNCLEAR,
    WORSE_FACE,
    cells,
    compare,
    comparisons,
)


def screen(comparison, width=80, **options):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(render(comparison, **options))
    return console.file.getvalue()


def test_80_columns_hold_every_number_whole():
    text = screen(EXAMPLE)
    assert max(map(len, text.splitlines())) <= 80
    for number in ("-0.012 [-0.019, -0.005]", "+4.8 % [3.1, 6.2]", "35,480,000,000 35,481,000,000 +0.0028 %",
                   "1.40 GiB", "139 ms", "24.1 ms"):
        assert number in text


def test_the_worst_comes_first_kind_by_kind():
    lines = screen(EXAMPLE, 200).splitlines()
    tables = [line.split()[0] for line in lines if line.split()[1:3] == ["what", "metric"]]
    assert tables == ["accuracy", "speed", "operations", "memory"]  # the last has nothing that is worse
    start = next(i for i, line in enumerate(lines) if line.startswith("speed"))
    assert [line.split(" ")[0] for line in lines[start + 1:start + 3]] == ["worse", "cannot"]


def test_what_is_the_same_takes_a_line_a_row():
    comparison = compare(*cells("tcformer_small"), *cells("sbl_small"), WORSE_FACE)
    short, long = screen(comparison, 120), screen(comparison, 120, all_rows=True)
    assert short.count("14 metrics") == 2
    assert "at most 0.001" in short
    assert "foot AP" not in short
    assert long.count("foot AP") == 2
    assert "14 metrics" not in long


def test_every_reason_is_given_once():
    text = screen(EXAMPLE, 300)
    for finding in (SLOWER, UNCLEAR, LEANER, MORE_WORK, OTHER_DATA, WORSE_FACE):
        assert text.count(finding.reason) == 1
    assert "within the margin" not in text  # of what is the same
    twice = screen(compare(*[OTHER_DATA, WORSE_FACE, OTHER_DATA]), 300)
    assert twice.count(OTHER_DATA.reason) == 1
    assert "hrnet_w48: wholebody AP, wholebody AP: " in twice


def test_the_last_line_says_it_all():
    line = screen(EXAMPLE, 200).splitlines()[-1]
    assert line == ("worse: 3 worse, 1 not comparable, 1 cannot tell, 1 better, 14 same; 46 pairs would tell")
    assert sentence(compare()) == "cannot tell: nothing was compared"
    assert sentence(compare(LEANER)) == "better: 1 better"
    assert sentence(compare(LEANER, complete=False)).endswith("(cut short: not everything was measured)")


def test_what_it_would_take_is_the_most_that_any_row_needs():
    many = [UNCLEAR.__class__(**{**vars(UNCLEAR), "needed": needed, "of": of})
            for needed, of in ((46, "pairs"), (30, "pairs"), (1200, "images"), (None, "seeds"))]
    assert sentence(compare(*many)) == ("cannot tell: 4 cannot tell; 46 pairs and 1,200 images would tell most; "
                                        "for 1 no number of samples is known that would tell")


def test_what_it_takes_at_least_is_not_said_as_an_estimate():
    unmeasured = replace(UNCLEAR, samples=0, needed=12, of="pairs")
    assert sentence(compare(unmeasured)) == "cannot tell: 1 cannot tell; 12 pairs are the least that tell"


def test_nothing_wraps_in_a_pipe(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    show(EXAMPLE)
    lines = capsys.readouterr().out.splitlines()
    assert any(SLOWER.row in line and "+4.8 % [3.1, 6.2]" in line for line in lines)
    assert lines[-1].endswith("46 pairs would tell")
    assert EXAMPLE.notes[0] in lines


@settings(max_examples=60, deadline=None)
@given(comparisons)
def test_any_text_is_shown_as_it_is(comparison):
    for every in (False, True):
        text = screen(comparison, 100, all_rows=every)
        assert all(line.isprintable() for line in text.split("\n"))
        assert sentence(comparison)[:20] in text
