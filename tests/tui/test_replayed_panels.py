"""A replay shows at any position what was on screen at that moment."""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.contracts.commands import SeekReplay, Subscribe
from charter_engine.contracts.gauges import Event, Gauge, Nodes, Run, Runs, Session, Ticked, Triton
from charter_engine.contracts.live import KvPool, TritonSample
from charter_engine.contracts.series import Tick
from charter_engine.service.client import ALL_TOPICS
from charter_engine.service.hub import Hub, Subscriber
from charter_engine.service.protocol import FrameSplitter, decode_message
from charter_engine.service.replay import Replaying
from charter_engine.store.recording_writer import RecordingWriter
from charter_tui.present.comparison import comparison_lines
from charter_tui.present.graph_columns import columns_for
from charter_tui.present.graph_table import GraphRows
from charter_tui.present.headline import headline
from charter_tui.present.node_figures import figure_lines
from charter_tui.present.panels import event_line, memory_lines, run_lines, triton_lines
from charter_tui.present.spans import text_of
from charter_tui.present.strips import strip_lines
from charter_tui.present.tuning import tuning_rows
from charter_tui.state import Snapshot, apply_events, apply_gauges
from tests.tui.scene import DRAFT, ENTITIES, EVENTS, HOST, NODES, RUN, RUNS, SESSION, START

SECONDS = 600
WIDTH = 120


def second(number: int) -> list[Gauge | Event]:
    """What happened in that second of a session that opens its agent late and runs it later."""
    at = START + number
    payloads: list[Session | Triton | Ticked | Nodes | Run | Runs] = []
    if number == 20:
        payloads.append(SESSION)
    if number >= 40:
        pool = KvPool(
            max_blocks=1000,
            used_blocks=number,
            free_blocks=1000 - number,
            tokens_per_block=32,
        )
        payloads.append(Triton(TritonSample(health="ready", kv_pool=pool)))
        tick = Tick(at=at, prompt_tokens=100, computed_tokens=number % 90, pool_used=number / 1000)
        payloads.append(Ticked(tick))
    if number == 100:
        payloads.append(RUNS)
    if number >= 60 and number % 3 == 0:
        first = replace(NODES.nodes[0], requests=number, reused_tokens=number * 10)
        progress = replace(RUN.progress, items_done=number)
        payloads += [Nodes((first, *NODES.nodes[1:])), Run(progress)]
    gauges = [Gauge(at=at, payload=payload) for payload in payloads]
    if number == 300:
        gauges.append(Gauge(at=at, payload=DRAFT))
    if number == 90:
        gauges.append(Gauge(at=at, payload=HOST))
    events = [Event(sequence=number, at=at, **EVENTS[number % len(EVENTS)])] if number % 2 else []
    return [*gauges, *events]


def folded(snapshot: Snapshot, messages: list[Gauge | Event]) -> Snapshot:
    gauges = [message for message in messages if isinstance(message, Gauge)]
    events = [message for message in messages if isinstance(message, Event)]
    return apply_events(apply_gauges(snapshot, gauges), events)


def panels(snapshot: Snapshot) -> dict[str, list[str]]:
    """The text of every panel but the replay's own bar."""
    columns = columns_for(WIDTH)
    lines = {
        "headline": headline(snapshot, WIDTH),
        "graph": [cell for row in GraphRows().rows(snapshot, columns) for cell in row.cells],
        "node": figure_lines(snapshot, ENTITIES),
        "run": run_lines(snapshot, WIDTH),
        "triton": triton_lines(snapshot, WIDTH),
        "strips": strip_lines(snapshot, WIDTH),
        "memory": memory_lines(snapshot, WIDTH),
        "tuning": [cell for row in tuning_rows(snapshot, 4) for cell in row.cells],
        "comparison": comparison_lines(snapshot, WIDTH),
        "log": [event_line(event) for event in snapshot.events],
    }
    return {name: [text_of(line) for line in made] for name, made in lines.items()}


class Watching:
    """A console's snapshot, kept up to date by what a hub sends it."""

    def __init__(self, hub: Hub) -> None:
        self.snapshot = Snapshot()
        self._subscriber = Subscriber()
        self._splitter = FrameSplitter()
        hub.subscribe(self._subscriber, Subscribe(topics=ALL_TOPICS))

    async def look(self) -> Snapshot:
        received = [
            decode_message(payload)
            for payload in self._splitter.feed(await self._subscriber.next_chunk())
        ]
        messages = [message for message in received if isinstance(message, Gauge | Event)]
        self.snapshot = folded(self.snapshot, messages)
        return self.snapshot


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_panel_at_a_random_position_is_as_it_was_live(
    tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "session.charter"
    writer = RecordingWriter(path)
    live = Snapshot()
    shown: dict[int, dict[str, list[str]]] = {}
    for number in range(SECONDS):
        messages = second(number)
        writer.write(messages)
        live = folded(live, messages)
        shown[number] = panels(live)
    writer.close()
    hub = Hub()
    replaying = Replaying(hub, path, lambda: None)
    await replaying.start()
    watching = Watching(hub)
    chance = random.Random(seed)
    try:
        for _ in range(25):
            number = chance.randrange(20, SECONDS)
            await replaying.handle(SeekReplay(to=START + number + 0.5))
            assert panels(await watching.look()) == shown[number]
            for later in range(number + 1, min(number + 30, SECONDS)):
                replaying._advance(START + later + 0.5)
                assert panels(await watching.look()) == shown[later]
    finally:
        await replaying.stop()
