"""Prompts as they will be sent."""

import pytest

from charter_engine.contracts.graph import Call, Dependency, Loop, Segment
from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.assembly import (
    CallInstance,
    MissingInput,
    Piece,
    Prompt,
    assemble,
    expand,
    text_of,
)

SYSTEM = Segment(kind="static", text="Be brief.", name="SYSTEM")
DOCUMENT = Segment(kind="variable", name="document", expression="document")
EXTRACT = Call(
    id="A.f:x",
    path="a.py",
    line=3,
    end_line=3,
    segments=(SYSTEM, DOCUMENT, Segment(kind="static", text="\n\nGo:")),
)
CHECK = Call(
    id="A.f:y",
    path="a.py",
    line=5,
    end_line=5,
    segments=(SYSTEM, Segment(kind="upstream", name="x", call="A.f:x", carried="data"), DOCUMENT),
    depends_on=(Dependency("A.f:x"),),
)
ROWS = Loop(kind="for", line=1, target="row", iterable="rows")


def looped(*segments: Segment, depends_on: tuple[Dependency, ...] = ()) -> Call:
    return Call(
        id="L:z",
        path="a.py",
        line=2,
        end_line=2,
        in_loop=True,
        loop=ROWS,
        segments=segments,
        depends_on=depends_on,
    )


def run(
    calls: tuple[Call, ...], inputs: dict[str, object], plans: dict[str, NodePlan] | None = None
) -> list[str]:
    """Assemble every instance in order, answering each prompt with its node's name in brackets."""
    outputs: dict[tuple[str, int], Piece] = {}
    prompts: dict[tuple[str, int], Prompt] = {}
    for instance in expand(calls, inputs):
        plan = (plans or {}).get(instance.call.id, NodePlan())
        prompts[instance.key] = assemble(instance, plan, outputs, prompts)
        outputs[instance.key] = Piece(
            f"[{instance.call.id}{instance.iteration}]", "upstream", instance.call.id, -1
        )
    return [text_of(prompt) for prompt in prompts.values()]


def test_source_layout_sends_what_the_program_would_send() -> None:
    assert run((EXTRACT, CHECK), {"document": "DOC"}) == [
        "Be brief.DOC\n\nGo:",
        "Be brief.[A.f:x0]DOC",
    ]


def test_prefix_first_permutes_the_segments() -> None:
    plan = NodePlan(layout="prefix-first", order=(0, 2, 1))
    assert run((EXTRACT, CHECK), {"document": "DOC"}, {"A.f:y": plan})[1] == "Be brief.DOC[A.f:x0]"


def test_append_only_continues_the_upstream_prompt_and_output() -> None:
    plan = NodePlan(layout="append-only", extends="A.f:x", order=(0,))
    assert (
        run((EXTRACT, CHECK), {"document": "DOC"}, {"A.f:y": plan})[1]
        == "Be brief.DOC\n\nGo:[A.f:x0]Be brief."
    )


def test_wording_replaces_a_static_segment() -> None:
    plan = NodePlan(wording={0: "Be long."})
    assert run((EXTRACT,), {"document": "DOC"}, {"A.f:x": plan}) == ["Be long.DOC\n\nGo:"]


def test_a_loop_runs_once_for_each_element_with_its_fields_bound() -> None:
    call = looped(Segment(kind="variable", name="company", expression="row['company']"))
    assert run((call,), {"rows": [{"company": "a"}, {"company": "b"}]}) == ["a", "b"]


def test_unpacked_loop_targets_are_bound_by_position() -> None:
    call = looped(Segment(kind="variable", name="b", expression="b"))
    call = Call(
        **{
            **{name: getattr(call, name) for name in call.__struct_fields__},
            "loop": Loop(kind="for", line=1, target="a, b", iterable="rows"),
        }
    )
    assert run((call,), {"rows": [[1, 2], [3, 4]]}) == ["2", "4"]


def test_a_loop_carried_output_reaches_the_next_pass_only() -> None:
    carried = Segment(kind="upstream", name="z", call="L:z", carried="loop")
    call = looped(
        Segment(kind="static", text="go "), carried, depends_on=(Dependency("L:z", "loop"),)
    )
    assert run((call,), {"rows": [1, 2, 3]}) == ["go ", "go [L:z0]", "go [L:z1]"]


def test_a_call_behind_a_loop_gets_all_its_outputs() -> None:
    after = Call(
        id="end",
        path="a.py",
        line=9,
        end_line=9,
        segments=(Segment(kind="upstream", name="z", call="L:z", carried="data"),),
        depends_on=(Dependency("L:z"),),
    )
    assert (
        run((looped(Segment(kind="static", text="go")), after), {"rows": [1, 2]})[2]
        == "[L:z0]\n[L:z1]"
    )


def test_what_joins_several_outputs_is_tokenised_apart_from_their_own_tokens() -> None:
    after = Call(
        id="end",
        path="a.py",
        line=9,
        end_line=9,
        segments=(Segment(kind="upstream", name="z", call="L:z", carried="data"),),
        depends_on=(Dependency("L:z"),),
    )
    instance = expand((looped(Segment(kind="static", text="go")), after), {"rows": [1, 2]})[2]
    outputs = {
        ("L:z", number): Piece(f"o{number}", "upstream", "L:z", -1, (7, number))
        for number in range(2)
    }
    pieces = assemble(instance, NodePlan(), outputs, {})
    assert [(piece.text, piece.token_ids) for piece in pieces] == [
        ("o0", (7, 0)),
        ("\n", ()),
        ("o1", (7, 1)),
    ]


def test_a_missing_value_is_named_with_its_node() -> None:
    (instance,) = expand((EXTRACT,), {})
    with pytest.raises(MissingInput) as missing:
        assemble(instance, NodePlan(), {}, {})
    assert (missing.value.variable, missing.value.node) == ("document", "A.f:x")


@pytest.mark.parametrize(
    "expression", ["__import__('os').getcwd()", "document.__class__", "[x for x in document]"]
)
def test_no_expression_is_ever_executed(expression: str) -> None:
    call = Call(
        id="n",
        path="a.py",
        line=1,
        end_line=1,
        segments=(Segment(kind="variable", expression=expression),),
    )
    with pytest.raises(MissingInput):
        assemble(CallInstance(call, 0, {"document": "x"}, ()), NodePlan(), {}, {})


def test_messages_are_marked_by_role() -> None:
    segments = (
        Segment(kind="static", text="S", role="system"),
        Segment(kind="static", text="U", role="user"),
    )
    call = Call(id="n", path="a.py", line=1, end_line=1, segments=segments)
    assert run((call,), {}) == ["<|system|>\nS\n<|user|>\nU\n<|assistant|>\n"]
