"""Pictures in a page: as they are where there is room, smaller or left out where there is none."""

import base64

import cv2
import numpy as np
import pytest

from harness.page.figures import figures, fit, token_lines


@pytest.fixture
def folder(tmp_path):
    """A large photograph, a small drawing, a document and a file that is no picture."""
    made = tmp_path / "runs" / "figures"
    made.mkdir(parents=True)
    rng = np.random.default_rng(0)
    noise = cv2.resize(rng.integers(0, 250, (120, 180, 3), np.uint8), (1800, 1200), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(made / "photo.png"), noise)
    (made / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    (made / "poses.pdf").write_bytes(b"%PDF-1.4")
    (made / "broken.png").write_bytes(b"no picture" * 10_000)
    return tmp_path / "runs"


def test_with_room_files_come_as_they_are(folder):
    found = {figure.file: figure for figure in figures(folder, 100_000_000)}
    assert list(found) == [f"runs/figures/{name}" for name in ("broken.png", "drawing.svg", "photo.png", "poses.pdf")]
    photo = found["runs/figures/photo.png"].uri
    assert base64.b64decode(photo.partition(",")[2]) == (folder / "figures" / "photo.png").read_bytes()
    assert found["runs/figures/drawing.svg"].uri.startswith("data:image/svg+xml;base64,")  # in <img>: runs no script
    assert found["runs/figures/poses.pdf"].uri is None
    assert "cannot be shown" in " ".join(found["runs/figures/poses.pdf"].notes)


@pytest.mark.parametrize("room", [40_000, 300_000, 900_000])
def test_all_stay_within_the_room_there_is(folder, room):
    found = list(figures(folder, room))
    assert sum(len(figure.uri or "") for figure in found) <= room
    photo = next(figure for figure in found if figure.file.endswith("photo.png"))
    assert (photo.uri or "data:image/webp").startswith("data:image/webp")
    assert any("Compressed for the page" in note or "Too large" in note for note in photo.notes)


def test_a_picture_shrinks_before_it_is_left_out(folder):
    path = folder / "figures" / "photo.png"
    sizes = []
    for room in (500_000, 300_000, 200_000):
        uri, note = fit(path, room)
        assert uri is not None, note
        image = cv2.imdecode(np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
        sizes.append(image.shape[1])
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 1800
    assert fit(path, 1000) == (None, "Too large for the page.")
    assert fit(folder / "figures" / "broken.png", 1000) == (None, "It cannot be read as a picture.")


def test_measured_shares_of_tokens_are_lines_of_a_table():
    stages = [{"people": {"share": 0.25, "density": 1.0, "interval": None}, "hands": {"share": 0.01, "density": None}},
              {"people": {"share": 0.5, "density": 2.0, "interval": [1.9, 2.1]}}]
    assert token_lines({"networks": [{"title": "TCFormer", "stages": stages}]}) == (
        ("Tokens on", "Stage", "people", "hands"),
        ("TCFormer", "1", "25.0% ×1.00", "1.0%"),
        ("TCFormer", "2", "50.0% ×2.00 [1.90, 2.10]", "—"))


@pytest.mark.parametrize("numbers", [None, {}, {"oks": {}}, {"networks": "many"}, {"networks": [{"stages": [3]}]}, []])
def test_other_numbers_are_no_table(numbers):
    assert token_lines(numbers) == ()
