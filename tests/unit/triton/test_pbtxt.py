"""Parameters edited in the text of a configuration, and nothing else."""

import pytest

from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.model_config import (
    config_bytes,
    config_text,
    edit_parameters,
    parameters_in,
)

SITE = """\
# site comment: do not touch
name: "m"  # theirs
field_of_a_newer_triton { depth: [1, 2] inner < text: "} # no comment" > }
parameters: [
  { key: "first" value: { string_value: "1" } },  # why
  { key: 'second', value { string_value: "tw" 'o' } }
]
parameters {
  key: "third"
  value: < string_value: "${third}" >;
}
input [ { name: "i" data_type: TYPE_INT32 dims: [ -1 ] } ]
"""


def edited(changes: dict[str, str | None], text: str = SITE) -> str:
    return edit_parameters(text, changes, "m")


@pytest.mark.parametrize("key", ["first", "second", "third"])
@pytest.mark.parametrize("value", ["x", 'say "#}"', "ü\n", ""])
def test_a_value_is_replaced_where_it_stands(key: str, value: str) -> None:
    text = edited({key: value})
    assert parameters_in(text.encode(), "m") == {
        **parameters_in(SITE.encode(), "m"),
        key: value,
    }
    assert len(text.splitlines()) == len(SITE.splitlines())
    assert "# site comment" in text and "# theirs" in text and "# why" in text
    assert "field_of_a_newer_triton { depth: [1, 2] inner < text" in text


@pytest.mark.parametrize("key", ["first", "second", "third"])
def test_a_parameter_is_cut_out_and_the_rest_stays(key: str) -> None:
    text = edited({key: None})
    expected = parameters_in(SITE.encode(), "m")
    del expected[key]
    assert parameters_in(text.encode(), "m") == expected
    assert "# site comment" in text and "# theirs" in text and "# why" in text


def test_a_parameter_that_was_added_leaves_no_trace_when_it_goes() -> None:
    assert edited({"fourth": None}, edited({"fourth": "4"})) == SITE


def test_equal_values_change_nothing() -> None:
    assert edited({"first": "1", "second": "two", "third": "${third}"}) == SITE


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift-jis"])
def test_comments_in_another_encoding_survive(encoding: str) -> None:
    comment = {"shift-jis": "設定"}.get(encoding, "café")
    content = f"# {comment}\r\n{SITE}".encode(encoding)
    text = edited({"first": "9", "fourth": "4"}, config_text(content))
    assert config_bytes(text).startswith(f"# {comment}\r\n".encode(encoding))
    assert config_bytes(edited({"first": "1", "fourth": None}, text)) == content


def test_a_text_that_is_no_configuration_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidInput, match=r"m: .*2:"):
        edited({"a": "1"}, 'name: "m"\nparameters { key: ]')
