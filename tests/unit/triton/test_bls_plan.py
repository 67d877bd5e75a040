"""From a plan and an agent's calls to what `charter_bls` reads."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from charter_engine.bls.checks import PlanError
from charter_engine.bls.matching import NodeIndex
from charter_engine.bls.plan import parse_plan
from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.bls.reuse_times import reuse_times_section
from charter_engine.contracts.graph import Call, Dependency, Segment
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.plan.retention.online import online
from charter_engine.triton.bls_plan import (
    compile_bls_plan,
    plan_text,
    reuse_times_in_words,
    reuse_times_of,
)
from charter_engine.triton.errors import InvalidInput
from tests.unit.bls.streams import model

pytestmark = pytest.mark.slow


def call(name: str, *segments: Segment, after: tuple[str, ...] = ()) -> Call:
    return Call(
        id=name,
        path="a.py",
        line=1,
        end_line=2,
        segments=segments,
        depends_on=tuple(Dependency(item) for item in after),
    )


def static(text: str) -> Segment:
    return Segment(kind="static", text=text)


FIRST = call(
    "first", static("System. "), Segment(kind="variable", name="document"), static(" Names:")
)
SECOND = call(
    "second",
    static("System. "),
    Segment(kind="upstream", name="names", call="first", carried="data"),
    static(" Verdict:"),
    after=("first",),
)


def compiled(**nodes: NodePlan) -> dict[str, Any]:
    text = compile_bls_plan(Plan(agent="a.py", nodes=nodes), (FIRST, SECOND), 7)
    document: dict[str, Any] = json.loads(text)
    return document


def test_static_segments_keep_their_text_and_others_their_place() -> None:
    (node,) = compiled(first=NodePlan())["nodes"]
    assert node["forms"] == [{"pieces": ["System. ", None, " Names:"], "positions": [0, 1, 2]}]


def test_a_reordered_prompt_is_known_in_both_orders() -> None:
    (node,) = compiled(first=NodePlan(layout="prefix-first", order=(2, 0, 1)))["nodes"]
    assert [form["pieces"] for form in node["forms"]] == [
        [" Names:", "System. ", None],
        ["System. ", None, " Names:"],
    ]
    assert node["forms"][1]["positions"] == [1, 2, 0]


def test_a_continued_prompt_holds_the_whole_prompt_before_it_and_its_output() -> None:
    document = compiled(
        first=NodePlan(), second=NodePlan(layout="append-only", extends="first", order=(2,))
    )
    node = document["nodes"][1]
    assert node["forms"][0]["pieces"] == ["System. ", None, " Names:", None, " Verdict:"]
    assert node["continues"] is True


def test_what_is_compiled_finds_the_prompts_it_was_compiled_from() -> None:
    text = compile_bls_plan(
        Plan(
            agent="a.py",
            nodes={
                "first": NodePlan(),
                "second": NodePlan(layout="append-only", extends="first", order=(2,)),
            },
        ),
        (FIRST, SECOND),
        1,
    )
    index = NodeIndex(parse_plan(text).nodes.values())
    match = index.find("System. a report Names: Ann, Bob Verdict:")
    assert match is not None and match.node.name == "second"


CHAINED = {
    "first": NodePlan(),
    "second": NodePlan(layout="append-only", extends="first", order=(2,)),
}


def test_a_continued_prompt_is_known_as_written_too() -> None:
    text = compile_bls_plan(Plan(agent="a.py", nodes=CHAINED), (FIRST, SECOND), 1)
    match = NodeIndex(parse_plan(text).nodes.values()).find("System. Ann, Bob Verdict:")
    assert match is not None
    assert (match.node.name, match.form.name) == ("second", "as written")
    assert match.form.positions == (None, None, 4)


def test_pieces_without_a_place_in_the_plan_are_kept_from_an_older_charter_bls() -> None:
    second = compiled(**CHAINED)["nodes"][1]
    assert all(None not in form["positions"] for form in second["forms"])
    assert [form["positions"] for form in second["other_forms"]] == [[None, None, 4]]


def traffic_of(**nodes: NodePlan) -> dict[str, Any]:
    """How the last node's prompts are laid out that programs send."""
    section: dict[str, Any] = compiled(**nodes)["nodes"][-1].get("traffic")
    return section


