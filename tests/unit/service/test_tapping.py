"""Traffic as the engine takes it in, second by second."""

from typing import Any

import pytest

from charter_engine.api.traffic import DeploymentTap
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.gauges import Event, Gauge, TokenParts
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord
from charter_engine.executor.totals import NodeTotals
from charter_engine.servers.deployment import Deployment
from charter_engine.service.hub import Hub
from charter_engine.service.run_manager import RunManager
from charter_engine.service.tapping import MOST_EVENTS, Tapping
from charter_engine.triton import tap
from charter_engine.triton.errors import TritonRefused, Unreachable
from charter_engine.triton.metrics import NodeCounters
from tests.unit.traffic.records import record as told_of


def record(**fields: Any) -> TrafficRecord:
    return TrafficRecord(**{"at": 1.0, "node": "n", "revision": 3, **fields})


class Scene:
    """A tap that gives what it is told to, and what the engine made of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[TrafficBatch | Exception] = []
        self.events: list[Event] = []
        self.requests: list[RequestRecord] = []
        self.parts: dict[str, PromptParts] = {}
        hub = Hub()
        hub.taps.append(self._told)
        self.running = RunManager(hub)
        self.running.traffic = NodeTotals(["n"])
        deployment = self.deployment = Deployment(TritonOptions(url="127.0.0.1:1"))
        deployment.profile = Profile(charter_bls=True)
        monkeypatch.setattr(Deployment, "started", property(lambda _: True))
        monkeypatch.setattr(Deployment, "client", property(lambda _: self))
        monkeypatch.setattr(tap, "TapReader", self._opened)
        self.cursor = ""
        self.tapping = Tapping(hub, DeploymentTap(deployment), self.running, lambda: 3)

    async def drain(self) -> TrafficBatch:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.cursor = "behind the last"
        return answer

    async def take(self, *records: TrafficRecord, **told: Any) -> None:
        self.answers.append(TrafficBatch(records=records, **told))
        await self.tapping.drain()

    @property
    def counted(self) -> int:
        return self.running.traffic.stats()[0].requests

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events]

    def _opened(self, _: object, cursor: str) -> "Scene":
        self.cursor = cursor
        return self

    def _told(self, message: Any) -> None:
        if isinstance(message, Event):
            self.events.append(message)
        elif isinstance(message, Gauge) and isinstance(message.payload, TokenParts):
            self.parts = {node.node: node.parts for node in message.payload.nodes}
        elif isinstance(message, RequestRecord):
            self.requests.append(message)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


async def test_what_had_passed_before_is_counted_and_told_together(scene: Scene) -> None:
    await scene.take(record(), record(), record(revision=2))
    assert (scene.counted, scene.requests) == (2, [])
    assert scene.texts == ["2 requests had passed before"]


async def test_what_had_passed_is_told_together_however_late_the_tap_answers(scene: Scene) -> None:
    scene.answers.append(Unreachable("not up yet"))
    await scene.tapping.drain()
    await scene.take(record(), record())
    assert scene.texts == ["2 requests had passed before"]


async def test_what_passes_is_counted_told_and_recorded(scene: Scene) -> None:
    await scene.take()
    await scene.take(record(form="as written"), record(node="", unmatched="of nobody"))
    assert scene.counted == 1
    assert [request.source for request in scene.requests] == ["other", "other"]
    assert scene.texts == ["as written", "unmatched, of nobody"]


async def test_many_requests_of_one_second_do_not_flood_the_events(scene: Scene) -> None:
    await scene.take()
    await scene.take(*[record() for _ in range(MOST_EVENTS + 10)])
    assert (scene.counted, len(scene.requests)) == (MOST_EVENTS + 10, MOST_EVENTS + 10)
    assert len(scene.texts) == MOST_EVENTS + 1
    assert scene.texts[-1] == "10 more requests passed"


async def test_requests_of_own_runs_are_left_to_the_run(scene: Scene) -> None:
    scene.running._names.add("own")
    await scene.take()
    await scene.take(record(run="own"), record(run="another engine's"))
    assert (scene.counted, len(scene.requests)) == (1, 1)


async def test_a_failed_request_is_a_failure_of_its_node(scene: Scene) -> None:
    await scene.take()
    await scene.take(record(error="too long"))
    (node,) = scene.running.traffic.stats()
    assert (node.requests, node.failures) == (0, 1)
    assert [(event.kind, event.node, event.text) for event in scene.events] == [
        ("failure", "n", "too long")
    ]


async def test_what_was_lost_is_said(scene: Scene) -> None:
    await scene.take()
    await scene.take(lost=12)
    await scene.take(restarted=True)
    assert scene.texts == [
        "12 requests passed unseen: they came faster than they were read",
        "the tap began anew: some traffic may not have been seen",
    ]


async def test_a_deployment_without_a_tap_is_told_of_once(scene: Scene) -> None:
    scene.answers += [TritonRefused("no tap"), TritonRefused("no tap"), Unreachable("gone")]
    for _ in range(3):
        await scene.tapping.drain()
    assert scene.texts == ["no tap"]


async def test_without_a_tap_the_metrics_page_tells_the_totals_and_it_is_said(scene: Scene) -> None:
    scene.deployment.node_counters = (
        NodeCounters(agent="a.py", node="n", revision=3, requests=7, kv_blocks_missed=2),
        NodeCounters(agent="a.py", node="unmatched", revision=3, requests=2),
        NodeCounters(agent="a.py", node="n", revision=2, requests=99),
    )
    scene.answers.append(TritonRefused("no tap"))
    await scene.tapping.drain()
    told = scene.running.traffic.stats()
    assert [(node.node, node.requests, node.source) for node in told] == [
        ("n", 7, "metrics page"),
        ("unmatched", 2, "metrics page"),
    ]
    assert told[0].total_blocks == 2
    assert scene.texts == ["no tap; the nodes' totals are those of its metrics page until then"]
    await scene.take(record())
    assert [(node.requests, node.source) for node in scene.running.traffic.stats()] == [
        (1, "requests")
    ]


async def test_totals_that_begin_anew_take_in_what_the_tap_still_knows(scene: Scene) -> None:
    await scene.take(record())
    scene.running.traffic = NodeTotals(["n"])
    scene.tapping.begin_anew()
    await scene.take(record())
    assert (scene.counted, scene.texts) == (
        1,
        ["1 request had passed before", "1 request had passed before"],
    )


async def test_what_became_of_prompt_tokens_is_counted_by_node_from_the_engines_start_on(
    scene: Scene,
) -> None:
    tokens = list(range(64))
    before = told_of(tokens, node="n", reused_tokens=0)
    await scene.take(before)
    assert scene.parts == {}
    again = told_of(tokens, node="n", at=101.0, sequence=1, reused_tokens=0)
    await scene.take(again)
    assert scene.parts == {"n": PromptParts(evicted=63, rounding=1)}


async def test_whoever_wants_to_hear_of_requests_told_apart_does(scene: Scene) -> None:
    heard: list[Any] = []
    scene.tapping.telling.append(heard.extend)
    await scene.take()
    told = told_of(list(range(32)), node="n", reused_tokens=0)
    await scene.take(told)
    assert heard == [(told, PromptParts(new=32))]
