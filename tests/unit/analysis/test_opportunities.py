"""The five detectors."""

from collections.abc import Sequence

from msgspec.structs import replace

from charter_engine.analysis.opportunities import find_opportunities, opportunities_by_file
from charter_engine.contracts.graph import Call, Dependency, Loop, Opportunity, Segment
from tests.unit.plan.agents import DELTA_CALLS, DOCUMENT_CALLS, SYSTEM


def of(calls: Sequence[Call], pattern: str) -> list[Opportunity]:
    return [item for item in find_opportunities(calls) if item.pattern == pattern]


def call(name: str, *segments: Segment, after: Sequence[str] = (), **fields: object) -> Call:
    dependencies = tuple(Dependency(other) for other in after)
    made = Call(
        id=name, path="a.py", line=1, end_line=1, segments=segments, depends_on=dependencies
    )
    return replace(made, **fields)


def test_three_prompts_with_one_system_prompt_are_one_group() -> None:
    (group,) = of(DOCUMENT_CALLS, "shared_prefix")
    assert group.nodes == tuple(item.id for item in DOCUMENT_CALLS)
    assert group.shared_tokens >= len(SYSTEM.text) // 4


def test_a_longer_prefix_of_some_prompts_is_a_group_of_its_own() -> None:
    task = Segment(kind="static", text="\n\nTranslate the text carefully into plain English.")
    calls = (call("a", SYSTEM, task), call("b", SYSTEM, task, SYSTEM), call("c", SYSTEM))
    assert [group.nodes for group in of(calls, "shared_prefix")] == [("a", "b", "c"), ("a", "b")]