def test_a_layout_for_own_runs_lays_out_no_prompt_of_a_program() -> None:
    assert traffic_of(first=NodePlan(layout="prefix-first", order=(2, 0, 1))) is None
    assert traffic_of(first=NodePlan(apply="traffic")) is None


def test_a_reordered_prompt_takes_each_variable_from_where_it_was_written() -> None:
    node = NodePlan(layout="prefix-first", order=(2, 0, 1), apply="traffic")
    assert traffic_of(first=node) == {
        "fill": [None, None, 1],
        "extends": None,
        "earlier": 0,
        "same": [],
    }


def test_a_continued_prompt_is_known_by_the_answer_it_repeats() -> None:
    second = NodePlan(layout="append-only", extends="first", order=(2,), apply="traffic")
    assert traffic_of(first=NodePlan(), second=second) == {
        "fill": [None, None, None, None, None],
        "extends": "first",
        "earlier": 4,
        "same": [[1, 3]],
    }


def test_a_layout_that_has_no_place_for_a_variable_says_so() -> None:
    third = call(
        "third",
        static("Ask: "),
        Segment(kind="variable", name="question"),
        Segment(kind="upstream", name="names", call="first"),
        after=("first",),
    )
    nodes = {
        "first": NodePlan(),
        "third": NodePlan(layout="append-only", extends="first", order=(0,), apply="traffic"),
    }
    text = compile_bls_plan(Plan(agent="a.py", nodes=nodes), (FIRST, third), 1)
    node = parse_plan(text).nodes["third"]
    assert node.rearrangement is None
    assert node.not_rearranged == "the layout has no place for question"


def test_a_plan_of_an_older_charter_lays_out_no_prompt_of_a_program() -> None:
    node = NodePlan(layout="prefix-first", order=(2, 0, 1))
    document = compiled(first=node)
    del document["share"]
    plan = parse_plan(json.dumps(document))
    assert (plan.nodes["first"].rearrangement, plan.share) == (None, 1.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw["fill"].__setitem__(2, None), "every variable .* one place"),
        (lambda raw: raw["fill"].__setitem__(0, 1), "one place"),
        (lambda raw: raw["fill"].append(None), "an entry for each planned piece"),
        (lambda raw: raw.update(extends="gone"), "must repeat the answer"),
        (lambda raw: raw.update(earlier=9), "0 to 3"),
        (lambda raw: raw.update(same=[[1]]), "holds pairs of pieces"),
    ],
)
def test_a_broken_rearrangement_is_refused_with_its_place(
    change: Callable[[dict[str, Any]], object], words: str
) -> None:
    document = compiled(first=NodePlan(layout="prefix-first", order=(2, 0, 1), apply="traffic"))
    change(document["nodes"][0]["traffic"])
    with pytest.raises(PlanError, match=rf"nodes\[0\].traffic.*{words}"):
        parse_plan(json.dumps(document))


@pytest.mark.parametrize(
    ("plan", "prompt", "form"),
    [
        (NodePlan(), "System. text Names:", "as written"),
        (NodePlan(layout="prefix-first", order=(2, 0, 1)), " Names:System. text", "as planned"),
        (NodePlan(layout="prefix-first", order=(2, 0, 1)), "System. text Names:", "as written"),
    ],
)
def test_a_form_says_how_its_prompt_is_laid_out(plan: NodePlan, prompt: str, form: str) -> None:
    text = compile_bls_plan(Plan(agent="a.py", nodes={"first": plan}), (FIRST,), 1)
    match = NodeIndex(parse_plan(text).nodes.values()).find(prompt)
    assert match is not None and match.form.name == form


def test_a_continuation_says_so() -> None:
    text = compile_bls_plan(Plan(agent="a.py", nodes=CHAINED), (FIRST, SECOND), 1)
    match = NodeIndex(parse_plan(text).nodes.values()).find("System. a Names: Ann Verdict:")
    assert match is not None and match.form.name == "continuation"


