"""How the main screens look: two themes, and three sizes where `test_every_screen` has no text.

Beside each picture stands what must be true of it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from charter_engine.contracts.gauges import TOPIC_OF, Canary, Payload
from charter_engine.service.client import EngineClient
from charter_tui.app import CharterApp
from charter_tui.options import Options
from charter_tui.paths import shipped_themes
from charter_tui.screens.gpu import GpuScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.node import NodeScreen
from charter_tui.screens.tuning import TuningScreen
from charter_tui.screens.work import WorkScreen
from charter_tui.theme import load_themes
from tests.tui.answers import about_cache, about_requests, about_revisions, about_runs
from tests.tui.cache_scene import MEASURED_POOL
from tests.tui.conftest import Stage
from tests.tui.deploy_scene import (
    ALARM,
    DRAFT_FOR_TRAFFIC,
    DRIFTED,
    ON_TRIAL,
    PUSHED,
    about_the_deployment,
    watched,
)
from tests.tui.scene import DRAFT, EVENTS, GAUGES, GPU, REPLAY, SERVING_GPU, TICKS, TWO_GPUS
from tests.tui.scripted import ScriptedEngine
from tests.tui.traffic_scene import PASSED
from tests.tui.work_scene import ALL, FAILED, IN_PROGRESS, done

SIZES = [(80, 24), (120, 36), (200, 60)]
THEMES = ["charter-dark", "charter-light"]
Looks = Sequence[tuple[tuple[int, int], str]]


def in_looks(looks: Looks) -> pytest.MarkDecorator:
    """Runs a test in these sizes and themes."""
    names = [f"{size[0]}x{size[1]}-{theme}" for size, theme in looks]
    return pytest.mark.parametrize(("size", "theme"), looks, ids=names)


in_both_themes = in_looks([(SIZES[1], theme) for theme in THEMES])
in_every_look = in_looks([*((size, THEMES[0]) for size in SIZES), (SIZES[1], THEMES[1])])
"""Three sizes, and one in the light theme, in which the parts lie as in the dark one."""
in_the_least_and_the_largest = pytest.mark.parametrize(
    "size",
    (SIZES[0], SIZES[-1]),
    ids=[f"{size[0]}x{size[1]}" for size in (SIZES[0], SIZES[-1])],
)
WORK_STATES: dict[str, tuple[tuple[Payload, ...], int, str]] = {
    "empty": ((), 0, "No work has been started yet"),
    "progress": ((IN_PROGRESS,), 1, "7 of 24"),
    "failed": ((FAILED,), 2, "this is no workload"),
    "plan": ((done("plan"), ALL), 0, "without layout"),
    "sweep": ((done("predict"), ALL), 1, "tokens_per_block"),
    "learnt": ((done("learn"), ALL), 2, "MEDIAN REUSE TIME"),
    "calibrated": ((done("calibrate"), ALL), 3, "decoding a token"),
    "bench": ((done("bench"), ALL), 4, "WHOLE TIME"),
}
"""What is told, how far down the cursor goes, and what is then on screen."""


class Shown:
    """An app whose engine starts with it, in the loop that the snapshot plugin runs."""

    def __init__(self, path: Path, theme: str, *payloads: Payload) -> None:
        self.engine = ScriptedEngine(path, (*GAUGES, *payloads))
        self.topics = {TOPIC_OF[type(payload)] for payload in (*GAUGES, *payloads)}
        themes, _ = load_themes((shipped_themes(),))
        self.app = CharterApp(Options(theme=theme), self._connect, themes)

    async def _connect(self) -> EngineClient:
        await self.engine.start()
        client = EngineClient(self.engine.server.path)
        await client.connect()
        return client

    async def ready(self, pilot: Pilot[Any]) -> Stage:
        stage = Stage(self.app, self.engine, pilot)
        await stage.until(self._has_all)
        return stage

    def _has_all(self) -> bool:
        """Whether the app has all that its engine has to tell to one that connects."""
        snapshot = self.app.snapshot
        told = all(getattr(snapshot, topic) is not None for topic in self.topics)
        return told and len(snapshot.events) == len(EVENTS) and len(snapshot.ticks) == len(TICKS)


@in_both_themes
def test_graph(snap_compare: Any, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    shown = Shown(tmp_path / "s", theme, *((GPU,) if size[0] > 100 else ()))

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        assert isinstance(stage.app.screen, GraphScreen)

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)


@in_every_look
def test_node(snap_compare: Any, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    shown = Shown(tmp_path / "s", theme, DRAFT)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("down", "enter")
        assert isinstance(stage.app.screen, NodeScreen)

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)


@in_both_themes
def test_tuning(snap_compare: Any, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    shown = Shown(tmp_path / "s", theme, DRAFT)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("2")
        assert isinstance(stage.app.screen, TuningScreen)

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)


@in_the_least_and_the_largest
@pytest.mark.parametrize("state", WORK_STATES)
def test_work(snap_compare: Any, tmp_path: Path, state: str, size: tuple[int, int]) -> None:
    payloads, downs, words = WORK_STATES[state]
    shown = Shown(tmp_path / "s", "charter-dark", *payloads)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("5", *["down"] * downs)
        assert isinstance(stage.app.screen, WorkScreen)
        assert words in stage.text()

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)


@in_both_themes
def test_gpu(snap_compare: Any, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    shown = Shown(tmp_path / "s", theme, SERVING_GPU)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("8")
        assert isinstance(stage.app.screen, GpuScreen)
        assert "weights" in stage.text()

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)


def test_several_gpus_on_a_large_screen(snap_compare: Any, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "s", THEMES[0], TWO_GPUS)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("8")
        assert "GPU 1" in stage.text()

    assert snap_compare(shown.app, terminal_size=(200, 60), run_before=run_before)


LISTS: dict[str, tuple[tuple[str, str], ...]] = {
    "runs": (("6", "against"), ("down", "not worth it here")),
    "requests": (("7", "~−3,300"),),
}
OPENED: dict[str, tuple[tuple[str, str], ...]] = {
    "revision": (("3", "reuse on"), ("enter", "=before")),
    "request": (("7", "time stamp"), ("enter", "Left an earlier prompt")),
}
"""The keys that lead to a screen, and what is on screen behind each."""


@in_both_themes
@pytest.mark.parametrize("screen", LISTS)
def test_lists(
    snap_compare: Any, tmp_path: Path, screen: str, size: tuple[int, int], theme: str
) -> None:
    look_at(snap_compare, tmp_path, LISTS[screen], size, theme)


@in_every_look
@pytest.mark.parametrize("screen", OPENED)
def test_records(
    snap_compare: Any, tmp_path: Path, screen: str, size: tuple[int, int], theme: str
) -> None:
    look_at(snap_compare, tmp_path, OPENED[screen], size, theme)


def look_at(
    snap_compare: Any,
    tmp_path: Path,
    keys: tuple[tuple[str, str], ...],
    size: tuple[int, int],
    theme: str,
) -> None:
    shown = Shown(tmp_path / "s", theme)
    shown.engine.answers |= {**about_runs(), **about_revisions(), **about_requests(PASSED)}

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        for key, words in keys:
            await stage.press(key)
            await stage.until(partial(stage.shows, words))

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)


def test_cache(snap_compare: Any, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "s", "charter-colourblind")
    shown.engine.answers |= about_cache()

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("0")
        await stage.until(partial(stage.shows, "Shared prefixes, of entities"))

    assert snap_compare(shown.app, terminal_size=(120, 36), run_before=run_before)


@in_every_look
def test_measured_cache(
    size: tuple[int, int], theme: str, snap_compare: Any, tmp_path: Path
) -> None:
    shown = Shown(tmp_path / "s", theme)
    shown.engine.answers |= about_cache(MEASURED_POOL)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("0")
        await stage.until(partial(stage.shows, "as predicted"))

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)


DEPLOYMENTS: dict[str, tuple[tuple[int, int], str, tuple[Payload, ...], int, str]] = {
    "trial": ((80, 24), THEMES[0], (ON_TRIAL, watched(), Canary(ALARM)), 4, "TREATED"),
    "push": ((200, 60), THEMES[1], (DRIFTED, DRAFT_FOR_TRAFFIC, PUSHED), 1, "On traffic"),
}
"""Size and theme, what is told, how far down the cursor goes, and what is then on screen."""


@pytest.mark.parametrize("subject", DEPLOYMENTS)
def test_deploy(snap_compare: Any, tmp_path: Path, subject: str) -> None:
    size, theme, payloads, downs, words = DEPLOYMENTS[subject]
    shown = Shown(tmp_path / "s", theme, *payloads)
    shown.engine.answers |= about_the_deployment()

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press("9", *["down"] * downs)
        await stage.until(partial(stage.shows, "1 wrong, 1 costly"))
        await stage.until(partial(stage.shows, words))

    assert snap_compare(shown.app, terminal_size=size, run_before=run_before)


def test_replay(snap_compare: Any, tmp_path: Path) -> None:
    shown = Shown(tmp_path / "s", "charter-dark", REPLAY)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        assert "playing" in stage.text()

    assert snap_compare(shown.app, terminal_size=(80, 24), run_before=run_before)
