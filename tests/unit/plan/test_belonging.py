"""Whether a plan is for an agent."""

import pytest
from msgspec.structs import replace

from charter_engine.analysis.compile import compile_source
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.errors import UsageError
from charter_engine.plan.belonging import call_changes, fitted, same_agent
from charter_engine.plan.diff import diff_plans
from charter_engine.plan.edit import default_plan

SOURCE = """
def answer(client, question, document):
    facts = client.generate("List the facts of this document.\\n\\n" + document, max_tokens=99)
    reply = client.generate("Answer the question.\\n\\n" + question + facts, max_tokens=99)
    return reply
"""
FACTS, REPLY = "answer:facts", "answer:reply"
PROFILE = Profile(path="engine", charter_bls=True, retention=True, load_unload=True)


def compiled(source: str = SOURCE, path: str = "agents/desk.py") -> CompiledFile:
    return compile_source(path, source)


def own(source: str = SOURCE, path: str = "agents/desk.py") -> Plan:
    return default_plan(compiled(source, path))


def without_identity(plan: Plan) -> Plan:
    return replace(plan, identity=None)


CHANGED = SOURCE.replace("Answer the question", "Answer briefly")
RENAMED = SOURCE.replace("reply", "result")
OTHER = SOURCE.replace("answer(", "judge(").replace("facts", "points")


@pytest.mark.parametrize("path", ["/srv/checkout/agents/desk.py", "/agents/desk.py", "desk.py"])
def test_the_same_calls_at_another_path_are_the_same_agent(path: str) -> None:
    assert same_agent(own(), own(path=path))


def test_a_copy_under_another_name_is_the_same_agent() -> None:
    assert same_agent(own(), own(path="copy.py"))


def test_changed_calls_under_the_same_name_are_the_same_agent() -> None:
    assert same_agent(own(), own(CHANGED))


def test_other_calls_are_another_agent_whatever_its_name() -> None:
    assert not same_agent(own(), own(OTHER))
    assert not same_agent(own(), own(CHANGED, "other.py"))


def test_without_identity_the_path_or_a_common_node_tells() -> None:
    assert same_agent(without_identity(own()), own(OTHER, "/srv/agents/desk.py"))
    assert same_agent(without_identity(own()), own(CHANGED, "elsewhere.py"))
    assert not same_agent(without_identity(own()), own(OTHER, "elsewhere.py"))


def test_a_plan_of_settings_alone_is_for_any_agent() -> None:
    assert same_agent(Plan(agent=""), own())


def test_every_difference_between_calls_is_told() -> None:
    before, after = own().identity, own(CHANGED.replace("facts", "points")).identity
    assert before is not None and after is not None
    assert {(change.call, change.what) for change in call_changes(before, after)} == {
        ("answer:points", "added"),
        (FACTS, "removed"),
        (REPLY, "changed text"),
    }


def test_a_fitted_plan_has_the_identity_of_the_agent_as_it_is() -> None:
    agent = compiled(CHANGED)
    assert fitted(own(), default_plan(agent), agent.calls).identity == own(CHANGED).identity


def test_another_agents_plan_is_refused_with_both_names() -> None:
    agent = compiled(OTHER, "judge.py")
    with pytest.raises(UsageError, match=r"p\.yaml: .*agent desk .*, not for judge \(judge\.py\)"):
        fitted(own(), default_plan(agent), agent.calls, place="p.yaml")


def test_a_plan_for_a_call_that_is_gone_is_refused_with_every_difference() -> None:
    agent = compiled(RENAMED)
    with pytest.raises(UsageError) as refused:
        fitted(own(), default_plan(agent), agent.calls)
    assert refused.value.message.splitlines() == [
        f"the agent has no call {REPLY}; since the plan was made:",
        "  answer:result: added",
        f"  {REPLY}: removed",
    ]


@pytest.mark.parametrize(
    "node",
    [
        NodePlan(layout="prefix-first", order=(1, 0)),
        NodePlan(layout="append-only", extends=FACTS, order=(9,)),
        NodePlan(layout="prefix-first", wording={1: "no static text"}),
    ],
)
def test_a_layout_that_the_prompt_has_no_segments_for_is_refused(node: NodePlan) -> None:
    agent = compiled()
    plan = replace(own(), nodes={FACTS: NodePlan(), REPLY: node})
    with pytest.raises(UsageError, match=f"layout of {REPLY} does not fit"):
        fitted(plan, default_plan(agent), agent.calls)


def test_a_diff_lists_the_calls_that_are_others_than_when_the_live_plan_was_made() -> None:
    diff = diff_plans(own(), own(CHANGED), PROFILE, 3)
    assert [(change.place, change.key, change.new) for change in diff.changes] == [
        (REPLY, "call", "changed text")
    ]
    assert diff.cost == "plan reload"


def test_a_diff_with_a_plan_without_identity_lists_no_calls() -> None:
    assert diff_plans(without_identity(own()), own(CHANGED), PROFILE, 3).changes == ()