def test_a_plan_for_other_calls_names_the_strangers() -> None:
    with pytest.raises(InvalidInput, match="stranger"):
        compile_bls_plan(Plan(agent="a.py", nodes={"stranger": NodePlan()}), (FIRST,), 1)


def test_prompts_that_continue_each_other_in_a_circle_are_refused() -> None:
    plan = Plan(
        agent="a.py",
        nodes={
            "first": NodePlan(layout="append-only", extends="second", order=(0,)),
            "second": NodePlan(layout="append-only", extends="first", order=(0,)),
        },
    )
    with pytest.raises(InvalidInput, match="circle"):
        compile_bls_plan(plan, (FIRST, SECOND), 1)


def test_a_range_beyond_the_prompt_is_refused() -> None:
    with pytest.raises(InvalidInput, match="beyond the last segment"):
        compiled(first=NodePlan(retention=(SegmentRange(first=9),)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1"),
        ("[]", "format: must be 1"),
        ('{"format": 2}', "format: must be 1"),
        ('{"format": 1, "nodes": 3}', "nodes: must be a list"),
        ('{"format": 1, "nodes": [{}]}', "node: must be a call's id"),
        ('{"format": 1, "nodes": [{"node": "a"}, {"node": "a"}]}', "'a' appears twice"),
        (
            '{"format": 1, "nodes": [{"node": "a", "segments": 2, "order": [0, 0]}]}',
            "must permute 0 to 1",
        ),
        (
            '{"format": 1, "nodes": [{"node": "a", "segments": 2, "order": [1]}]}',
            "leaves out 1 of 2",
        ),
        (
            '{"format": 1, "nodes": [{"node": "a", "forms": [{"pieces": [null], '
            '"positions": [null]}]}]}',
            r"nodes\[0\].forms\[0\].positions: must give the planned segment",
        ),
        (
            '{"format": 1, "nodes": [{"node": "a", "other_forms": [{"pieces": [null], '
            '"positions": [-1]}]}]}',
            r"nodes\[0\].other_forms\[0\].positions: must give the planned segment",
        ),
        (
            '{"format": 1, "nodes": [{"node": "a", "retention": {"ranges": [{"priority": 101}]}}]}',
            r"nodes\[0\].retention.ranges\[0\].priority: 101 is not a whole number, 0 to 100",
        ),
        (
            '{"format": 1, "nodes": [{"node": "a", '
            '"retention": {"ranges": [{"duration_ms": 0}]}}]}',
            "0 is not milliseconds",
        ),
    ],
)
def test_a_broken_plan_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        parse_plan(text)


def with_reuse_times(change: Callable[[dict[str, Any]], object]) -> str:
    """A plan with learnt reuse times, changed somewhere."""
    rules = online(model("answered"), room=PoolRoom(100, 64, "flat"))
    raw = msgspec.json.decode(msgspec.json.encode(reuse_times_section(rules)))
    change(raw)
    return json.dumps({"format": 1, "waits": raw})


def test_learnt_reuse_times_travel_in_the_plan_on_a_line_of_their_own() -> None:
    text = compile_bls_plan(
        Plan(agent="a.py", nodes={"first": NodePlan()}), (FIRST,), 1, online(model("sent"))
    )
    plan = parse_plan(text)
    assert plan.reuse_times is not None and plan.reuse_times.decide_at == "sent"
    assert plan.nodes.keys() == {"first", "main", "tool"}
    assert len(text.splitlines()) < 40 and len(text) < 200_000


def test_a_plan_of_another_number_keeps_its_reuse_times() -> None:
    text = compile_bls_plan(Plan(agent="a.py"), (), 1, online(model("sent")))
    assert reuse_times_of(plan_text(json.loads(text) | {"revision": 9})) == reuse_times_of(text)


