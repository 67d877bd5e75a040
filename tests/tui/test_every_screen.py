"""Every screen but the cache in every state: as text, at three sizes, and readable in a theme.

One console walks through all of them. Its engine is what the test says it is, and its clock stands.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NoReturn

import msgspec
import pytest
from rich.color import Color
from syrupy.assertion import SnapshotAssertion
from textual._compositor import Compositor
from textual.geometry import Region
from textual.screen import Screen

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.commands import (
    Command,
    Diagnose,
    ExplainMiss,
    Lint,
    ListMarks,
    ListMisses,
    ListPassed,
    ListRecordings,
    ListRevisions,
    ListTicks,
    ShowCache,
)
from charter_engine.contracts.contents import ContentsReport
from charter_engine.contracts.explaining import MissReport, MissResult
from charter_engine.contracts.gauges import Session, Triton
from charter_engine.contracts.live import TritonSample
from charter_engine.contracts.traffic import PassedRequests
from charter_tui.link import EngineRefused
from charter_tui.opening import make_app
from charter_tui.options import Options
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.deploy import DeployScreen
from charter_tui.screens.findings import FindingsScreen
from charter_tui.screens.fleet import FleetScreen
from charter_tui.screens.gpu import GpuScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.recordings import RecordingsScreen
from charter_tui.screens.requests import RequestsScreen
from charter_tui.screens.runs import RunsScreen
from charter_tui.screens.series import SeriesScreen
from charter_tui.screens.sessions import SessionsScreen
from charter_tui.screens.work import WorkScreen
from charter_tui.state import Link, Snapshot
from tests.tui import scene
from tests.tui.answers import about_cache, about_requests, about_revisions, about_runs
from tests.tui.conftest import Stage
from tests.tui.deploy_scene import ADVICE, about_the_deployment
from tests.tui.fleet_scene import DIFFERING
from tests.tui.recorded_scene import LISTED
from tests.tui.scripted import Answer
from tests.tui.traffic_scene import PASSED
from tests.tui.work_scene import ALL, FAILED, done

NOW: Final = scene.START + 60
LEAST_CONTRAST: Final = 3.0
"""Of text to its ground, as WCAG 2 counts it for large text; a terminal's text is what the user
makes it."""
SIZES: Final = ((80, 24), (120, 40), (200, 60))
THEMES: Final = {
    "live": "charter-dark",
    "empty": "charter-light",
    "error": "charter-contrast",
    "disconnected": "charter-colourblind",
    "replay": "charter-mono",
}
SCREENS: Final[tuple[type[ConsoleScreen], ...]] = (
    HistoryScreen,
    FindingsScreen,
    WorkScreen,
    RunsScreen,
    RequestsScreen,
    GpuScreen,
    DeployScreen,
    SessionsScreen,
    FleetScreen,
    SeriesScreen,
    RecordingsScreen,
)
ANSWERS: Final[dict[type, Answer]] = {
    **about_the_deployment(),
    **about_cache(),
    **about_runs(),
    **about_revisions(),
    **about_requests(PASSED),
    ListRevisions: lambda _: scene.REVISIONS,
    ListTicks: lambda _: scene.TICKS,
    ListMarks: lambda _: (),
    ListRecordings: lambda _: LISTED,
    Lint: lambda _: (),
    Diagnose: lambda _: ADVICE,
}
CONNECTED: Final = Link("connected")
LIVE: Final = Snapshot(
    link=CONNECTED,
    session=scene.SESSION,
    nodes=scene.NODES,
    gpu=scene.SERVING_GPU,
    host=scene.HOST,
    triton=scene.TRITON,
    run=scene.RUN,
    runs=scene.RUNS,
    draft=scene.DRAFT,
    work=done("plan"),
    results=ALL,
    fleet=DIFFERING,
    events=tuple(scene.event(number, number) for number in range(len(scene.EVENTS))),
    ticks=scene.TICKS,
    as_of=NOW - 12,
)
UNREACHABLE: Final = TritonSample(
    url="127.0.0.1:8001", health="unreachable", reason="connection refused"
)
STATES: Final[dict[str, Snapshot]] = {
    "live": LIVE,
    "empty": Snapshot(link=CONNECTED, session=Session(engine_version="0", phase="ready")),
    "error": replace(LIVE, triton=Triton(UNREACHABLE), work=FAILED, results=None, draft=None),
    "disconnected": replace(
        LIVE, link=Link("lost", "the engine closed the connection", attempt=3, since=NOW - 12)
    ),
    "replay": replace(
        LIVE, session=msgspec.structs.replace(scene.SESSION, mode="replay"), replay=scene.REPLAY
    ),
}
EMPTY: Final[dict[type, object]] = {
    Diagnose: DoctorReport(),
    ListMisses: MissReport(),
    ExplainMiss: MissResult(),
    ListPassed: PassedRequests(),
    ShowCache: ContentsReport(),
}
REFUSALS: Final = {
    "error": "The database is damaged: charter-engine store check tells more.",
    "disconnected": "No answer: the engine closed the connection.",
}


async def never() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError


def paint_nothing(compositor: Compositor, **_: object) -> None:
    """Textual paints for a terminal that is not there, too; what is looked at is drawn then."""
    compositor._dirty_regions.clear()


def contrast(one: Color, other: Color) -> float:
    """WCAG 2.2, "contrast ratio"."""
    lighter, darker = sorted(map(luminance, (one, other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Color) -> float:
    parts = [value / 255 for value in colour.get_truecolor()]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def unreadable(screen: Screen[Any], within: Region | None = None) -> Iterator[str]:
    """Texts that hardly stand out from their ground, on all of the screen or `within` a part."""
    seen = set()
    part = within or screen.region
    for line in screen._compositor.render_strips()[part.y : part.bottom]:
        strip = line.crop(part.x, part.right)
        for text, style, _ in strip:
            if style is None or not any(sign.isalnum() for sign in text):
                continue
            pair = (style.color, style.bgcolor)
            if None in pair or pair in seen:
                continue
            seen.add(pair)
            assert style.color is not None and style.bgcolor is not None
            if style.color.is_default and style.bgcolor.is_default:
                continue
            if contrast(style.color, style.bgcolor) < LEAST_CONTRAST:
                yield text


@pytest.mark.parametrize("state", STATES)
async def test_every_screen_says_what_it_has_to_and_can_be_read(
    state: str, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setattr("time.time", lambda: NOW)
    monkeypatch.setattr(Compositor, "render_update", paint_nothing)
    app = make_app(Options(attach="/run/engine.sock", theme=THEMES[state]), never)

    async def ask(command: Command) -> object:
        if state in REFUSALS:
            raise EngineRefused(REFUSALS[state])
        answer = ANSWERS.get(type(command))
        return answer(command) if answer and state != "empty" else EMPTY.get(type(command), ())

    monkeypatch.setattr(app, "ask", ask)
    shown: list[str] = []
    hidden: list[str] = []

    async def look(stage: Stage, name: str) -> None:
        for width, height in SIZES:
            await stage.pilot.resize_terminal(width, height)
            await stage.settle()
            lines = map(str.rstrip, stage.text().splitlines())
            shown.append("\n".join((f"── {name}, {width}x{height} ──", *lines)))
            hidden.extend(f"{name}: {text}" for text in unreadable(app.screen))

    async with app.run_test(size=SIZES[0]) as pilot:
        stage = Stage(app, None, pilot)  # type: ignore[arg-type]
        app.snapshot = STATES[state]
        await look(stage, "graph")
        app.action_show_tuning()
        await look(stage, "tuning")
        for kind in SCREENS:
            await pilot.resize_terminal(*SIZES[0])
            await stage.settle()
            screen = kind()
            app.push_screen(screen)
            await look(stage, kind.NAME)
            screen.dismiss()
            await stage.settle()
    assert "\n".join(shown) == snapshot
    assert hidden == []
