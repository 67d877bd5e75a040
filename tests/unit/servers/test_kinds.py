"""What each kind of server tells of itself, and where its levers end."""

import json
from typing import Any

import pytest
from aiohttp import web

from charter_engine.contracts.server import LeverName, ServerLever, ServerProfile
from charter_engine.errors import CharterError
from charter_engine.servers.protocol import InferenceServer, TokenRequest
from charter_engine.servers.sglang import SglangServer
from charter_engine.servers.trtllm_serve import TrtllmServe
from charter_engine.servers.vllm import VllmServer
from tests.unit.servers.answering import (
    ITERATIONS,
    VLLM_METRICS,
    Routes,
    asked,
    completion,
    refusing,
    sglang,
    trtllm_serve,
    vllm,
)

PROMPT = TokenRequest(token_ids=tuple(range(300, 397)), priority=100)
HttpServer = type[VllmServer] | type[SglangServer] | type[TrtllmServe]
KINDS = [(vllm(), VllmServer), (sglang(), SglangServer), (trtllm_serve(), TrtllmServe)]
ALL_LEVERS: set[LeverName] = {
    "layout", "reuse", "retention", "block size", "pool", "host tier", "cache salt", "release",
}  # fmt: skip


async def profiled(routes: Routes, kind: HttpServer, **options: Any) -> ServerProfile:
    async with asked(routes) as (_, http):
        return await kind(http, **options).profile()


def hidden_of(profile: ServerProfile) -> dict[str, str]:
    return {item.figures: item.option for item in profile.hidden}


async def test_vllm_tells_its_pool_and_its_reuse_in_tokens() -> None:
    profile = await profiled(vllm(), VllmServer)
    counters = profile.counters
    assert (profile.version, profile.model, profile.tokens_per_block) == ("0.32.0", "m", 32)
    assert (counters.prompt_tokens, counters.reused_tokens) == (390, 128)
    assert counters.reuse == "measured" and counters.hit_rate == pytest.approx(128 / 390)
    assert counters.pool is not None
    assert (counters.pool.max_blocks, counters.pool.used_blocks) == (200, 50)
    assert (profile.manager, profile.rules) == ("vLLM", "vllm")


async def test_sglang_tells_its_pool_in_pages_and_its_reuse_in_tokens() -> None:
    profile = await profiled(sglang(), SglangServer)
    counters = profile.counters
    assert (profile.version, profile.tokens_per_block, profile.rules) == ("0.5.23", 16, "sglang")
    assert (counters.prompt_tokens, counters.reused_tokens) == (400, 100)
    assert counters.pool is not None
    assert (counters.pool.max_blocks, counters.pool.used_blocks) == (2000, 10)


@pytest.mark.parametrize("prefix", ["trtllm_kv_cache_", "trtllm_", "kv_cache_"])
async def test_trtllm_serve_tells_its_pool_whatever_its_release_calls_it(prefix: str) -> None:
    page = str(trtllm_serve()["/prometheus/metrics"]).replace("trtllm_kv_cache_", prefix)
    profile = await profiled(trtllm_serve(prometheus__metrics=page), TrtllmServe)
    assert profile.tokens_per_block == 32
    assert profile.counters.reused_blocks == 30 and profile.counters.hit_rate == 0.5


@pytest.mark.parametrize(
    ("routes", "kind"),
    [(vllm(), VllmServer), (sglang(), SglangServer), (trtllm_serve(), TrtllmServe)],
)
async def test_every_lever_acts_somewhere_or_says_why_not(routes: Routes, kind: HttpServer) -> None:
    profile = await profiled(routes, kind)
    assert {lever.name for lever in profile.levers} == ALL_LEVERS
    assert all(_is_explained(lever) for lever in profile.levers)


def _is_explained(lever: ServerLever) -> bool:
    return bool(lever.where and lever.cost) if lever.acts else bool(lever.reason)


