"""What the advisor says of a deployment, rule by rule, and in which order."""

import pytest

from charter_engine.contracts.advice import AdviceKind, DoctorFinding
from charter_engine.contracts.deploy import Change, Profile
from charter_engine.contracts.explaining import MissGroup, MissReport, PromptParts
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.traffic.advisor import ObservedDeployment, advise

SOUND = Profile(
    path="engine",
    retention=True,
    kv_stats=True,
    tokens_per_block=64,
    parameters={"enable_kv_cache_reuse": "true"},
)
POOL = KvPool(max_blocks=100, free_blocks=90, used_blocks=10, tokens_per_block=64, reused_blocks=40)


def profile(**changes: object) -> Profile:
    from msgspec.structs import replace

    return replace(SOUND, **changes)


def misses(*causes: MissGroup, **parts: int) -> MissReport:
    """What half an hour of traffic computed again."""
    return MissReport(begin=0.0, end=1800.0, parts=PromptParts(**parts), causes=causes)


def only(known: ObservedDeployment, kind: AdviceKind) -> DoctorFinding:
    (found,) = (advice for advice in advise(known) if advice.kind == kind)
    return found


def test_a_sound_deployment_is_told_nothing() -> None:
    assert (
        advise(ObservedDeployment(profile=SOUND, pool=POOL, misses=misses(reused=900, new=100)))
        == ()
    )


def test_nothing_follows_from_nothing() -> None:
    assert advise(ObservedDeployment(profile=SOUND)) == ()
    assert advise(ObservedDeployment(profile=SOUND, misses=MissReport())) == ()


@pytest.mark.parametrize("value", ["false", "False", "0"])
def test_reuse_that_is_off_is_wrong(value: str) -> None:
    advice = only(
        ObservedDeployment(profile=profile(parameters={"enable_kv_cache_reuse": value})), "reuse"
    )
    assert (advice.severity, advice.setting) == ("wrong", "enable_kv_cache_reuse")


def test_reuse_may_be_off_by_the_release_s_default() -> None:
    known = ObservedDeployment(
        profile=profile(parameters={}, defaults={"enable_kv_cache_reuse": "false"})
    )
    assert only(known, "reuse").severity == "wrong"


def test_reuse_that_beams_rule_out_says_so() -> None:
    known = ObservedDeployment(profile=profile(reasons={"reuse": "max_beam_width 2"}))
    assert only(known, "reuse").evidence == "max_beam_width 2"


def test_retention_that_cannot_act_matters_where_the_plan_asks_for_it() -> None:
    without = profile(retention=False, reasons={"retention": "no such input"})
    asking = Plan(
        agent="a.py",
        nodes={"a": NodePlan(retention=(SegmentRange(first=0, last=0, priority=80),))},
    )
    assert advise(ObservedDeployment(profile=without, plan=Plan(agent="a.py"))) == ()
    assert (
        only(ObservedDeployment(profile=without, plan=asking), "retention").evidence
        == "no such input"
    )


def test_a_pool_that_evicts_what_comes_again_is_costly() -> None:
    known = ObservedDeployment(profile=SOUND, pool=POOL, misses=misses(reused=500, evicted=500))
    advice = only(known, "thrashing")
    assert (advice.severity, advice.tokens_per_hour) == ("costly", 1000)
    assert "500 tokens, 50% of all" in advice.evidence


@pytest.mark.parametrize(("host_bytes", "told"), [("", 1), ("0", 1), ("1073741824", 0)])
def test_a_missing_host_tier_is_told_where_blocks_are_evicted(host_bytes: str, told: int) -> None:
    parameters = {"kv_cache_host_memory_bytes": host_bytes}
    known = ObservedDeployment(
        profile=profile(parameters=parameters), misses=misses(reused=500, evicted=500)
    )
    assert [advice.kind for advice in advise(known)].count("host tier") == told


def test_blocks_larger_than_what_prompts_share_are_costly() -> None:
    advice = only(
        ObservedDeployment(profile=SOUND, misses=misses(reused=500, rounding=100)), "block size"
    )
    assert advice.setting == "tokens_per_block"
    assert "64 tokens" in advice.message


def test_a_time_stamp_is_told_with_what_it_costs() -> None:
    stamp = MissGroup(
        cause="time stamp",
        node="Agent.ask",
        requests=20,
        tokens=400,
        tokens_per_hour=800.0,
        example="17",
        remedy="move it to the end of the prompt",
    )
    advice = only(
        ObservedDeployment(profile=SOUND, misses=misses(stamp, new=600, diverged=400)), "divergence"
    )
    assert advice.message == (
        "time stamp in the prompts of Agent.ask: 800 tokens an hour are computed again"
    )
    assert advice.remedy == stamp.remedy
    assert "charter-engine explain 17" in advice.evidence


def test_what_costs_next_to_nothing_is_not_told() -> None:
    stamp = MissGroup(cause="time stamp", requests=1, tokens=1)
    assert (
        advise(ObservedDeployment(profile=SOUND, misses=misses(stamp, new=999, diverged=1))) == ()
    )


def test_gauges_that_stand_still_are_not_to_be_believed() -> None:
    still = KvPool(
        max_blocks=100, free_blocks=100, used_blocks=0, tokens_per_block=64, reused_blocks=0
    )
    known = ObservedDeployment(profile=SOUND, pool=still, misses=misses(reused=640, new=10))
    assert "stand still" in only(known, "counters").message


def test_a_deployment_that_counts_nothing_is_known_for_it() -> None:
    silent = profile(kv_stats=False, reasons={"kv_stats": "no outputs"})
    assert only(ObservedDeployment(profile=silent), "counters").evidence == "no outputs"


def test_drift_names_the_place_and_both_values() -> None:
    change = Change(
        place="tensorrt_llm",
        key="max_beam_width",
        old="1",
        new="2",
        cost="engine reload",
        loses="",
    )
    advice = only(ObservedDeployment(profile=SOUND, drift=(change, change)), "drift")
    assert advice.severity == "wrong"
    assert advice.evidence == "tensorrt_llm: max_beam_width is '2' instead of '1', and 1 more"


def test_a_push_that_was_cut_short_is_wrong_and_names_what_takes_it_back() -> None:
    cut_short = "the push of revision 3 was cut short: charter-engine history repair takes it back"
    advice = only(ObservedDeployment(profile=SOUND, interruption=cut_short), "drift")
    assert advice.severity == "wrong"
    assert advice.message == "the push of revision 3 was cut short"
    assert advice.remedy.startswith("charter-engine history repair")


def test_an_open_server_is_told_the_exact_flags() -> None:
    advice = only(
        ObservedDeployment(profile=SOUND, unrestricted=("model-repository",)), "restrictions"
    )
    groups = "model-repository,shared-memory,trace,logging"
    assert f"--http-restricted-api={groups}:charter-key=" in advice.remedy
    assert f"--grpc-restricted-protocol={groups}:charter-key=" in advice.remedy


def test_what_is_wrong_comes_before_what_costs_and_that_by_tokens() -> None:
    known = ObservedDeployment(
        profile=profile(kv_stats=False),
        misses=misses(
            MissGroup(cause="time stamp", tokens=900, tokens_per_hour=5000.0),
            new=100,
            evicted=900,
        ),
        unrestricted=("model-repository",),
    )
    assert [advice.kind for advice in advise(known)] == [
        "restrictions",
        "divergence",
        "thrashing",
        "host tier",
        "counters",
    ]
