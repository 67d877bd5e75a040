"""How a deployment differs from what was last pushed to it: somebody else's doing.

The whole configurations that the server shows, and the files, are compared with those on record;
each difference names its place and both values.
"""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from charter_engine.contracts.deploy import COST_ORDER, Change, CostClass, Diff
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import InvalidInput, ModelFailed, TritonRefused
from charter_engine.triton.files import Contents
from charter_engine.triton.journal_records import Record, contents_of
from charter_engine.triton.model_config import (
    PARAMETERS,
    config_json,
    config_text,
    differing,
    differing_fields,
    fields_of,
    fields_of_json,
    parse_config,
)
from charter_engine.triton.place import Place
from charter_engine.triton.release import CONFIG_OF, PLAN_PARAMETER
from charter_engine.triton.request import ENGINE_MODEL

SHOWN_CHARACTERS = 80
"""Assumed: a line of a terminal."""
SHOWN_DIGITS = 12
"""Derived: 48 bits tell any two files of a deployment apart."""
MOST_FIELDS = 8
"""Of a file that is no configuration: one with more differences is another file."""
UNNAMED = {f"{PARAMETERS}{PLAN_PARAMETER}"}
"""A plan that travels in the configuration: its number and stamp tell it from others."""
Fields = Mapping[str, tuple[str | None, str | None]]


async def changes(client: TritonClient, place: Place, pushed: Record) -> tuple[Change, ...]:
    """All differences, the server's first. Raises `Unreachable`."""
    found = [change for model in CONFIG_OF for change in await _of_model(client, model, pushed)]
    if place.in_files:
        wanted = contents_of(pushed)
        found += _of_files(wanted, await place.read(wanted))
    return tuple(found)


async def served(client: TritonClient) -> dict[str, str]:
    """The whole configuration of each model that a push manages and the server shows, as JSON."""
    shown = {}
    for model in CONFIG_OF:
        try:
            shown[model] = config_json(await client.config(model))
        except (TritonRefused, ModelFailed):
            continue
    return shown


def in_words(found: tuple[Change, ...]) -> str:
    """A line for each difference."""
    return "".join(
        f"\n  {item.place} {item.key}: pushed {item.old}, found {item.new}" for item in found
    )


def file_changes(old: Contents, new: Contents) -> tuple[Change, ...]:
    """How files differ, field by field where they have fields."""
    paths = sorted(old.keys() | new.keys())
    return tuple(_of_files({path: old.get(path) for path in paths}, new))


async def _of_model(client: TritonClient, model: str, pushed: Record) -> tuple[Change, ...]:
    content = contents_of(pushed).get(CONFIG_OF[model])
    if content is None:
        return ()
    try:
        live = await client.config(model)
        if model in pushed.served:
            fields: Fields = differing(fields_of_json(pushed.served[model]), fields_of(live))
        else:
            wanted = parse_config(config_text(content), CONFIG_OF[model])
            fields = differing_fields(wanted, live)
    except (TritonRefused, ModelFailed, InvalidInput) as error:
        return (_change(model, "state", "loaded", error.message),)
    return tuple(_named(model, fields))


def _of_files(wanted: Contents, found: Contents) -> Iterator[Change]:
    for path, ours in wanted.items():
        theirs = found.get(path)
        if ours == theirs:
            continue
        if ours is None or theirs is None:
            yield _change(path, "file", _presence(ours), _presence(theirs))
        else:
            fields = _fields_in(path, ours, theirs)
            yield from _named(path, fields) if fields else (_as_whole(path, ours, theirs),)


def _fields_in(path: str, ours: bytes, theirs: bytes) -> Fields:
    """The fields in which two contents of a file differ; none where they cannot be told apart by
    fields."""
    try:
        if path in CONFIG_OF.values():
            old, new = (fields_of(parse_config(config_text(item), path)) for item in (ours, theirs))
            return differing(old, new)
        if path.endswith(".json"):
            old, new = (fields_of_json(item.decode()) for item in (ours, theirs))
            fields = differing(old, new)
            return fields if len(fields) <= MOST_FIELDS else {}
    except (InvalidInput, ValueError, msgspec.DecodeError, RecursionError):
        pass
    return {}


def _as_whole(path: str, ours: bytes, theirs: bytes) -> Change:
    return _change(path, "content", _digest(ours), _digest(theirs))


def _named(place: str, fields: Fields) -> Iterator[Change]:
    for key, (old, new) in fields.items():
        if key not in UNNAMED:
            yield _change(place, key, _shown(old), _shown(new))


def put_right(found: tuple[Change, ...], revision: int) -> Diff:
    """What putting it all back changes."""
    changes = tuple(replace(item, old=item.new, new=item.old) for item in found)
    return Diff(base_revision=revision, changes=changes, cost=dearest(found))


def dearest(found: tuple[Change, ...]) -> CostClass | None:
    """The dearest cost among changes; None where there are none."""
    return max((item.cost for item in found), key=COST_ORDER.index, default=None)


def _change(place: str, key: str, old: str, new: str) -> Change:
    cost: CostClass = "engine reload" if place.startswith(ENGINE_MODEL) else "plan reload"
    loses = "the KV cache" if cost == "engine reload" else "nothing"
    return Change(place=place, key=key, old=old, new=new, cost=cost, loses=loses)


def _presence(content: bytes | None) -> str:
    return "missing" if content is None else "present"


def _digest(content: bytes) -> str:
    return f"sha256 {hashlib.sha256(content).hexdigest()[:SHOWN_DIGITS]}"


def _shown(value: str | None) -> str:
    if value is None:
        return "none"
    return value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}…"
