"""Which requests follow one another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.traffic.hashes import answer_hashes_of, hashes_of

LEAST_OF_ANSWER = 0.5
"""A prompt that goes on from an answer, but not token by token, is longer than the prompt before it
by at least this share of that answer: it was tokenised anew, or shortened."""


def sessions_of(records: Iterable[TrafficRecord]) -> list[str]:
    """The session of each record: what its client calls it, else told by content.

    A prompt that goes on from a whole earlier prompt and its answer belongs to that one's session:
    of several such, to the longest one's. Only whole grains of 16 tokens can be compared. Where no
    answer is there token by token, the prompt before it tells, and the length.
    """
    earlier = _EarlierPrompts()
    sessions: list[str] = []
    for record in records:
        hashes: list[int] = hashes_of(record).tolist()
        session = record.session or earlier.session_of(hashes, record.prompt_tokens or 0)
        session = session or f"conversation {len(sessions) + 1}"
        earlier.add(record, hashes, session)
        sessions.append(session)
    return sessions


@dataclass(frozen=True)
class _Past:
    """A session, and the tokens that a prompt must have more of to go on from its last request."""

    session: str
    tokens: int


class _EarlierPrompts:
    """What prompts may go on from, by the hash of the last whole grain: of a prompt with its
    answer, and of the prompt alone."""

    def __init__(self) -> None:
        self._answered: dict[int, _Past] = {}
        self._prompts: dict[int, _Past] = {}

    def session_of(self, hashes: Sequence[int], tokens: int) -> str:
        """The session that a prompt goes on from, empty where there is none."""
        for known in (self._answered, self._prompts):
            for item in reversed(hashes):
                past = known.get(item)
                if past is not None and tokens > past.tokens:
                    return past.session
        return ""

    def add(self, record: TrafficRecord, hashes: Sequence[int], session: str) -> None:
        """Remember the last request of a session."""
        prompt, answer = record.prompt_tokens or 0, record.output_tokens or 0
        whole = prompt // GRAIN_TOKENS
        beyond = (prompt + answer) // GRAIN_TOKENS - whole
        further: list[int] = answer_hashes_of(record).tolist()
        if further and beyond:
            self._answered[further[beyond - 1]] = _Past(session, prompt + answer)
        if hashes and whole:
            least = prompt + int(LEAST_OF_ANSWER * answer)
            self._prompts[hashes[whole - 1]] = _Past(session, least)
