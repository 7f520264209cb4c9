"""Where `harness predict` writes."""

import pytest

from harness.errors import UserError
from harness.predicting import IMAGES, RESULTS, check_folder


def test_predictions_go_to_a_folder_of_their_own(tmp_path):
    check_folder(tmp_path / "new")
    check_folder(tmp_path)  # empty
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match=r"--out .*: the folder holds other files \(thesis\.tex\)"):
        check_folder(tmp_path)
    for name in (RESULTS, IMAGES):
        (tmp_path / name).write_text("")
    check_folder(tmp_path)  # of an earlier call, whatever was put there since
    with pytest.raises(UserError, match=r"thesis\.tex: a file, not a folder"):
        check_folder(tmp_path / "thesis.tex")