async def test_caching_that_is_off_is_a_lever_with_the_option_that_switches_it_on() -> None:
    off = VLLM_METRICS.replace('enable_prefix_caching="True"', 'enable_prefix_caching="False"')
    lever = (await profiled(vllm(metrics=off), VllmServer)).lever("reuse")
    assert not lever.acts and lever.remedy == "--enable-prefix-caching"
    lever = (await profiled(sglang({"disable_radix_cache": True}), SglangServer)).lever("reuse")
    assert not lever.acts and "--disable-radix-cache" in lever.remedy


async def test_retention_acts_on_sglang_only_where_eviction_heeds_priorities() -> None:
    lever = (await profiled(sglang(), SglangServer)).lever("retention")
    assert not lever.acts and lever.remedy == "--radix-eviction-policy priority"
    by_priority = await profiled(sglang({"radix_eviction_policy": "priority"}), SglangServer)
    assert by_priority.lever("retention").acts
    assert by_priority.rules is None, "no predictor has this policy"


async def test_figures_that_are_hidden_name_the_option_that_shows_them() -> None:
    blind = await profiled(vllm(metrics=404, kv_event_sources=404), VllmServer)
    assert "--disable-log-stats" in hidden_of(blind)["all counters"]
    assert "--kv-events-config" in hidden_of(blind)["the map of the cache"]
    blind = await profiled(sglang(metrics=404), SglangServer)
    assert hidden_of(blind)["all counters"] == "--enable-metrics"
    blind = await profiled(trtllm_serve(prometheus__metrics=404), TrtllmServe)
    assert hidden_of(blind)["pool and counters"] == "return_perf_metrics: true"


async def test_a_figure_that_no_server_tells_is_none_and_not_zero() -> None:
    counters = (await profiled(vllm(metrics=404), VllmServer)).counters
    assert counters.reused_tokens is None and counters.reuse is None and counters.pool is None


async def test_what_is_drained_is_read_only_where_that_is_asked_for() -> None:
    routes = trtllm_serve(prometheus__metrics=404, metrics=ITERATIONS)
    async with asked(routes) as (told, http):
        assert (await TrtllmServe(http).profile()).counters.pool is None
        assert "/metrics" not in told.asked and "/perf_metrics" not in told.asked
        profile = await TrtllmServe(http, drains=True).profile()
        assert profile.tokens_per_block == 64 and profile.counters.reused_blocks == 3
        assert told.asked.count("/metrics") == 1


@pytest.mark.parametrize("statistics", [[], [{"iter": 1}], 404])
async def test_drained_statistics_that_are_empty_tell_nothing(statistics: object) -> None:
    routes = trtllm_serve(prometheus__metrics=404, metrics=statistics)
    profile = await profiled(routes, TrtllmServe, drains=True)
    assert profile.counters.pool is None and profile.counters.reuse is None


async def test_the_block_size_of_a_configuration_is_told_as_what_was_asked_for() -> None:
    configuration = {"kv_cache_config": {"tokens_per_block": 64}}
    profile = await profiled(
        trtllm_serve(prometheus__metrics=404), TrtllmServe, configuration=configuration
    )
    assert profile.tokens_per_block == 64
    assert any("asks for" in note for note in profile.notes)


async def test_on_the_second_manager_retention_says_why_and_what_would_make_it_act() -> None:
    configuration = {"kv_cache_config": {"use_kv_cache_manager_v2": True}}
    profile = await profiled(trtllm_serve(), TrtllmServe, configuration=configuration)
    lever = profile.lever("retention")
    assert (profile.manager, profile.rules) == ("V2", "v2")
    assert not lever.acts and "V2 gives every page the default priority" in lever.reason
    assert "use_kv_cache_manager_v2: false" in lever.remedy


async def test_prefixes_are_released_where_the_route_is_there() -> None:
    assert not (await profiled(trtllm_serve(), TrtllmServe)).lever("release").acts
    routes = trtllm_serve(_control__kv_cache__truncate=422)
    assert (await profiled(routes, TrtllmServe)).lever("release").acts


