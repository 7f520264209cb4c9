"""Reading a file's lists in pieces gives what reading it whole gives."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.coco import read_coco_split
from harness.data.scan import list_chunks
from harness.errors import UserError
from harness.layout import load_layout

TEXT = st.text(alphabet='ab"\\{}[],: \n\u00e9\U0001f600')
VALUE = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False)
                     | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
CONTENT = st.dictionaries(st.sampled_from(["images", "annotations", "info", "x"]),
                          st.lists(st.dictionaries(TEXT, VALUE, max_size=3) | VALUE, max_size=6) | VALUE)


def joined(path, chunk_bytes):
    """All pieces of each list together, checked to follow each other."""
    found = {}
    for field, first, entries in list_chunks(path, ("images", "annotations"), "annotations", chunk_bytes):
        if first:
            assert first == len(found[field])
            found[field] += entries
        else:
            found[field] = entries
    return found


@settings(max_examples=150, deadline=None)
@given(CONTENT, st.integers(0, 60), st.sampled_from([None, 1]), st.booleans())
def test_pieces_of_any_json_are_the_whole(tmp_path_factory, content, chunk, indent, ascii_only):
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    expected = {field: content[field] for field in ("images", "annotations") if field in content}
    assert joined(path, chunk) == expected


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.85, 0.99])
def test_a_file_that_is_cut_off_is_told_with_the_byte(tmp_path, share):
    whole = json.dumps({"images": [{"id": i, "a": 'x"{'} for i in range(50)], "annotations": [{"b": [1, 2]}] * 50})
    path = tmp_path / "cut.json"
    path.write_text(whole[:int(share * len(whole))])
    with pytest.raises(UserError, match=r"annotations: .*cut\.json is not valid JSON: .* at byte [\d,]+ of [\d,]+$"):
        joined(path, 64)


def test_damage_inside_a_piece_is_told_with_the_byte(tmp_path):
    text = json.dumps({"images": [{"id": i} for i in range(50)]}).replace('"id": 30', '"id": 3x')
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match=f"at byte {text.index('3x') + 1:,}"):
        joined(path, 64)


def test_what_is_no_number_in_json_is_left_to_the_reader(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"images": [{"id": 1}, {"id": NaN}]}')
    found = joined(path, 4)["images"]
    assert found[0] == {"id": 1}
    assert found[1]["id"] != found[1]["id"]


@pytest.mark.shared
def test_the_sample_is_equal_in_pieces(shared, monkeypatch):
    root = shared / "data" / "coco-wholebody-sample"
    layout = load_layout("coco-wholebody")

    def read():
        return read_coco_split(root / "annotations" / "coco_wholebody_val_v1.0.json", root / "val2017", layout, "d",
                               "val", None)

    whole = read()
    monkeypatch.setattr("harness.data.scan.CHUNK_BYTES", random.Random(0).randrange(5_000, 40_000))
    pieces = read()
    assert pieces.images.path == whole.images.path
    for table in ("images", "people"):
        for name, column in vars(getattr(whole, table)).items():
            if name != "path":
                assert (getattr(getattr(pieces, table), name) == column).all()
