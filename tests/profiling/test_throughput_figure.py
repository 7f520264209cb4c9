"""Throughput against batch size, drawn."""

import json

import numpy as np
import pytest

from harness.cli import app
from harness.errors import UserError
from harness.profiling.throughput_figure import COLOURS, lines_of, throughput_figure, write_figure


@pytest.fixture
def record(make_record, make_row):
    """Two modes at three batches, the largest of which does not fit in one."""
    rows = []
    for batch in (8, 1, 32):
        for mode, ms in (("eager", 10.0 * batch), ("fast", 4.0 * batch)):
            samples = [[ms * factor] * 3 for factor in (0.9, 1.0, 1.0, 1.2, 1.3)]
            rows.append(make_row(median=ms, batch=batch, mode=mode, path=mode, images_per_second=1e3 * batch / ms,
                                 samples_ms=samples))
    rows[-2] |= {"status": "out of memory", "median_ms": None, "images_per_second": None, "samples_ms": []}
    return make_record(rows)


def test_a_line_for_each_mode_with_its_spread(record):
    found = lines_of(record)
    assert list(found) == ["eager", "fast"]  # what all rows share is not repeated
    assert [point[0] for point in found["eager"]] == [1, 8]
    batch, rate, low, high = found["fast"][0]
    assert (batch, rate) == (1, 250.0)
    assert (low, high) == pytest.approx((250 / 1.2, 250.0))


def test_lines_are_told_apart_without_colour(record):
    axes = throughput_figure(record).axes[0]
    drawn = [container.lines[0] for container in axes.containers]
    assert [line.get_color() for line in drawn] == list(COLOURS[:2])
    assert len({line.get_marker() for line in drawn}) == 2
    assert axes.get_ylim()[0] == 0
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "8", "32"]
    assert np.asarray(drawn[1].get_ydata(), float) == pytest.approx([250.0] * 3)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_records_give_equal_files(record, tmp_path, monkeypatch, suffix):
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    write_figure(first, record)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")  # another day
    write_figure(second, json.loads(json.dumps(record)))
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 3000


def test_the_command_draws_what_it_measured_and_refuses_other_formats_first(record, tmp_path, monkeypatch):
    monkeypatch.setattr("harness.profiling.session.measure", lambda *asked: record)
    app(["profile", "hrnet_small", "--device", "cpu", "--figure", str(tmp_path / "x.svg")], standalone_mode=False)
    assert (tmp_path / "x.svg").stat().st_size > 3000
    monkeypatch.setattr("harness.profiling.session.measure", lambda *asked: pytest.fail("measured"))
    with pytest.raises(UserError, match=r"x\.gif: the name must end in .*\.svg"):
        app(["profile", "hrnet_small", "--device", "cpu", "--figure", "x.gif"], standalone_mode=False)
