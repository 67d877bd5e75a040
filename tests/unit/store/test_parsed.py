"""Sources that are parsed once."""

import ast
import pickle

from charter_engine.store.parsed import ParsedSources


def test_a_source_is_parsed_once_for_its_imports_and_to_be_compiled() -> None:
    parsed = ParsedSources()
    read = parsed.read("a.py", b"import b")
    assert parsed.take("a.py", b"import b") is read


def test_a_tree_is_not_kept_once_it_was_taken() -> None:
    parsed = ParsedSources()
    read = parsed.read("a.py", b"import b")
    parsed.take("a.py", b"import b")
    assert parsed.take("a.py", b"import b") is not read


def test_a_source_that_changed_meanwhile_is_parsed_again() -> None:
    parsed = ParsedSources()
    parsed.read("a.py", b"import b")
    assert ast.unparse(parsed.take("a.py", b"import c").tree) == "import c"


def test_no_tree_is_handed_to_another_process() -> None:
    parsed = ParsedSources()
    read = parsed.read("a.py", b"import b")
    assert pickle.loads(pickle.dumps(parsed)).take("a.py", b"import b") is not read
