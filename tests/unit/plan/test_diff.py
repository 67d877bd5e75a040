"""What a push changes and what it costs."""

from msgspec.structs import replace

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.plan.diff import diff_plans, settings_not_live

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


UNSET = replace(
    ENGINE,
    parameters={"kv_cache_free_gpu_mem_fraction": "0.90", "enable_kv_cache_reuse": "True"},
    defaults={"batch_scheduler_policy": "guaranteed_no_evict", "enable_chunked_context": "false"},
)
"""A deployment that leaves two settings to its release."""


def settings(**values: object) -> Plan:
    return Plan(agent="a.py", server=replace(ServerSettings(), **values))


def test_what_the_release_takes_anyway_costs_nothing() -> None:
    draft = settings(batch_scheduler_policy="guaranteed_no_evict", enable_chunked_context=False)
    assert diff_plans(Plan(agent="a.py"), draft, UNSET, 0).changes == ()


def test_a_change_from_a_default_names_it_as_one() -> None:
    draft = settings(batch_scheduler_policy="max_utilization")
    (change,) = diff_plans(Plan(agent="a.py"), draft, UNSET, 0).changes
    assert (change.old, change.new) == ("default: guaranteed_no_evict", "max_utilization")


def test_another_spelling_of_the_same_value_is_no_change() -> None:
    draft = settings(kv_cache_free_gpu_mem_fraction=0.9, enable_kv_cache_reuse=True)
    assert diff_plans(Plan(agent="a.py"), draft, UNSET, 0).changes == ()


def test_reuse_cannot_be_switched_on_where_it_is_impossible() -> None:
    profile = replace(UNSET, parameters={}, reasons={"reuse": "max_beam_width 4"})
    draft = settings(enable_kv_cache_reuse=True)
    (change,) = diff_plans(Plan(agent="a.py"), draft, profile, 0).changes
    assert (change.possible, change.reason) == (False, "max_beam_width 4")
    off = diff_plans(draft, settings(enable_kv_cache_reuse=False), profile, 0).changes
    assert [change.possible for change in off] == [True]


def test_only_settings_that_are_not_live_are_named() -> None:
    live = ServerSettings(
        kv_cache_free_gpu_mem_fraction=0.9, batch_scheduler_policy="guaranteed_no_evict"
    )
    assert settings_not_live(live, UNSET) == ()
    changed = replace(live, kv_cache_free_gpu_mem_fraction=0.5, tokens_per_block=16)
    assert settings_not_live(changed, replace(UNSET, tokens_per_block=32)) == (
        "tokens_per_block",
        "kv_cache_free_gpu_mem_fraction",
    )


def test_what_is_live_is_compared_and_not_what_the_deployment_had_before_charter() -> None:
    pushed = replace(UNSET, original={"kv_cache_free_gpu_mem_fraction": "0.5"})
    assert settings_not_live(ServerSettings(kv_cache_free_gpu_mem_fraction=0.9), pushed) == ()


REORDERED = NodePlan(layout="prefix-first", order=(1, 0))
FOR_TRAFFIC = replace(LIVE, nodes={"n": replace(REORDERED, apply="traffic")})


def test_applying_a_layout_to_traffic_costs_a_plan_reload_and_says_that_outputs_may_differ() -> (
    None
):
    diff = diff_plans(replace(LIVE, nodes={"n": REORDERED}), FOR_TRAFFIC, ENGINE, 0)
    (change,) = diff.changes
    assert (change.key, change.old, change.new) == ("apply", "own-runs", "traffic")
    assert (change.cost, change.loses) == ("plan reload", "nothing")
    assert "outputs may differ" in diff.notes[0]


def test_another_share_is_a_change_where_a_layout_applies_to_traffic() -> None:
    (change,) = diff_plans(FOR_TRAFFIC, replace(FOR_TRAFFIC, share=0.1), ENGINE, 0).changes
    assert (change.key, change.old, change.new) == ("share", "1", "0.1")
    assert diff_plans(LIVE, replace(LIVE, share=0.1), ENGINE, 0).changes == ()


def test_traffic_that_does_not_pass_charter_bls_cannot_be_laid_out() -> None:
    diff = diff_plans(LIVE, FOR_TRAFFIC, replace(ENGINE, path="llmapi"), 0)
    reasons = {change.key: change.reason for change in diff.changes}
    assert "without passing charter_bls" in reasons["apply"]


def test_a_release_is_a_change_that_only_some_deployments_can_carry_out() -> None:
    releasing = replace(LIVE, release="superseded")
    (refused,) = diff_plans(LIVE, releasing, ENGINE, 0).changes
    assert (refused.key, refused.new, refused.possible) == ("release", "superseded", False)
    (change,) = diff_plans(LIVE, releasing, replace(ENGINE, release=True), 0).changes
    assert (change.possible, change.cost) == (True, "plan reload")
    (taken_back,) = diff_plans(releasing, LIVE, ENGINE, 0).changes
    assert taken_back.possible


def test_a_share_of_nothing_lays_out_no_prompt() -> None:
    assert diff_plans(FOR_TRAFFIC, replace(FOR_TRAFFIC, share=0.0), ENGINE, 0).notes == ()
