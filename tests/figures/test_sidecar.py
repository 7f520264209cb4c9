"""What is written beside a figure."""

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from harness.errors import UserError
from harness.figures import sidecar
from harness.figures.rows import open_row
from harness.profiling.figures import FORMATS, save


def description(**more):
    return sidecar.Description("tokens", "title", "alt", "harness figure tokens", [], [], [], **more)


def test_it_says_what_the_figure_shows(tmp_path):
    figure = tmp_path / "a.b.png"
    path = sidecar.write(figure, description(numbers={"x": 1}))
    assert path == tmp_path / "a.b.json"
    said = json.loads(path.read_text())
    assert (said["kind"], said["schema"], said["file"], said["numbers"]) == ("figure", 1, "a.b.png", {"x": 1})
    before = path.read_bytes()
    sidecar.check_target(figure)  # one's own may be replaced
    sidecar.write(figure, description(numbers={"x": 1}))
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"images": [], "annotations": []}'])
def test_a_file_that_describes_no_figure_is_never_replaced(tmp_path, text):
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(UserError, match=r"people\.png, which is described in .*people\.json: is there and is no desc"):
        sidecar.check_target(tmp_path / "people.png")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_photograph_in_a_figures_place_is_kept(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    save(path, Figure)
    sidecar.check_target(path)
    path.write_bytes(b"a photograph")
    with pytest.raises(UserError, match=r"--out .*: is there and is no figure of this program"):
        sidecar.check_target(path)
    assert path.read_bytes() == b"a photograph"


def test_a_figure_that_was_not_told_where_goes_to_the_results():
    assert sidecar.default_file(Path("runs"), "tokens", "a+b", "", "5") == Path("runs/figures/tokens-a+b-5.png")
    assert sidecar.default_file(Path("runs"), "tokens", "../../etc/x y$").name == "tokens-..-..-etc-x-y.png"
    long = [sidecar.default_file(Path("runs"), "tokens", "x" * 90, end).name for end in "ab"]
    assert all(len(name) <= sidecar.LONGEST_NAME + len(".png") for name in long)
    assert long[0] != long[1]


def test_a_row_is_told_by_the_content_of_its_weights(tmp_path):
    row = open_row("tcformer_small", tmp_path)
    facts = sidecar.row_facts(row, tmp_path)
    assert facts["weights"]["sha256"] is None
    assert facts["model"] == "tcformer_small"
    assert facts["record"] is None
