"""Files that import each other are compiled together, and ids are unique in a package."""

import re

import pytest

from charter_engine.analysis.clusters import with_distinct_ids
from charter_engine.analysis.compile import compile_source, module_names
from charter_engine.contracts.graph import CompiledFile
from charter_engine.parser.source import clusters as parts
from charter_engine.parser.source.clusters import Import, Importing
from charter_engine.store.packages import imports_in
from charter_engine.store.parsed import ParsedSources

ASK = (
    "def ask(client, question):\n"
    "    answer = client.generate('Answer: ' + question, max_tokens=9)\n"
    "    return client.generate('Shorten this answer: ' + answer, max_tokens=9)\n"
)


def clusters(**sources: str) -> set[frozenset[str]]:
    """Clusters of a package in /srv/desk; `a__b` stands for the path a/b.py, `a__init` for
    a/__init__.py."""
    paths = {name: re.sub(r"\binit$", "__init__", name.replace("__", "/")) for name in sources}
    contents = {f"/srv/desk/{paths[name]}.py": source for name, source in sources.items()}
    names = module_names(contents)
    files = {
        path: Importing(names[path], imports_in(path, source.encode(), ParsedSources()))
        for path, source in contents.items()
    }
    found = parts.clusters(files)
    return {
        frozenset(path.removeprefix("/srv/desk/").removesuffix(".py") for path in paths)
        for paths in found
    }


def test_imports_are_read_wherever_they_stand() -> None:
    source = (
        b"import a.b, c\n"
        b"def f():\n    try:\n        from ..d import e, g\n"
        b"    except E:\n        from . import h\n"
    )
    assert set(imports_in("file.py", source, ParsedSources())) == {
        Import(0, "", ("a.b", "c")),
        Import(2, "d", ("e", "g")),
        Import(1, "", ("h",)),
    }


@pytest.mark.parametrize("source", [b"def f(:", b"x = '\0'", b"(" * 5000])
def test_a_file_that_cannot_be_parsed_imports_nothing(source: bytes) -> None:
    assert imports_in("file.py", source, ParsedSources()) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "import tools",
        "from tools import ask",
        "from . import tools",
        "from .tools import ask",
        "from desk import tools",
        "from desk.tools import ask",
        "from srv.desk.tools import ask",
    ],
)
def test_an_import_connects_two_files(statement: str) -> None:
    assert clusters(main=statement, tools="x = 1", other="y = 1") == {
        frozenset(("main", "tools")),
        frozenset(("other",)),
    }


def test_clusters_grow_along_imports_in_either_direction() -> None:
    found = clusters(a="import b", b="", c="import b", d="import c", alone="import json")
    assert found == {frozenset("abcd"), frozenset(("alone",))}


def test_an_import_of_what_two_folders_have_names_the_nearer_one() -> None:
    found = clusters(a__main="from .tools import x", a__tools="", b__tools="")
    assert found == {frozenset(("a/main", "a/tools")), frozenset(("b/tools",))}


def test_a_package_that_stands_in_no_other_is_known_by_its_own_name() -> None:
    found = clusters(src__shop__init="", run__main="import shop", other="")
    assert found == {frozenset(("src/shop/__init__", "run/main")), frozenset(("other",))}


def test_a_package_within_another_is_not_known_by_its_own_name_alone() -> None:
    found = clusters(src__init="", src__shop__init="", run__main="import shop")
    assert frozenset(("run/main",)) in found


def test_what_the_package_itself_imports_that_is_compiled_belongs_to_it() -> None:
    found = clusters(init="from .make import x", make="", main="from desk import x")
    assert found == {frozenset(("__init__", "make", "main"))}


def compiled(path: str, source: str = ASK) -> tuple[CompiledFile, ...]:
    return (compile_source(path, source),)


NAMES = {"a.py": "a", "b.py": "b", "c.py": "c"}


def test_ids_that_two_clusters_have_get_the_name_of_their_module() -> None:
    found = with_distinct_ids([compiled("a.py"), compiled("b.py")], NAMES)
    ids = [call.id for cluster in found for file in cluster for call in file.calls]
    assert ids == ["a.ask:answer", "a.ask:3", "b.ask:answer", "b.ask:3"]


def test_what_names_a_call_follows_its_new_id() -> None:
    (first,), _ = with_distinct_ids([compiled("a.py"), compiled("b.py")], NAMES)
    shorten = first.calls[1]
    assert [edge.call for edge in shorten.depends_on] == ["a.ask:answer"]
    assert [segment.call for segment in shorten.segments if segment.call] == ["a.ask:answer"]
    chain = next(item for item in first.opportunities if item.pattern == "sequential_chain")
    assert chain.nodes == ("a.ask:answer", "a.ask:3")


def test_ids_that_are_unique_already_stay() -> None:
    clusters = [compiled("a.py"), compiled("c.py", ASK.replace("ask", "tell"))]
    assert with_distinct_ids(clusters, NAMES) == clusters
