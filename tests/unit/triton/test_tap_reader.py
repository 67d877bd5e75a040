"""What a reader of the tap is given."""

import json
from collections.abc import Mapping

from charter_engine.triton.tap import TapReader
from charter_engine.triton.verify import PROBE_RUN


class Reading(TapReader):
    """A reader of a tap whose ring begins with record number `first`."""

    def __init__(self, first: int, *records: Mapping[str, object], cursor: str = "") -> None:
        self.cursor = cursor
        self._heading = {"first": first, "lost": 0, "left": 0, "restarted": False}
        self._records = records

    async def _check(self) -> None:
        pass

    async def _told(self, asked: str) -> list[bytes]:
        behind = {"cursor": "ab:9", **self._heading}
        return [json.dumps(part).encode() for part in (behind, *self._records)]


PROBE = {"at": 1.0, "run": PROBE_RUN}
REQUEST = {"at": 2.0}


async def test_charters_own_probes_are_not_told_and_are_no_loss() -> None:
    batch = await Reading(0, PROBE, REQUEST).drain()
    assert [record.sequence for record in batch.records] == [1]
    assert (batch.before, batch.lost) == (0, 0)


async def test_a_new_reader_hears_how_many_are_no_longer_kept() -> None:
    assert (await Reading(7, REQUEST).drain()).before == 7


async def test_one_that_goes_on_has_read_what_is_no_longer_kept() -> None:
    assert (await Reading(7, REQUEST, cursor="ab:7").drain()).before == 0
