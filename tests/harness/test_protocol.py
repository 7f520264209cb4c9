import pytest

from harness.errors import UserError
from harness.protocol import Protocol, make_protocol, merge, parse_setting, setting_names


def test_defaults_are_the_common_published_protocol():
    protocol = Protocol()
    assert (protocol.crop.padding, protocol.augment.shift, protocol.augment.rotation) == (1.25, 0.16, 40)
    assert (protocol.test.visible_score, protocol.test.nms_oks, protocol.test.flip_shift) == (0.2, 0.9, True)
    assert (protocol.train.epochs, protocol.train.milestones) == (210, (170, 200))
    assert protocol.target.loss == "mse"


def test_a_setting_is_parsed_as_yaml_and_checked():
    values = merge(parse_setting("train.lr=0.002"), parse_setting("train.milestones=[3, 5]"))
    protocol = make_protocol(values, "test")
    assert protocol.train.lr == 0.002
    assert protocol.train.milestones == (3, 5)


@pytest.mark.parametrize(("text", "words"), [
    ("train.lrr=1", "train.lr"),
    ("lr=1", "train.lr"),
    ("train.lr", "key=value"),
])
def test_a_wrong_setting_name_gets_the_nearest(text, words):
    with pytest.raises(UserError, match=words):
        parse_setting(text)


@pytest.mark.parametrize("text", ["train.lr=fast", "train.lr=-1", "target.loss=l1", "train.milestones=[5, 3]",
                                  "crop.width=97"])
def test_a_wrong_value_names_setting_and_value(text):
    name, value = text.split("=")
    with pytest.raises(UserError) as error:
        make_protocol(parse_setting(text), "--set")
    assert name.split(".")[0] in str(error.value)
    assert value.strip("[]").split(",")[0] in str(error.value)


def test_merge_is_deep_and_leaves_its_layers_alone():
    low, high = {"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}
    assert merge(low, high) == {"a": {"x": 1, "y": 3}}
    assert low == {"a": {"x": 1, "y": 2}}


def test_every_setting_has_a_dotted_name():
    assert "train.lr" in setting_names()
    assert all(name.count(".") == 1 for name in setting_names())
