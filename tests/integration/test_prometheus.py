"""A real Prometheus scrapes an engine on the embedded Triton, and answers every query that the
dashboard and the rules ask; a collector of OpenTelemetry hears of its requests.

A machine without a GPU has none to show: a page beside the engine's tells of one.
"""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace
from ruamel.yaml import YAML

from charter_engine.api.fleet import fleet
from charter_engine.contracts.fleet import FleetRequest
from charter_engine.contracts.gauges import Gpu
from charter_engine.contracts.gpu import GpuSample, GpuStatus, MemoryPart
from charter_engine.embedded.ports import free_ports
from charter_engine.service.hub import Hub
from charter_engine.service.metering import Metering
from tests.collector import Collector, collecting
from tests.integration.service.engines import serving, write_agent

MONITORING = Path(__file__).parents[2] / "monitoring"
PATIENCE_SECONDS = 90.0
GPU = GpuStatus(
    gpus=(
        GpuSample(
            index=0,
            name="NVIDIA H100 80GB HBM3",
            utilization=0.4,
            memory_utilization=0.1,
            power_w=350.0,
            slowdowns=("temperature (hardware)",),
        ),
    ),
    split=((MemoryPart(kind="free", bytes=1, label="measured", source="NVML"),),),
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="prometheus is not installed (Debian: apt install prometheus)",
    ),
]


@pytest.fixture(scope="module")
def ports() -> list[int]:
    return list(free_ports(4))


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def engine(
    tmp_path_factory: pytest.TempPathFactory, ports: list[int], collector: Collector
) -> Iterator[None]:
    directory = tmp_path_factory.mktemp("engine")
    arguments = (
        *("--agent", str(write_agent(directory)), "--run", "--otlp", collector.url),
        *(f"--metrics=127.0.0.1:{ports[0]}", f"--gateway=127.0.0.1:{ports[3]}"),
    )
    with serving(directory, *arguments):
        yield


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory, engine: None, ports: list[int]
) -> Iterator[str]:
    """Its address, with what stands in `monitoring`, pointed here and hurried."""
    directory = tmp_path_factory.mktemp("prometheus")
    yaml = YAML(typ="safe")
    config: dict[str, Any] = yaml.load((MONITORING / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    pages = [f"127.0.0.1:{port}" for port in ports[:2]]
    config["scrape_configs"] = [{"job_name": "charter", "static_configs": [{"targets": pages}]}]
    yaml.dump(config, directory / "prometheus.yml")
    shutil.copy(MONITORING / "rules.yml", directory)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"),
                f"--web.listen-address=127.0.0.1:{ports[2]}",
            ],
            cwd=directory,
            stdout=log,
            stderr=log,
            env={**os.environ, "GOMAXPROCS": "1"},
        )
    yield f"http://127.0.0.1:{ports[2]}"
    process.terminate()
    process.wait()


@pytest.fixture
async def page_of_a_gpu(ports: list[int]) -> AsyncIterator[None]:
    hub = Hub()
    hub.publish(Gpu(GPU))
    metering = Metering(hub)
    await metering.start(f"127.0.0.1:{ports[1]}")
    yield
    await metering.stop()


def panel_queries() -> Iterator[str]:
    dashboard = json.loads((MONITORING / "grafana" / "charter.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["expr"].removesuffix(" > 0")


def rules() -> list[dict[str, Any]]:
    (group,) = YAML(typ="safe").load((MONITORING / "rules.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


async def answer(session: aiohttp.ClientSession, url: str, query: str) -> dict[str, Any]:
    async with session.get(f"{url}/api/v1/query", params={"query": query}) as response:
        found: dict[str, Any] = await response.json()
        return found


async def unanswered(session: aiohttp.ClientSession, url: str, queries: list[str]) -> list[str]:
    """Those without data; Prometheus must be up."""
    try:
        answers = [await answer(session, url, query) for query in queries]
    except aiohttp.ClientError:
        return queries
    return [
        query
        for query, found in zip(queries, answers, strict=True)
        if found["status"] != "success" or not found["data"]["result"]
    ]


async def test_every_panel_and_recorded_rule_has_data(prometheus: str, page_of_a_gpu: None) -> None:
    queries = [*panel_queries(), *(rule["record"] for rule in rules() if "record" in rule)]
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with aiohttp.ClientSession() as session:
        while missing := await unanswered(session, prometheus, queries):
            assert time.monotonic() < deadline, missing
            await asyncio.sleep(0.5)


async def test_a_fleet_is_told_by_what_prometheus_knows_of_it(
    prometheus: str, page_of_a_gpu: None, ports: list[int]
) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    request = FleetRequest(prometheus=prometheus, seconds=120, columns=60, job="charter")
    engine = f"127.0.0.1:{ports[0]}"
    while True:
        found = {server.instance: server for server in (await fleet(request)).servers}
        last = found[engine].last if engine in found else None
        if last is not None and last.pool_used is not None and found[engine].up:
            break
        assert time.monotonic() < deadline
        await asyncio.sleep(0.5)
    assert found[engine].kind == "engine"
    assert 0 <= last.pool_used <= 1
    beside = found[f"127.0.0.1:{ports[1]}"]
    assert beside.last is not None and beside.last.gpu_utilization == 0.4
    assert (await fleet(replace(request, job="another"))).servers == ()


async def test_every_alert_is_a_query_that_prometheus_can_answer(prometheus: str) -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    async with aiohttp.ClientSession() as session:
        for alert in alerts:
            found = await answer(session, prometheus, alert["expr"])
            assert found["status"] == "success", alert["alert"]


async def test_a_request_is_traced_from_its_client_through_the_gateway_to_the_tap(
    engine: None, ports: list[int], collector: Collector
) -> None:
    trace, parent = "4b" * 16, "ab" * 8
    deadline = time.monotonic() + PATIENCE_SECONDS
    url = f"http://127.0.0.1:{ports[3]}/v1/completions"
    asked = {"model": "tiny", "prompt": "Be brief.", "max_tokens": 2}
    async with aiohttp.ClientSession(headers={"traceparent": f"00-{trace}-{parent}-01"}) as client:
        while not await answered(client, url, asked):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.5)
    while len(found := [one for one in collector.spans if one.trace_id == trace]) < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    gateway, beneath = sorted(found, key=lambda one: one.parent_id != parent)
    assert (gateway.name, gateway.parent_id) == ("text_completion tiny", parent)
    assert beneath.parent_id == gateway.span_id
    assert beneath.attributes["charter.request_id"] == gateway.attributes["charter.request_id"]
    assert beneath.attributes["charter.tokens.new"] > 0


async def answered(client: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> bool:
    """Whether the gateway is there by now, and answers."""
    try:
        async with client.post(url, json=body) as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


@pytest.mark.parametrize(
    "alert", [rule for rule in rules() if "alert" in rule], ids=lambda rule: rule["alert"]
)
def test_an_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["remedy"]
