"""What can be changed of a server of OpenAI's shape from here."""

import pytest
from msgspec.structs import replace

from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.contracts.server import ServerProfile
from charter_engine.contracts.settings import SERVER_SETTINGS
from charter_engine.plan.diff import diff_plans
from charter_engine.servers import sglang, trtllm_serve, vllm
from charter_engine.servers.http_profile import NO_RANGES, profile_by_http

VLLM = ServerProfile(
    kind="vllm",
    address="http://127.0.0.1:8000",
    version="0.32.0",
    tokens_per_block=32,
    rules="vllm",
    levers=vllm.levers_of({}),
)
WRITTEN = Plan(agent="a.py", nodes={"n": NodePlan()})


def test_no_setting_can_be_changed_and_each_says_by_which_option_it_is_set() -> None:
    profile = profile_by_http(VLLM, has_gateway=True)
    assert all(profile.reasons[setting.key] for setting in SERVER_SETTINGS)
    assert "--block-size" in profile.reasons["tokens_per_block"]


def test_its_rules_and_its_block_size_are_those_that_it_told() -> None:
    profile = profile_by_http(VLLM, has_gateway=True)
    assert (profile.path, profile.eviction, profile.tokens_per_block) == ("http", "vllm", 32)


def test_a_layout_is_possible_and_all_else_says_why_not() -> None:
    drafted = replace(
        WRITTEN,
        server=ServerSettings(tokens_per_block=64),
        nodes={
            "n": NodePlan(
                layout="prefix-first",
                apply="traffic",
                order=(1, 0),
                retention=(SegmentRange(priority=90),),
            )
        },
    )
    diff = diff_plans(WRITTEN, drafted, profile_by_http(VLLM, has_gateway=True), 0)
    possible = {change.key: change.possible for change in diff.changes}
    assert possible == {
        "tokens_per_block": False,
        "layout": True,
        "apply": True,
        "retention": False,
    }
    assert diff.cost == "request"


def test_without_a_gateway_no_layout_reaches_what_programs_send() -> None:
    drafted = replace(WRITTEN, nodes={"n": NodePlan(apply="traffic")})
    (change,) = diff_plans(WRITTEN, drafted, profile_by_http(VLLM, has_gateway=False), 0).changes
    assert not change.possible
    assert "--gateway" in change.reason


def test_a_priority_of_whole_requests_takes_no_ranges_of_a_plan() -> None:
    by_priority = sglang.levers_of(sglang.SglangInfo(radix_eviction_policy="priority"))
    profile = profile_by_http(replace(VLLM, kind="sglang", levers=by_priority), has_gateway=True)
    assert profile.reasons["retention"] == NO_RANGES
    assert not profile.retention


def releasing(route: str) -> ServerProfile:
    """A trtllm-serve that forgets by this route."""
    levers = trtllm_serve.levers_of("V1", None, route)
    return replace(VLLM, kind="trtllm-serve", rules="flat", levers=levers)


def test_a_release_goes_by_the_gateway_and_costs_nothing() -> None:
    profile = profile_by_http(releasing(trtllm_serve.RELEASE_PATH), has_gateway=True)
    drafted = replace(WRITTEN, release="session-end")
    (change,) = diff_plans(WRITTEN, drafted, profile, 0).changes
    assert (change.key, change.possible, change.cost) == ("release", True, "request")


@pytest.mark.parametrize(
    ("route", "has_gateway", "why"),
    [
        ("", True, "it has no /_control/kv_cache"),
        (trtllm_serve.BY_MESSAGES_PATH, True, "it forgets by messages"),
        (trtllm_serve.RELEASE_PATH, False, "serve --gateway"),
    ],
)
def test_why_nothing_is_released_is_said(route: str, has_gateway: bool, why: str) -> None:
    profile = profile_by_http(releasing(route), has_gateway=has_gateway)
    assert not profile.release
    assert why in profile.reasons["release"]
