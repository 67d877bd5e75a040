"""Random keys, clicks, wheels and resizes at a console, in an order that a seed decides."""

import asyncio
import random
from collections.abc import Iterator
from typing import Final

from textual import events
from textual.events import MouseEvent
from textual.geometry import Size
from textual.message import Message

from charter_tui.actions import ACTIONS
from tests.tui.conftest import Stage

BURST: Final = 25
"""Events that arrive before the console gets time to finish with them."""
SIZES: Final = ((80, 24), (200, 60), (120, 40), (79, 24), (60, 20), (140, 30), (39, 11), (10, 4))
_TYPED: Final = "abcxyz019 ./-"
_NAVIGATION: Final = (
    "up down left right pageup pagedown home end tab shift+tab enter escape backspace space "
    "ctrl+p ctrl+p f1 question_mark"
).split()
_LEAVES: Final = frozenset(("q", "ctrl+q", "ctrl+z"))
KEYS: Final = tuple(
    key
    for action in ACTIONS
    for key in action.keys.split(",")
    if key not in _LEAVES and action.name != "leave"
)


async def storm(stage: Stage, seed: int, number: int) -> int:
    """Send `number` random events to the console; what it raises comes up in the test. Gives how
    many it took: fewer where it was left, which the palette and the footer offer as well."""
    chance = random.Random(seed)
    for index, event in enumerate(_events(stage, chance, number)):
        if not stage.app.is_running:
            return index
        stage.app._driver.process_message(event) if stage.app._driver else None
        if index % BURST == chance.randrange(BURST):
            await stage.pilot.pause(0)
        else:
            await asyncio.sleep(0)
    await stage.pilot.pause()
    return number


def _events(stage: Stage, chance: random.Random, number: int) -> Iterator[Message]:
    for _ in range(number):
        kind = chance.random()
        if kind < 0.45:
            yield _key(chance.choice(KEYS))
        elif kind < 0.75:
            yield _key(chance.choice(_NAVIGATION))
        elif kind < 0.85:
            character = chance.choice(_TYPED)
            yield events.Key("space" if character == " " else character, character)
        elif kind < 0.95:
            yield _mouse(chance, stage.app.size)
        else:
            size = Size(*chance.choice(SIZES))
            if stage.app._driver is not None:
                stage.app._driver._size = size.width, size.height
            yield events.Resize(size, size)


def _key(key: str) -> events.Key:
    return events.Key(key, key if len(key) == 1 else None)


def _mouse(chance: random.Random, size: Size) -> MouseEvent:
    kind: type[MouseEvent] = chance.choice(
        (
            events.MouseDown,
            events.MouseUp,
            events.MouseMove,
            events.MouseScrollDown,
            events.MouseScrollUp,
        )
    )
    return kind(
        None,
        x=chance.randrange(max(1, size.width)),
        y=chance.randrange(max(1, size.height)),
        delta_x=0,
        delta_y=0,
        button=1,
        shift=False,
        meta=False,
        ctrl=False,
    )
