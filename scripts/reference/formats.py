"""The pages of what crosses a process or a file boundary: plans, the protocol, recordings."""

import inspect
from collections.abc import Iterable
from types import ModuleType
from typing import get_args

from msgspec.inspect import type_info

from charter_engine.contracts.commands import (
    PROTOCOL_VERSION,
    RESULT_OF,
    RIGHT_OF,
    Command,
)
from charter_engine.contracts.gauges import TOPIC_OF, UNRECORDED, Event, Gauge, Marker
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.protocol import Failure, Goodbye, Request, Response
from charter_engine.plan.plan_file import PLAN_VERSION
from charter_engine.store import delta, recording_format, recording_parity
from scripts.reference.records import fields_of, held_by, meaning, spelled
from scripts.reference.tables import anchor, code, table


def plan_page() -> str:
    """A plan file by its records."""
    return "".join(
        (
            f"# The plan file, version {PLAN_VERSION}\n\n",
            "YAML. [Plans](../plans.md) says what it is for; `charter-engine plan --schema` prints "
            "its JSON schema.\n\n",
            *_sections((Plan, *held_by((Plan,), (Plan,)))),
        )
    )


def protocol_page() -> str:
    """What engine and consoles say to each other."""
    commands = get_args(Command)
    frames = (Request, Response, Failure, Goodbye, Gauge, Event)
    told = tuple(TOPIC_OF)
    shown = (*frames, *commands, *told)
    answers = (tuple[answer] for answer in RESULT_OF.values())  # type: ignore[valid-type]
    inner = held_by((*shown, *answers), shown)
    return "".join(
        (
            f"# The protocol, version {PROTOCOL_VERSION}\n\n",
            "Between the engine's socket and its consoles: frames of a 4-byte big-endian length "
            "and msgpack. A record that may stand beside others names itself under `type`.\n\n",
            "## Frames\n\n",
            *_sections(frames, level=3),
            "## Gauges\n\n",
            table(
                ("topic", "payload"),
                ((code(topic), _link(record)) for record, topic in TOPIC_OF.items()),
            ),
            *_sections(told, level=3),
            "## What can be asked\n\n",
            "A sender needs the right that stands beside a command: an engine with `--read-only` "
            "grants `view` alone.\n\n",
            table(
                ("command", "right", "answer"),
                (
                    (_link(command), code(RIGHT_OF[command]), _answer(command))
                    for command in commands
                ),
            ),
            *_sections(commands, level=3),
            "## Records\n\n",
            *_sections(inner, level=3),
        )
    )


def recording_page() -> str:
    """A recording by its bytes, and what it tells."""
    topics = (
        (code(topic), f"[{record.__name__}](protocol.md#{anchor(record.__name__)})")
        for record, topic in TOPIC_OF.items()
        if topic not in UNRECORDED
    )
    return "".join(
        (
            f"# The recording file, version {recording_format.VERSION}\n\n",
            "[Recordings](../recordings.md) says what they are for. A reader refuses a version "
            "that it does not know.\n\n",
            _explained("The file", recording_format, "FULL PATCH EVENT REQUEST"),
            _explained("Patches", delta, "REPLACE ADD DICT LIST THOUSANDTHS FIELDS"),
            _explained("Parity", recording_parity, ""),
            "## Topics\n\n",
            "A value of a topic has the fields of its record in the "
            "[protocol](protocol.md#gauges).\n\n",
            table(("topic", "record"), topics),
            *_sections((RequestRecord, Marker)),
        )
    )


def _explained(title: str, module: ModuleType, numbers: str) -> str:
    """What a module says of the format it reads and writes, and the numbers behind its names."""
    text = inspect.cleandoc(module.__doc__ or "").replace("`recording_parity`", "below")
    named = (f"{code(name)} is {getattr(module, name)}" for name in numbers.split())
    behind = f"{', '.join(named)}.\n\n" if numbers else ""
    return f"## {title}\n\n{text.replace('`delta`', 'below')}\n\n{behind}"


def _answer(command: type) -> str:
    return spelled(type_info(RESULT_OF[command])) if command in RESULT_OF else "null"


def _link(record: type) -> str:
    return f"[{record.__name__}](#{anchor(record.__name__)})"


def _sections(records: Iterable[type], level: int = 2) -> Iterable[str]:
    for record in records:
        yield f"{'#' * level} {record.__name__}\n\n"
        if said := meaning(record):
            yield f"{said}\n\n"
        yield fields_of(record)