def test_some_prompts_may_begin_alike_for_longer_than_all_do() -> None:
    def saying(name: str, text: str) -> Call:
        return call(name, Segment(kind="static", text=text))

    plan = "Based on the requirements of the product, come up with a plan to "
    calls = (
        saying("test", f"{plan}test the code."),
        saying("sum", "Beyond that, sum up what was found in a line."),
        saying("document", f"{plan}document the code in full for those who read it."),
        saying("deploy", f"{plan}document the code in full for those who run it."),
    )
    found = of(calls, "shared_prefix")
    assert [group.nodes for group in found] == [
        ("test", "document", "deploy"),
        ("document", "deploy"),
    ]
    longer = f"{plan}document the code in full for those who "
    assert [group.shared_tokens for group in found] == [len(plan) // 4, len(longer) // 4]


def test_a_beginning_in_chinese_counts_more_tokens_than_one_in_latin_letters() -> None:
    def told(beginning: str) -> list[Opportunity]:
        texts = (f"{beginning}写文章。", f"{beginning}写大纲。")
        names = zip("ab", texts, strict=True)
        calls = [call(name, Segment(kind="static", text=text)) for name, text in names]
        return of(calls, "shared_prefix")

    assert [group.nodes for group in told("你是一个新闻播客的")] == []
    assert [group.nodes for group in told("你是一个全天不间断人工智能新闻播客的")] == [("a", "b")]


def test_unknown_text_is_never_taken_for_shared() -> None:
    unknown = Segment(kind="unknown", tokens=100)
    assert of((call("a", unknown, SYSTEM), call("b", unknown, SYSTEM)), "shared_prefix") == []


def test_definitions_that_differ_have_no_prefix_in_common() -> None:
    head = '{"type": "function", "function": {"name": "NAME", "parameters": {"type": "object"}}}'
    search, read = (
        Segment(kind="static", text=head.replace("NAME", name)) for name in ("search", "read")
    )
    differing = (call("a", SYSTEM, head=(search,)), call("b", SYSTEM, head=(read,)))
    assert of(differing, "shared_prefix") == []
    alike = (call("a", SYSTEM, head=(search,)), call("b", SYSTEM, head=(search,)))
    assert [group.nodes for group in of(alike, "shared_prefix")] == [("a", "b")]


def test_a_chain_is_reported_whole_with_what_it_repeats() -> None:
    (chain,) = of(DOCUMENT_CALLS, "sequential_chain")
    assert chain.nodes == tuple(item.id for item in DOCUMENT_CALLS)
    assert chain.constant == ("document",)


def test_every_call_that_is_fed_is_part_of_a_chain() -> None:
    calls = (
        call("lead", SYSTEM),
        call("search", SYSTEM, after=["lead"]),
        call("write", SYSTEM, after=["lead"]),
        call("check", SYSTEM, after=["write"]),
    )
    assert [chain.nodes for chain in of(calls, "sequential_chain")] == [
        ("lead", "search"),
        ("lead", "write", "check"),
    ]


def test_an_output_with_two_uses_is_a_branching() -> None:
    calls = (call("a", SYSTEM), call("b", SYSTEM, after=["a"]), call("c", SYSTEM, after=["a"]))
    (branching,) = of(calls, "branching")
    assert branching.nodes == ("a", "b", "c")


def test_a_fan_out_is_a_branching_of_one_node() -> None:
    assert [item.nodes for item in of((call("a", SYSTEM, fanout="gather"),), "branching")] == [
        ("a",)
    ]


def test_a_loop_names_what_is_constant_and_what_varies() -> None:
    (invariant,) = of(DELTA_CALLS, "loop_invariant")
    (delta,) = of(DELTA_CALLS, "delta_matching")
    assert invariant.varying == delta.varying == ("company", "year")
    assert delta.shared_tokens == invariant.shared_tokens > 0


def test_spaces_between_what_varies_are_no_constant_text() -> None:
    between = Segment(kind="static", text="\n\n", tokens=1)
    first, second = (Segment(kind="variable", name=name) for name in ("first", "second"))
    calls = [call("look", first, between, second, in_loop=True, loop=Loop(kind="for", line=1))]
    assert of(calls, "loop_invariant") == []


def test_loops_that_carry_their_own_output_are_no_error() -> None:
    looped = call(
        "a",
        SYSTEM,
        in_loop=True,
        loop=Loop(kind="while", line=1),
        depends_on=(Dependency("a", "loop"), Dependency("gone")),
    )
    assert {item.pattern for item in find_opportunities((looped,))} == {"loop_invariant"}


def test_a_node_of_a_fork_fills_its_template_once() -> None:
    filled = call("a", SYSTEM, Segment(kind="variable", name="plan"), fanout="fork")
    assert of((filled,), "delta_matching") == []


def test_a_template_is_filled_as_well_by_a_call_that_gives_a_text_of_its_own() -> None:
    topic = Segment(kind="variable", name="topic")
    sea = Segment(kind="static", text="the Baltic Sea")
    rules = Segment(kind="static", text="Be brief.")
    asked, tried = call("asked", SYSTEM, topic, rules), call("tried", SYSTEM, sea, rules)
    (delta,) = of((asked, tried), "delta_matching")
    assert delta.nodes == ("asked", "tried")
    assert delta.varying == ("topic",)


def test_a_call_with_other_rules_fills_another_template() -> None:
    topic = Segment(kind="variable", name="topic")
    sea, rules, others = (
        Segment(kind="static", text=text) for text in ("the sea", "Be brief.", "Be kind.")
    )
    calls = (call("a", SYSTEM, topic, rules), call("b", SYSTEM, sea, others), call("c", SYSTEM))
    assert of(calls, "delta_matching") == []


def test_a_wrappers_call_and_the_clients_call_behind_it_share_nothing() -> None:
    asked = call("wrapper", SYSTEM, kind="wrapper", via=("client",))
    assert find_opportunities((call("client", SYSTEM), asked)) == ()


def test_a_loop_within_a_wrapper_is_the_clients_calls() -> None:
    turn = call("client", SYSTEM, in_loop=True, loop=Loop(kind="while", line=1))
    asked = call("wrapper", SYSTEM, kind="wrapper", via=("client",))
    assert [(item.pattern, item.nodes) for item in find_opportunities((turn, asked))] == [
        ("loop_invariant", ("client",))
    ]


def test_what_the_callers_of_a_wrapper_repeat_is_theirs_alone() -> None:
    again = (Loop(kind="for", line=1),)
    sent = call("client", SYSTEM, repeated_by=again)
    asked = call("wrapper", SYSTEM, kind="wrapper", via=("client",), repeated_by=again)
    assert [item.nodes for item in of((sent, asked), "loop_invariant")] == [("wrapper",)]
    assert [item.nodes for item in of((sent,), "loop_invariant")] == [("client",)]


def test_an_opportunity_stands_in_the_file_of_its_first_call() -> None:
    calls = (call("a", SYSTEM, path="a.py"), call("b", SYSTEM, after=["a"], path="b.py"))
    found = opportunities_by_file(calls)
    assert {path: [item.pattern for item in items] for path, items in found.items()} == {
        "a.py": ["shared_prefix", "sequential_chain"]
    }


def test_a_single_call_offers_nothing() -> None:
    assert find_opportunities((call("a", SYSTEM),)) == ()


def test_a_call_that_a_framework_starts_for_each_task_repeats_its_constant_text() -> None:
    (found,) = of((call("a", SYSTEM, fanout="send"),), "loop_invariant")
    assert found.nodes == ("a",)
    assert of((call("a", SYSTEM, fanout="fork"),), "loop_invariant") == []
