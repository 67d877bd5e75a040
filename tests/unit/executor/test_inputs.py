"""Inputs from options and files, and what is said where they are wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.executor.inputs import (
    InputError,
    default_inputs_path,
    parse_inputs,
    read_inputs,
)


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_value_with_an_at_sign_is_read_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "one.txt").write_text("the text")
    path = write(
        tmp_path / "a.inputs.jsonl",
        '{"document": "@notes/one.txt", "rows": [{"x": "@notes/one.txt"}]}',
    )
    assert read_inputs(path) == ({"document": "the text", "rows": [{"x": "the text"}]},)


def test_two_at_signs_are_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"handle": "@@charter"}')
    assert read_inputs(path) == ({"handle": "@charter"},)


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"a": "1"}', "", '{"a": "2"}')
    assert len(read_inputs(path)) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "a.jsonl:1: not JSON"),
        ("[1]", "a.jsonl:1: a list, not an object"),
        ('{"d": "@missing.txt"}', "a.jsonl:1: cannot read .*missing.txt: No such file"),
        ("", "there are no inputs in it"),
        ('{"d": "@.."}', "Is a directory"),
        ('{"d": "@a\\u0000b"}', "null"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_inputs(write(tmp_path / "a.jsonl", line))


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError) as caught:
        read_inputs(tmp_path / "a.jsonl")
    assert (caught.value.place, caught.value.message) == (
        str(tmp_path / "a.jsonl"),
        "not UTF-8 text",
    )
    assert caught.value.remedy == "save it as UTF-8"


def test_options_give_text_files_and_json(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("from a file")
    options = ["a=plain=text", "b=@n.txt", "c:=[1, 2]", "d=@@home"]
    assert parse_inputs(options, tmp_path) == {
        "a": "plain=text",
        "b": "from a file",
        "c": [1, 2],
        "d": "@home",
    }


@pytest.mark.parametrize("option", ["document", "=x", ":=1", "rows:={"])
def test_a_malformed_option_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(InputError, match="--input"):
        parse_inputs([option], tmp_path)


@given(st.dictionaries(st.text(), st.text().filter(lambda text: not text.startswith("@"))))
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("inputs") / "a.jsonl"
    path.write_text(json.dumps(values) + "\n", encoding="utf-8")
    assert read_inputs(path) == (values,)


def test_inputs_beside_the_agent_are_found(tmp_path: Path) -> None:
    agent = tmp_path / "reader.py"
    assert default_inputs_path(agent) is None
    write(tmp_path / "reader.inputs.jsonl", "{}")
    assert default_inputs_path(agent) == tmp_path / "reader.inputs.jsonl"
