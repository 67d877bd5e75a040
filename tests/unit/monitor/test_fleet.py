"""A fleet read from a stand-in for Prometheus: what is asked, and what is made of the answers."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from charter_engine.api.fleet import fleet
from charter_engine.contracts.fleet import FleetReport, FleetRequest
from charter_engine.contracts.series import ValueRange
from charter_engine.errors import CharterError, UsageError
from charter_engine.monitor.fleet import queries

BEGIN, STEP = 1_000.0, 60.0
Values = list[tuple[float, str]]


def every_step(value: str, steps: range = range(10)) -> Values:
    return [(BEGIN + STEP * step, value) for step in steps]


class StandIn:
    """Answers range queries by the first pattern that a query holds."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.headers: list[Any] = []
        self.answers: dict[str, dict[str, Values]] = {}
        self.raw: web.Response | None = None

    async def answer(self, request: web.Request) -> web.Response:
        asked = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(asked)
        self.headers.append(request.headers)
        if self.raw is not None:
            return self.raw
        found = next(
            (told for part, told in self.answers.items() if re.search(part, asked["query"])), {}
        )
        result = [
            {"metric": {"instance": name}, "values": values} for name, values in found.items()
        ]
        return web.json_response({"status": "success", "data": {"result": result}})


@pytest.fixture
def prometheus() -> StandIn:
    return StandIn()


@pytest.fixture
async def url(prometheus: StandIn) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/api/v1/query_range", prometheus.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def asked(url: str, **fields: Any) -> FleetReport:
    request = FleetRequest(prometheus=url, seconds=600, columns=10, **fields)
    return await fleet(request, now=BEGIN + 600)


async def test_rates_become_what_passed_in_each_step(prometheus: StandIn, url: str) -> None:
    prometheus.answers = {
        "told_prompt_tokens": {"a:1": every_step("100")},
        "reused_tokens": {"a:1": every_step("75")},
        "charter_engine_requests_total": {"a:1": every_step("0.5")},
        "_build_info": {"a:1": every_step("1")},
        r"\(up": {"a:1": every_step("1")},
    }
    (server,) = (await asked(url)).servers
    assert (server.instance, server.kind, server.up) == ("a:1", "engine", True)
    last = server.last
    assert last is not None and server.total is not None
    assert (last.requests, last.prompt_tokens, last.computed_tokens) == (30, 6_000, 1_500)
    assert (server.total.requests, server.total.hit_rate) == (300, 0.75)


async def test_a_peak_within_a_step_is_told_and_a_server_that_was_away_has_a_gap(
    prometheus: StandIn, url: str
) -> None:
    here = [*range(3), *range(7, 10)]
    used = {"b:2": [value for value in every_step("0.5") if (value[0] - BEGIN) / STEP in here]}
    prometheus.answers = {
        r"min_over_time\(\(\(sum.*kv_blocks": used,
        r"max_over_time\(\(\(sum.*kv_blocks": {"b:2": [(BEGIN, "0.9"), *used["b:2"][1:]]},
        "kv_blocks": used,
        r"\(up": {"b:2": every_step("0")},
    }
    (server,) = (await asked(url)).servers
    assert (server.kind, server.up) == ("triton", False)
    assert [len(run) for run in server.history] == [3, 3]
    assert server.history[0][0].range_of("pool_used") == ValueRange(0.5, 0.9)


async def test_what_is_no_number_is_left_out(prometheus: StandIn, url: str) -> None:
    prometheus.answers = {"time_to_first": {"c:3": [(BEGIN, "NaN"), (BEGIN + STEP, "0.2")]}}
    (server,) = (await asked(url)).servers
    assert [tick.ttft_ms for run in server.history for tick in run] == [200.0]


async def test_the_busiest_server_comes_first(prometheus: StandIn, url: str) -> None:
    prometheus.answers = {
        "told_prompt_tokens": {"idle:1": every_step("1"), "busy:1": every_step("90")}
    }
    assert [one.instance for one in (await asked(url)).servers] == ["busy:1", "idle:1"]


async def test_a_key_goes_with_every_query_and_a_job_into_each(
    prometheus: StandIn, url: str
) -> None:
    await asked(url, key="hush", job='a "job"')
    assert {headers["Authorization"] for headers in prometheus.headers} == {"Bearer hush"}
    assert all(r'job="a \"job\""' in query["query"] for query in prometheus.asked)
    assert {(query["start"], query["step"]) for query in prometheus.asked} == {("1000.0", "60.0")}


def test_rates_are_over_a_minute_at_least() -> None:
    assert "[60s]" in queries(1.0)["requests"]
    assert "[3600s]" in queries(3_600.0)["requests"]


async def test_a_prometheus_that_is_away_is_told(url: str) -> None:
    with pytest.raises(CharterError, match="does not answer") as failed:
        await fleet(FleetRequest(prometheus="http://127.0.0.1:1"))
    assert failed.value.exit_code == 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: web.Response(text="<html>", status=200), "is no Prometheus"),
        (lambda: web.Response(text="{}", status=401), "refuses: HTTP 401"),
        (
            lambda: web.json_response({"status": "error", "error": "too many"}, status=422),
            "too many",
        ),
    ],
)
async def test_what_is_answered_instead_is_told(
    prometheus: StandIn, url: str, answer: Any, said: str
) -> None:
    prometheus.raw = answer()
    with pytest.raises((CharterError, UsageError), match=said):
        await asked(url)
