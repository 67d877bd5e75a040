"""What sessions leave behind is released on the server that an engine works on."""

from collections.abc import Sequence

import numpy as np
import pytest

from charter_engine.bls.retention import ReleaseWhen
from charter_engine.errors import CharterError
from charter_engine.kvcache import PoolSettings
from charter_engine.servers.session_releases import ServerReleases
from tests.unit.servers.pooled import PooledServer

FIRST, SECOND = np.arange(300, 364), np.arange(400, 464)


class Releasing(PooledServer):
    """Remembers what it was told to forget."""

    def __init__(self, refuses: bool = False) -> None:
        super().__init__(PoolSettings(100, 32))
        self.refuses = refuses
        self.told: list[tuple[int, int]] = []

    async def release(self, token_ids: Sequence[int], keep_tokens: int) -> None:
        if self.refuses:
            raise CharterError("shutting down", kind="refused")
        self.told.append((token_ids[0], keep_tokens))


async def released(server: Releasing, when: ReleaseWhen | None) -> ServerReleases:
    """After two sessions that share nothing, of which the second ended."""
    releases = ServerReleases(lambda: server)
    if when is not None:
        await releases.follow(when)
    releases.answered("a", FIRST, ends=False)
    releases.answered("b", SECOND, ends=True)
    await releases.close()
    return releases


async def test_what_was_a_sessions_alone_is_released_when_it_ends() -> None:
    await released(server := Releasing(), "session-end")
    assert server.told == [(400, 0)]


@pytest.mark.parametrize("when", [None, "never", "superseded"])
async def test_nothing_is_released_at_an_end_that_no_plan_asks_for(
    when: ReleaseWhen | None,
) -> None:
    await released(server := Releasing(), when)
    assert server.told == []


async def test_why_nothing_could_be_released_is_told() -> None:
    releases = await released(Releasing(refuses=True), "session-end")
    assert "shutting down" in releases.trouble
