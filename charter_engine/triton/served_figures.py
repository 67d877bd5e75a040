"""What requests came to under a revision, as the tap of a deployment still knows."""

import asyncio

from charter_engine.contracts.deploy import ServedFigures
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.traffic.served import served_figures
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonError
from charter_engine.triton.tap import TapReader

MOST_RECORDS = 4096
"""As many as the tap gives in one drain."""
SECONDS = 2.0
"""How long a push waits for them: they are worth less than the push."""


async def recent_records(client: TritonClient, revision: int) -> tuple[TrafficRecord, ...]:
    """The last requests that passed under a revision; none where nobody can tell."""
    try:
        batch = await asyncio.wait_for(TapReader(client).latest(MOST_RECORDS), SECONDS)
    except (TritonError, TimeoutError):
        return ()
    return tuple(record for record in batch.records if record.revision == revision)


async def recent_figures(client: TritonClient, revision: int) -> ServedFigures | None:
    """What the last requests under a revision came to; None where there were none, or where nobody
    can tell."""
    return served_figures(await recent_records(client, revision))