def test_reuse_times_that_differ_anywhere_read_differently() -> None:
    reuse_times = json.loads(with_reuse_times(lambda _: None))["waits"]
    changed = json.loads(with_reuse_times(lambda raw: raw["forest"]["trees"][3]["leaf"].reverse()))[
        "waits"
    ]
    assert (
        reuse_times_in_words(reuse_times)
        != reuse_times_in_words(changed)
        != reuse_times_in_words(None)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw.update(moment="later"), "waits.moment: must be one of sent, answered"),
        (lambda raw: raw["features"].pop(), "waits.features: are not those"),
        (lambda raw: raw["steps"].reverse(), "waits.steps: must be in ascending order"),
        (
            lambda raw: raw.update(division={"steps": [[0.5]], "forest": raw["forest"]}),
            r"waits.division.steps: must be \d+ lists of one length",
        ),
        (lambda raw: raw["rules"].pop(), r"waits.rules: \d+ steps divide \d+ rules"),
        (
            lambda raw: raw["rules"][2].update(priority=101),
            r"waits.rules\[2\].priority: 101 is not a whole number",
        ),
        (
            lambda raw: raw["rules"][2].update(duration_ms=0),
            r"waits.rules\[2\].duration_ms: 0 is not milliseconds",
        ),
        (
            lambda raw: raw["nodes"][0].update(score=None),
            r"waits.nodes\[0\].score: None is not a number",
        ),
        (
            lambda raw: raw["nodes"].append(raw["nodes"][0]),
            r"waits.nodes\[2\].node: '\w+' appears twice",
        ),
        (
            lambda raw: raw["nodes"][0].update(tail_tokens=-1),
            r"waits.nodes\[0\].tail_tokens: -1 is not a whole number",
        ),
        (lambda raw: raw["forest"].update(start="x"), "waits.forest.start: 'x' is not a number"),
        (
            lambda raw: raw["forest"]["cuts"].pop(),
            "waits.forest.cuts: must be a list for each of 35 features",
        ),
        (
            lambda raw: raw["forest"]["cuts"][0].append("x"),
            r"waits.forest.cuts\[0\]: must be a list of numbers",
        ),
        (
            lambda raw: raw["forest"]["trees"][1]["leaf"].pop(),
            r"waits.forest.trees\[1\]: is no complete binary tree",
        ),
        (
            lambda raw: raw["forest"]["trees"][1]["feature"].__setitem__(0, 35),
            r"trees\[1\].feature: must be 0 to 34",
        ),
        (lambda raw: raw.pop("forest"), "waits.forest: must be an object"),
        (
            lambda raw: raw["worths"]["ages_s"].__setitem__(0, -1.0),
            "waits.worths.ages_s: must begin at 0",
        ),
        (
            lambda raw: raw["room"].update(blocks=0),
            "waits.room: must have blocks of tokens",
        ),
        (
            lambda raw: raw["room"].update(eviction="v2"),
            "waits.room.eviction: must be one of leaf, flat",
        ),
        (
            lambda raw: raw["forest"]["trees"].append(
                {"feature": [0], "threshold": [0], "leaf": [0.0, 0.0]}
            ),
            "waits.forest.trees: must be of one depth",
        ),
        (
            lambda raw: raw["pauses"]["bounds_s"].__setitem__(0, 0.0),
            "waits.pauses.bounds_s: must be above 0",
        ),
        (lambda raw: raw["pauses"]["start"].pop(), r"waits.pauses.start: must be \d+ numbers"),
        (
            lambda raw: raw["pauses"]["beyond"].__setitem__(0, 99),
            r"waits.pauses.beyond: must be 0 to \d+",
        ),
        (
            lambda raw: raw["pauses"]["beyond"].pop(),
            r"waits.pauses.beyond: must be a class for each of \d+ trees",
        ),
        (
            lambda raw: raw["worths"]["rows"].pop(),
            r"waits.worths.rows: must be \d+ rows of \d+ numbers",
        ),
    ],
)
def test_broken_reuse_times_are_refused_with_their_place(
    change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(PlanError, match=words):
        parse_plan(with_reuse_times(change))
