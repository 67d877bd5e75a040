"""Plan files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.plan import NodePlan, Plan, Reason, SegmentRange, ServerSettings
from charter_engine.plan.plan_file import InvalidPlan, read_plan
from charter_engine.plan.replan import replan

PLAN = Plan(
    agent="agent.py",
    policy="static",
    server=ServerSettings(tokens_per_block=16),
    nodes={
        "A.f:x": NodePlan(
            retention=(SegmentRange(first=0, last=1, priority=90, duration_ms=60_000),)
        )
    },
    why={"tokens_per_block": Reason("short shared prefixes", "predicted")},
)

ranges = st.builds(
    SegmentRange,
    first=st.integers(0, 5),
    last=st.none() | st.integers(5, 9),
    priority=st.integers(0, 100),
    duration_ms=st.none() | st.integers(1, 10**6),
)
nodes = st.builds(
    NodePlan,
    layout=st.sampled_from(["source", "prefix-first", "append-only"]),
    order=st.lists(st.integers(0, 9), max_size=4).map(tuple),
    wording=st.dictionaries(st.integers(0, 9), st.just("\n\nRules: "), max_size=2),
    retention=st.lists(ranges, max_size=3).map(tuple),
    decode_priority=st.integers(0, 100),
)
names = st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable())
digests = st.text("0123456789abcdef", min_size=16, max_size=16) | st.sampled_from(
    ["1234567890123456", "0000000000000001", "12345678901234e5"]
)
identities = st.builds(AgentIdentity, names, digests, st.dictionaries(names, digests, max_size=3))
plans = st.builds(
    Plan,
    agent=names,
    nodes=st.dictionaries(names, nodes, max_size=3),
    identity=st.none() | identities,
)


@given(plans)
def test_what_is_written_reads_back_equal(plan: Plan) -> None:
    assert read_plan(replan(plan), "plan.yaml") == plan


def test_a_plan_written_before_layouts_applied_to_traffic_is_for_own_runs() -> None:
    plan = read_plan("agent: agent.py\nnodes:\n  n:\n    layout: source\n", "plan.yaml")
    assert (plan.nodes["n"].apply, plan.share) == ("own-runs", 1.0)


def test_a_layout_may_apply_to_the_traffic_of_a_share_of_the_sessions() -> None:
    text = "agent: agent.py\nshare: 0.1\nnodes:\n  n:\n    apply: traffic\n"
    plan = read_plan(text, "plan.yaml")
    assert (plan.nodes["n"].apply, plan.share) == ("traffic", 0.1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("agent: a.py\nshare: 1.5\n", r"plan.yaml:2: share: 1.5 is no share"),
        ("agent: a.py\nshare: -0.1\n", "is no share"),
        ("agent: a.py\nshare: .nan\n", "is no share"),
        ("agent: a.py\nnodes:\n  n:\n    apply: everything\n", "plan.yaml:4: .*everything"),
    ],
)
def test_what_is_no_share_and_nobody_to_apply_to_is_refused_with_its_line(
    text: str, words: str
) -> None:
    with pytest.raises(InvalidPlan, match=words):
        read_plan(text, "plan.yaml")


def test_a_plan_without_identity_is_read() -> None:
    assert read_plan("agent: agent.py\n", "plan.yaml").identity is None


def test_deriving_anew_brings_the_identity_of_the_agent_as_it_is() -> None:
    before = replace(PLAN, identity=AgentIdentity("agent", "aa", {"A.f:x": "bb"}))
    after = replace(PLAN, identity=AgentIdentity("agent", "cc", {"A.f:y": "dd"}))
    assert read_plan(replan(after, replan(before)), "plan.yaml").identity == after.identity


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_key() -> None:
    text = "agent: agent.py\nserver:\n  tokens_per_blok: 16\n"
    with pytest.raises(InvalidPlan) as refusal:
        read_plan(text, "plan.yaml")
    assert refusal.value.line == 3
    assert "tokens_per_block" in refusal.value.remedy


def test_an_illegal_priority_is_refused_with_its_node() -> None:
    text = 'agent: a.py\nnodes:\n  "A.f:x":\n    retention:\n      - priority: 101\n'
    with pytest.raises(InvalidPlan, match="outside 0 to 100") as refusal:
        read_plan(text, "plan.yaml")
    assert refusal.value.line == 3


@pytest.mark.parametrize(
    "text", ["", "- 1\n", "agent: [\n", "agent: a.py\nversion: 9\n", "\tagent: x\n", "agent: 3\n"]
)
def test_what_is_no_plan_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidPlan):
        read_plan(text, "plan.yaml")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_but_never_crashes(text: str) -> None:
    try:
        read_plan(text, "plan.yaml")
    except InvalidPlan as refusal:
        assert str(refusal).startswith("plan.yaml")
