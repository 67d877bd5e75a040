"""What a push changes and what it costs."""

from msgspec.structs import replace

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.plan.diff import diff_plans

ENGINE = Profile(path="engine", charter_bls=True, retention=True, load_unload=True)
LIVE = Plan(agent="agent.py", nodes={"n": NodePlan()})
RETAINED = replace(LIVE, nodes={"n": NodePlan(retention=(SegmentRange(priority=80),))})


def test_equal_plans_differ_in_nothing() -> None:
    diff = diff_plans(LIVE, LIVE, ENGINE, 3)
    assert (diff.changes, diff.cost, diff.base_revision) == ((), None, 3)


def test_retention_costs_a_plan_reload_and_loses_nothing() -> None:
    (change,) = diff_plans(LIVE, RETAINED, ENGINE, 0).changes
    assert (change.key, change.cost, change.loses) == ("retention", "plan reload", "nothing")


def test_without_charter_bls_retention_travels_with_each_request() -> None:
    diff = diff_plans(LIVE, RETAINED, replace(ENGINE, charter_bls=False), 0)
    assert diff.cost == "request"


def test_tokens_per_block_costs_an_engine_rebuild() -> None:
    draft = replace(LIVE, server=ServerSettings(tokens_per_block=16))
    assert diff_plans(LIVE, draft, ENGINE, 0).cost == "engine rebuild"


def test_tokens_per_block_costs_only_a_reload_on_the_llmapi_path() -> None:
    draft = replace(LIVE, server=ServerSettings(tokens_per_block=16))
    assert diff_plans(LIVE, draft, replace(ENGINE, path="llmapi"), 0).cost == "engine reload"


def test_the_dearest_change_decides() -> None:
    draft = replace(RETAINED, server=ServerSettings(enable_kv_cache_reuse=False))
    assert diff_plans(LIVE, draft, ENGINE, 0).cost == "engine reload"


def test_a_change_the_deployment_cannot_take_is_marked_with_the_reason_and_costs_nothing() -> None:
    profile = Profile(
        path="engine", load_unload=True, reasons={"retention": "0.16 has no retention inputs"}
    )
    diff = diff_plans(LIVE, RETAINED, profile, 0)
    assert (diff.changes[0].possible, diff.changes[0].reason, diff.cost) == (
        False,
        "0.16 has no retention inputs",
        None,
    )


def test_asking_for_what_the_deployment_has_already_changes_nothing() -> None:
    profile = replace(ENGINE, tokens_per_block=32, parameters={"enable_kv_cache_reuse": "True"})
    draft = replace(LIVE, server=ServerSettings(tokens_per_block=32, enable_kv_cache_reuse=True))
    assert diff_plans(LIVE, draft, profile, 0).changes == ()


def test_going_back_to_the_deployments_own_value_is_a_change_only_if_it_differs() -> None:
    profile = replace(
        ENGINE,
        tokens_per_block=16,
        original={"tokens_per_block": "32", "enable_kv_cache_reuse": "true"},
    )
    pushed = replace(LIVE, server=ServerSettings(tokens_per_block=16, enable_kv_cache_reuse=True))
    (change,) = diff_plans(pushed, LIVE, profile, 2).changes
    assert (change.key, change.old, change.new) == ("tokens_per_block", "16", "32")


def test_learnt_reuse_times_cost_a_plan_reload_and_need_retention_inputs() -> None:
    draft = replace(LIVE, reuse_times="waits.json")
    (change,) = diff_plans(LIVE, draft, ENGINE, 0).changes
    assert (change.key, change.new, change.cost, change.loses) == (
        "waits",
        "waits.json",
        "plan reload",
        "nothing",
    )
    assert not diff_plans(LIVE, draft, replace(ENGINE, retention=False), 0).changes[0].possible


def test_other_reuse_times_under_the_same_name_are_a_change() -> None:
    named = replace(LIVE, reuse_times="waits.json")
    assert diff_plans(named, named, ENGINE, 0, ("one", "one")).changes == ()
    assert diff_plans(named, named, ENGINE, 0, ("one", "other")).cost == "plan reload"
