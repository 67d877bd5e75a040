"""Which requests follow one another."""

from collections.abc import Iterable

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.traffic.hashes import hashes_of


def sessions_of(records: Iterable[TrafficRecord]) -> list[str]:
    """The session of each record: what its client calls it, else told by content.

    A prompt that goes on from a whole earlier prompt belongs to that one's session: of several
    such, to the longest one's. Only whole grains of 16 tokens can be compared.
    """
    session_at: dict[int, str] = {}
    sessions: list[str] = []
    for record in records:
        hashes = hashes_of(record).tolist()
        session = record.session or next(
            (session_at[item] for item in reversed(hashes) if item in session_at), ""
        )
        session = session or f"conversation {len(sessions) + 1}"
        whole_grains = (record.prompt_tokens or 0) // GRAIN_TOKENS
        if hashes and whole_grains:
            session_at[hashes[whole_grains - 1]] = session
        sessions.append(session)
    return sessions
