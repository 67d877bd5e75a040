"""What the keys of a replay and of a frozen screen do, and how a recording is begun."""

import time
from functools import partial

from msgspec.structs import replace

from charter_engine.contracts.commands import (
    ControlReplay,
    SeekReplay,
    StartRecording,
    StartRun,
)
from charter_engine.contracts.gauges import Nodes
from tests.tui.conftest import Open
from tests.tui.scene import (
    NODES,
    REPLAY,
    START,
)


async def test_a_recording_is_started_under_the_offered_name(console: Open) -> None:
    async with console() as stage:
        await stage.press("w", "enter")
        await stage.until(lambda: stage.engine.asked(StartRecording))


async def test_each_key_of_a_replay_is_one_command(console: Open) -> None:
    wanted = {
        "space": ControlReplay(paused=True),
        "plus": ControlReplay(speed=2.0),
        "minus": ControlReplay(speed=0.5),
        "left": SeekReplay(by=-10.0),
        "right": SeekReplay(by=10.0),
        "shift+left": SeekReplay(by=-60.0),
        "shift+right": SeekReplay(by=60.0),
        "ctrl+left": SeekReplay(by=-600.0),
        "ctrl+right": SeekReplay(by=600.0),
        "comma": SeekReplay(by=-1.0),
        "full_stop": SeekReplay(by=1.0),
        "right_curly_bracket": SeekReplay(marker=1),
        "left_curly_bracket": SeekReplay(marker=-1),
        "home": SeekReplay(to=START),
        "end": SeekReplay(to=START + 600),
    }
    async with console(REPLAY) as stage:
        await stage.press(*wanted)
        await stage.until(lambda: len(stage.engine.commands) == len(wanted))
        assert stage.engine.commands == list(wanted.values())


async def test_a_replay_goes_to_a_typed_time(console: Open) -> None:
    async with console(REPLAY) as stage:
        await stage.press("slash")
        await stage.type("3m ago")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.commands)
        assert stage.engine.commands == [SeekReplay(to=START + 420)]


async def test_a_time_that_is_none_stays_typed(console: Open) -> None:
    async with console(REPLAY) as stage:
        await stage.press("slash")
        await stage.type("soon")
        await stage.press("enter")
        assert "is not a time" in stage.text()
        assert "soon" in stage.text()


async def test_in_a_replay_nothing_is_changed_and_the_reason_is_told(console: Open) -> None:
    async with console(REPLAY) as stage:
        await stage.press("e")
        await stage.until(lambda: "This is a recording" in stage.told())
        await stage.press("r", "u")
        assert not stage.engine.commands


async def test_space_holds_the_live_screen_still_and_arrows_walk_back(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        now = time.time()
        for second in (1, 11, 21):
            shown = replace(NODES.nodes[0], requests=100 + second)
            stage.engine.hub.publish(Nodes((shown, *NODES.nodes[1:])), at=now + second)
            await stage.until(partial(stage.shows, f"={100 + second}"))
        await stage.press("space")
        await stage.until(partial(stage.shows, "frozen"))
        await stage.press("left")
        assert stage.shows("=111")
        later = replace(NODES.nodes[0], requests=200)
        stage.engine.hub.publish(Nodes((later, *NODES.nodes[1:])), at=now + 31)
        await stage.press("r")
        assert "The screen is frozen: space goes on." in stage.told()
        assert not stage.engine.asked(StartRun)
        assert not stage.shows("=200")
        await stage.press("space")
        await stage.until(partial(stage.shows, "=200"))
