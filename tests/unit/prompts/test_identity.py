"""An agent is known by its name and its calls, wherever its source lies."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.analysis.compile import CompileOptions, compile_source, compile_sources
from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.errors import UsageError
from charter_engine.prompts.identity import identity_of

AGENT = dedent(
    """
    def answer(client, question, document):
        facts = client.generate("List the facts of this document.\\n\\n" + document, max_tokens=99)
        reply = client.generate("Answer the question.\\n\\n" + question + facts, max_tokens=99)
        return reply
    """
)


def identity(source: str, path: str = "agent.py") -> AgentIdentity:
    return identity_of(path, compile_source(path, source).calls)


def changed(before: AgentIdentity, after: AgentIdentity) -> set[str]:
    return {name for name in before.calls if before.calls[name] != after.calls.get(name)}


@pytest.mark.parametrize(
    "path", ["/home/ann/agent.py", "/agents/agent.py", "./agent.py", "../here/agent.py"]
)
def test_the_same_source_at_another_path_has_the_same_identity(path: str) -> None:
    assert identity(AGENT, path) == identity(AGENT)


def test_a_file_is_named_by_its_stem() -> None:
    assert identity(AGENT, "/agents/desk.v2.py").name == "desk.v2"


@pytest.mark.parametrize("path", ["/agents/desk", "desk/", "./desk", "desk/tools/.."])
def test_a_package_is_named_by_its_folder(path: str) -> None:
    assert identity_of(path, ()).name == "desk"


@pytest.mark.parametrize("path", [".", "..", "/", ""])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="names no agent"):
        identity_of(path, ())


def test_a_package_in_another_checkout_has_the_same_identity() -> None:
    def package(root: str) -> AgentIdentity:
        sources: dict[str, str | bytes] = {
            str(Path(root, "desk", name)): AGENT for name in ("first.py", "inner/second.py")
        }
        files = compile_sources(sources, options=CompileOptions()).files
        return identity_of(f"{root}/desk", [call for file in files for call in file.calls])

    here = package("/home/ann/checkout")
    assert len(here.calls) == 4
    assert here == package("elsewhere")


def test_lines_comments_and_unrelated_code_change_nothing() -> None:
    edited = "# A comment.\nimport json\n\n\ndef unrelated():\n    return json\n" + AGENT
    assert identity(edited) == identity(AGENT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Answer the question.", "Answer the question briefly."),
        ("question + facts", "facts + question"),
        ("question + facts", "facts"),
    ],
)
def test_another_prompt_changes_the_digest_of_its_call_only(old: str, new: str) -> None:
    before, after = identity(AGENT), identity(AGENT.replace(old, new))
    assert changed(before, after) == {"answer:reply"}
    assert before.fingerprint != after.fingerprint


def test_another_role_changes_the_digest() -> None:
    call = Call(id="a:b", path="a.py", line=1, end_line=1, segments=(Segment(kind="static"),))
    as_system = replace(call, segments=(Segment(kind="static", role="system"),))
    assert identity_of("a.py", [call]).calls != identity_of("a.py", [as_system]).calls


def test_another_id_changes_the_fingerprint() -> None:
    renamed = identity(AGENT.replace("answer(", "respond("))
    assert renamed.fingerprint != identity(AGENT).fingerprint


TEXTS = st.text(max_size=4)
SEGMENTS = st.builds(Segment, kind=st.just("static"), text=TEXTS) | st.builds(
    Segment, kind=st.just("variable"), expression=TEXTS
)
PROMPTS = st.lists(SEGMENTS, max_size=4).map(tuple)


def with_prompts(prompts: Sequence[tuple[Segment, ...]], line: int = 1) -> list[Call]:
    return [
        Call(id=f"f:{number}", path="a.py", line=line, end_line=line, segments=segments)
        for number, segments in enumerate(prompts)
    ]


@given(st.lists(PROMPTS, min_size=1, max_size=4), PROMPTS, st.data())
def test_fingerprints_differ_exactly_where_some_prompt_does(
    prompts: Sequence[tuple[Segment, ...]], other: tuple[Segment, ...], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(prompts) - 1))
    edited = [*prompts[:place], other, *prompts[place + 1 :]]
    before = identity_of("a.py", with_prompts(prompts))
    after = identity_of("a.py", with_prompts(edited))
    assert changed(before, after) == (set() if other == prompts[place] else {f"f:{place}"})
    assert (before.fingerprint == after.fingerprint) == (other == prompts[place])


@given(st.permutations(range(4)), st.integers(1, 900))
def test_neither_the_order_of_calls_nor_their_lines_count(order: list[int], line: int) -> None:
    prompts = [(Segment(kind="static", text=str(number)),) for number in range(4)]
    calls = with_prompts(prompts, line)
    assert identity_of("a.py", [calls[number] for number in order]) == identity_of(
        "a.py", with_prompts(prompts)
    )