@pytest.mark.parametrize(
    ("routes", "kind"),
    [(vllm(), VllmServer), (sglang(), SglangServer), (trtllm_serve(), TrtllmServe)],
)
async def test_a_request_is_answered_with_what_the_server_counted_of_it(
    routes: Routes, kind: HttpServer
) -> None:
    async with asked(routes) as (_, http):
        server: InferenceServer = kind(http)
        answer = await server.complete(PROMPT)
    assert (answer.prompt_tokens, answer.reused_tokens, answer.reuse) == (97, 96, "measured")
    assert (answer.text, answer.output_ids) == (" a b", (7, 8))
    assert answer.latency_ms > 0


@pytest.mark.parametrize(
    ("routes", "kind"),
    [(vllm(), VllmServer), (sglang(), SglangServer), (trtllm_serve(), TrtllmServe)],
)
async def test_a_priority_that_would_do_nothing_is_never_sent(
    routes: Routes, kind: HttpServer
) -> None:
    async with asked(routes) as (told, http):
        await kind(http).complete(PROMPT)
        assert "priority" not in told.bodies[-1]


async def test_a_priority_that_sglang_heeds_is_sent() -> None:
    async with asked(sglang({"radix_eviction_policy": "priority"})) as (told, http):
        await SglangServer(http).complete(PROMPT)
        assert told.bodies[-1]["priority"] == 100


async def test_a_field_that_was_refused_is_never_sent_again() -> None:
    async with asked(vllm(v1__completions=refusing("cache_salt", completion(0)))) as (told, http):
        server = VllmServer(http)
        salted = TokenRequest(token_ids=(1, 2), cache_salt="x")
        assert (await server.complete(salted)).reused_tokens == 0
        await server.complete(salted)
        assert [("cache_salt" in body) for body in told.bodies] == [True, False, False]


async def test_reused_tokens_are_not_known_where_the_option_for_them_is_off() -> None:
    async with asked(vllm(v1__completions=completion(None))) as (_, http):
        answer = await VllmServer(http).complete(PROMPT)
        assert answer.reused_tokens is None and answer.reuse is None


async def test_a_model_that_completes_no_text_is_told() -> None:
    async with asked(vllm(v1__completions=404)) as (_, http):
        with pytest.raises(CharterError, match="other routes"):
            await VllmServer(http).complete(PROMPT)


@pytest.mark.parametrize("version", ["0.40.0", "1.0", "nightly", ""])
async def test_a_version_that_nobody_has_read_is_told(version: str) -> None:
    profile = await profiled(vllm(version={"version": version}), VllmServer)
    assert len(profile.notes) == 1 and "vLLM" in profile.notes[0]


async def test_a_version_that_was_read_needs_no_note() -> None:
    assert (await profiled(vllm(version={"version": "0.32.1"}), VllmServer)).notes == ()


GARBLED: list[tuple[Routes, HttpServer]] = [
    (vllm(version={"version": 7}), VllmServer),
    (vllm(version="<html>"), VllmServer),
    (vllm(kv_event_sources=["tcp://*:5557"]), VllmServer),
    (sglang({"page_size": "many"}), SglangServer),
    ({**trtllm_serve(), "/version": {"version": None}}, TrtllmServe),
]


@pytest.mark.parametrize(("routes", "kind"), GARBLED)
async def test_answers_that_nobody_can_read_name_the_route(
    routes: Routes, kind: HttpServer
) -> None:
    with pytest.raises(CharterError, match=r"http://\S+ answers what Charter does not understand"):
        await profiled(routes, kind)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "many"])
async def test_figures_that_are_no_numbers_are_not_told(value: str) -> None:
    page = VLLM_METRICS.replace(" 128.0", f" {value}")
    assert (await profiled(vllm(metrics=page), VllmServer)).counters.reused_tokens is None


