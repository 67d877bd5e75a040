"""Every decision can be asked for."""

import tomllib

from charter_engine.analysis.compile import CompileOptions, compile_source
from charter_engine.analysis.explain import explain, nearest
from charter_engine.parser.model_calls.catalogue import extended_catalogue

SOURCE = """from openai import OpenAI
client = OpenAI()
def run(x, db):
    plan = client.chat.completions.create(messages=[{"role": "user", "content": x}])
    rows = db.query("select something from somewhere")
    return client.chat.completions.create(messages=[{"role": "user", "content": f"Do {plan}"}])
"""


def test_a_call_tells_its_family_segments_and_edges() -> None:
    told = "\n".join(explain("a.py", {"a.py": SOURCE}, 6))
    assert "openai.chat" in told
    assert "the output of run:plan" in told
    assert "data, by way of local" in told


def test_a_line_that_is_no_call_tells_why() -> None:
    assert (
        "db.query(…) is no call: the receiver `db` is no model"
        in explain("a.py", {"a.py": SOURCE}, 5)[0]
    )


def test_a_line_without_calls_says_so() -> None:
    assert explain("a.py", {"a.py": SOURCE}, 3) == ("line 3 calls nothing that could be a model",)


CLIENT = """from corp.brain import Brain
from pkg.other import think

brain = Brain()


def go(x):
    text = brain.ponder(prompt=f"Think of {x}", model="m")
    return think(text)
"""
PACKAGE = {"pkg/main.py": CLIENT, "pkg/other.py": "def think(text):\n    return text.upper()\n"}


def test_a_call_that_is_not_there_tells_the_lines_that_would_make_it_one() -> None:
    told = explain("pkg/main.py", PACKAGE, 8)
    assert told[0].startswith("brain.ponder(…) is no call: ")
    assert '  paths = ["brain.ponder"]' in told


def test_the_lines_told_make_it_a_call() -> None:
    table = tomllib.loads("\n".join(nearest(PACKAGE)[2:]))
    options = CompileOptions(catalogue=extended_catalogue(table["recognizers"]))
    (call,) = compile_source("pkg/main.py", CLIENT, options=options).calls
    assert (call.line, call.family) == (8, "mine")
    assert [segment.kind for segment in call.segments] == ["static", "variable"]


def test_a_line_of_a_package_is_explained_with_what_it_imports() -> None:
    told = explain("pkg/main.py", PACKAGE, 9)
    assert told[0] == "think(…) is no call: it is followed, but it is no wrapper of one"


def test_the_same_line_of_another_file_is_not_meant() -> None:
    told = explain("pkg/other.py", PACKAGE, 2)
    assert not any("ponder" in words for words in told)


def test_of_files_without_calls_the_nearest_is_told_with_its_place() -> None:
    assert nearest(PACKAGE)[0].startswith("pkg/main.py:8: brain.ponder(…) is no call")


def test_where_nothing_speaks_of_a_model_nothing_is_near() -> None:
    assert nearest({"a.py": "import os\nprint(os.getcwd())\n"}) == ()


def test_what_is_given_a_prompt_is_near_whatever_its_name_says() -> None:
    source = "import brain\ndef run(prompt):\n    return brain.execute_prompt(prompt)\n"
    assert nearest({"a.py": source})[0].startswith("a.py:3: brain.execute_prompt(…) is no call")
