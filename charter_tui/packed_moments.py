"""Some moments of the screen that followed each other, packed: a few hundred bytes for each.

What the engine tells every second is kept as what changed in it, encoded and compressed; what
seldom changes is shared between the moments.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType, msgpack

from charter_engine.contracts.gauges import Gpu, Host, Nodes, Recording, Run, Triton, Work
from charter_engine.contracts.live import NodeStats
from charter_tui.state import Snapshot
from charter_tui.trends import NO_TRENDS, Trends, grown

QUICKLY: Final = 3
"""The level of compression: more takes several times as long, for a tenth of the size."""
EVERY_SECOND: Final = ("gpu", "host", "triton", "run", "recording", "work")
Changed = tuple[tuple[int, NodeStats], ...]


class MomentChange(Struct, omit_defaults=True):
    """What of a moment is otherwise than in the one before; of the first all there is. `nodes` are
    there where others are told of than before, else those that changed stand by their places."""

    gpu: Gpu | UnsetType | None = UNSET
    host: Host | UnsetType | None = UNSET
    triton: Triton | UnsetType | None = UNSET
    run: Run | UnsetType | None = UNSET
    recording: Recording | UnsetType | None = UNSET
    work: Work | UnsetType | None = UNSET
    nodes: Nodes | UnsetType | None = UNSET
    of_runs: Changed = ()
    of_traffic: Changed = ()


_ENCODE: Final[Callable[[object], bytes]] = msgpack.Encoder().encode
_DECODER: Final = msgpack.Decoder(tuple[Trends, tuple[MomentChange, ...]])
_NOTHING: Final[dict[str, Any]] = {**dict.fromkeys(EVERY_SECOND), "nodes": None, "as_of": 0.0}


class PackedMoments:
    """So many moments; there must be one."""

    def __init__(self, moments: Sequence[Snapshot], like: Snapshot | None = None) -> None:
        """`like` is what seldom changes as it was before, to be shared."""
        changes = [_change(before, after) for before, after in _pairs(moments)]
        self._packed = zlib.compress(_ENCODE((moments[0].trends, changes)), QUICKLY)
        self._times = tuple(moment.as_of for moment in moments)
        seldom = []
        for moment in moments:
            like = _seldom(moment, like)
            seldom.append(like)
        self._seldom = tuple(seldom)

    def __len__(self) -> int:
        return len(self._times)

    @property
    def size(self) -> int:
        """Bytes, without what is shared."""
        return len(self._packed)

    @property
    def times(self) -> tuple[float, ...]:
        """The epoch seconds of the moments."""
        return self._times

    @property
    def latest(self) -> Snapshot:
        """What seldom changes, as it is in the last moment."""
        return self._seldom[-1]

    def moments(self, end: int | None = None) -> list[Snapshot]:
        """The moments as they were, up to that number."""
        trends, changes = _DECODER.decode(zlib.decompress(self._packed))
        found: list[Snapshot] = []
        shown = Snapshot()
        for at, seldom, change in zip(self._times[:end], self._seldom, changes, strict=False):
            nodes = _nodes(shown.nodes, change)
            if found and nodes is not None and nodes is not shown.nodes:
                trends = grown(trends, shown.nodes, nodes)
            told: dict[str, Any] = {name: _told(shown, change, name) for name in EVERY_SECOND}
            shown = replace(seldom, **told, nodes=nodes, trends=trends, as_of=at)
            found.append(shown)
        return found


def _pairs(moments: Sequence[Snapshot]) -> list[tuple[Snapshot, Snapshot]]:
    return list(zip((Snapshot(), *moments), moments, strict=False))


def _change(before: Snapshot, after: Snapshot) -> MomentChange:
    told = {
        name: value
        for name in EVERY_SECOND
        if (value := getattr(after, name)) is not getattr(before, name)
    }
    old, new = before.nodes, after.nodes
    if old is new:
        return MomentChange(**told)
    if old is None or new is None or not _alike(old, new):
        return MomentChange(**told, nodes=new)
    return MomentChange(
        **told,
        of_runs=_changed(old.nodes, new.nodes),
        of_traffic=_changed(old.traffic, new.traffic),
    )


def _alike(old: Nodes, new: Nodes) -> bool:
    return (len(old.nodes), len(old.traffic)) == (len(new.nodes), len(new.traffic))


def _changed(before: tuple[NodeStats, ...], after: tuple[NodeStats, ...]) -> Changed:
    pairs = enumerate(zip(before, after, strict=True))
    return tuple((place, new) for place, (old, new) in pairs if old is not new)


def _nodes(before: Nodes | None, change: MomentChange) -> Nodes | None:
    if change.nodes is not UNSET:
        return change.nodes
    if before is None or not (change.of_runs or change.of_traffic):
        return before
    return Nodes(_with(before.nodes, change.of_runs), _with(before.traffic, change.of_traffic))


def _with(known: tuple[NodeStats, ...], changed: Changed) -> tuple[NodeStats, ...]:
    records = list(known)
    for place, record in changed:
        records[place] = record
    return tuple(records)


def _told(before: Snapshot, change: MomentChange, name: str) -> object:
    value = getattr(change, name)
    return getattr(before, name) if value is UNSET else value


def _seldom(moment: Snapshot, like: Snapshot | None) -> Snapshot:
    """The moment without what is packed; the very one of before where nothing else changed."""
    left = replace(moment, **_NOTHING, trends=NO_TRENDS)
    if like is not None and all(
        getattr(left, part.name) is getattr(like, part.name)
        for part in fields(Snapshot)
        if part.name != "as_of"
    ):
        return like
    return left
