"""Every file of `harness/specs/` can be read."""

import pytest

from harness.files import read_yaml, specs_dir


@pytest.mark.parametrize("path", sorted(specs_dir().rglob("*.yaml")), ids=lambda path: path.stem)
def test_it_is_yaml_with_something_in_it(path):
    assert read_yaml(path)