@pytest.mark.parametrize("text", ["data: {\n\n", 'data: {"choices": 7}\n\n'])
async def test_an_answer_that_breaks_off_is_told(text: str) -> None:
    stream = web.Response(text=text, content_type="text/event-stream")
    async with asked(vllm(v1__completions=lambda _: stream)) as (_, http):
        with pytest.raises(CharterError, match="/v1/completions answers what"):
            await VllmServer(http).complete(PROMPT)


async def test_an_error_in_the_middle_of_a_stream_is_told_in_the_servers_own_words() -> None:
    text = 'data: {"error": {"message": "out of blocks"}}\n\n'
    stream = web.Response(text=text, content_type="text/event-stream")
    async with asked(vllm(v1__completions=lambda _: stream)) as (_, http):
        with pytest.raises(CharterError, match="out of blocks"):
            await VllmServer(http).complete(PROMPT)


async def test_of_two_routes_that_release_the_one_by_tokens_is_told() -> None:
    by_messages = trtllm_serve(_control__kv_cache__truncate=422)
    both = {**by_messages, "/_control/kv_cache/truncate_tokens": 400}
    for routes, route in ((by_messages, "truncate"), (both, "truncate_tokens")):
        lever = (await profiled(routes, TrtllmServe)).lever("release")
        assert lever.where == f"POST /_control/kv_cache/{route}"


async def test_a_prefix_is_released_by_its_tokens() -> None:
    routes = {**trtllm_serve(), "/_control/kv_cache/truncate_tokens": {}}
    async with asked(routes) as (told, http):
        await TrtllmServe(http).release((7, 8, 9), 2)
    assert told.bodies == [{"prefixes": [[7, 8, 9]], "num_tokens_to_keep": [2]}]


@pytest.mark.parametrize(("routes", "kind"), KINDS)
async def test_a_server_that_releases_nothing_says_so(routes: Routes, kind: HttpServer) -> None:
    async with asked(routes) as (_, http):
        with pytest.raises(CharterError, match=r"no call that drops|truncate_tokens: 404"):
            await kind(http).release((7, 8, 9), 0)


async def test_several_engines_behind_one_address_are_told() -> None:
    second = VLLM_METRICS.splitlines()[-1].replace('engine="0"', 'engine="1"')
    profile = await profiled(vllm(metrics=VLLM_METRICS + second + "\n"), VllmServer)
    assert any("2 engines are behind this address" in note for note in profile.notes)


def generated(*events: tuple[str | None, list[int]]) -> Any:
    """A stream of SGLang's: the text and the ids of each event, of three tokens in all."""
    told = {"prompt_tokens": 97, "completion_tokens": 3, "cached_tokens": 96}
    lines = (
        json.dumps({"text": text, "output_ids": ids, "meta_info": told}) for text, ids in events
    )
    text = "".join(f"data: {line}\n\n" for line in (*lines, "[DONE]"))
    return lambda _: web.Response(text=text, content_type="text/event-stream")


@pytest.mark.parametrize(
    "events",
    [
        ((None, [7]), (None, [7, 8]), (" a b c", [7, 8, 9])),
        ((" a", [7]), (" b c", [8, 9])),
    ],
    ids=["cumulative", "incremental"],
)
async def test_a_stream_of_sglangs_is_put_together_and_timed(events: Any) -> None:
    async with asked(sglang(generate=generated(*events))) as (told, http):
        answer = await SglangServer(http).complete(PROMPT)
    assert told.bodies[-1]["stream"]
    assert (answer.text, answer.output_ids, answer.reused_tokens) == (" a b c", (7, 8, 9), 96)
    assert answer.ttft_ms is not None
    assert answer.ttft_ms <= answer.latency_ms


async def test_a_stream_of_sglangs_that_fails_is_a_refusal_in_its_own_words() -> None:
    failed = 'data: {"error": {"message": "out of memory"}}\n\n'
    stream = web.Response(text=failed, content_type="text/event-stream")
    async with asked(sglang(generate=lambda _: stream)) as (_, http):
        with pytest.raises(CharterError, match="out of memory"):
            await SglangServer(http).complete(PROMPT)
