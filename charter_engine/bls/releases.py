"""Release: what sessions have left behind is forgotten by the server, where it can be told to.

`charter_bls` remembers of every session that its client names what may be gone on from, prompts
and answers together, and has the engine truncate the rest.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from .branches import Branches, Superseded
from .prefixes import Prefixes, common_tokens
from .retention import ReleaseWhen
from .sessions import MOST_SESSIONS

MOST_TOKENS = 16_000_000
"""Of all sessions' last prompts and answers together: 64 MB, and as much again to find what several
share."""


@dataclass
class _Remembered:
    """A session's branches, and its last prompt and answer with the marks of its prefixes."""

    branches: Branches[Any] = field(default_factory=lambda: Branches(common_tokens, len))
    tokens: Any = ()
    marks: list[int] = field(default_factory=list)


class SessionReleases:
    """What the sessions last heard of have left behind; sequences are arrays of token ids.

    All methods may be called from any thread. `send` has the engine truncate: the sequence, and how
    many of its leading tokens stay; it may raise, and nobody waits for it.
    """

    def __init__(
        self,
        when: ReleaseWhen,
        send: Callable[[Any, int], object],
        most_sessions: int = MOST_SESSIONS,
        most_tokens: int = MOST_TOKENS,
    ) -> None:
        self._when, self._send = when, send
        self._most_sessions, self._most_tokens = most_sessions, most_tokens
        self._sessions: OrderedDict[str, _Remembered] = OrderedDict()
        self._prefixes: Prefixes[str] = Prefixes()
        self._tokens = 0
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="release")

    def answered(self, session: str, tokens: Any, *, ends: bool) -> None:
        """A request of a session was answered; `tokens` are its prompt and answer, and with `ends`
        the session is over. Returns at once."""
        for left in self.left_behind(session, tokens, ends=ends):
            self._thread.submit(self._send, left.prompt, left.keep_tokens)

    def left_behind(self, session: str, tokens: Any, *, ends: bool) -> list[Superseded[Any]]:
        """What a session has left behind with this prompt and answer, in the order in which it is
        to be released. A request of no session (`""`) leaves nothing."""
        if not session:
            return []
        with self._lock:
            known = self._sessions.setdefault(session, _Remembered())
            found = known.branches.follow(tokens)
            shared = self._keep(session, known, tokens)
            if ends and self._when == "session-end":
                found.append(Superseded(tokens, shared))
            return found

    def close(self) -> None:
        """Wait for what is on its way."""
        self._thread.shutdown(wait=True)

    def _keep(self, session: str, known: _Remembered, tokens: Any) -> int:
        """Remember a session's last tokens; gives how many that lead them another session that is
        remembered has, too."""
        self._prefixes.remove(known.marks, session)
        self._tokens += len(tokens) - len(known.tokens)
        known.tokens, known.marks = tokens, self._prefixes.marks(tokens)
        owner = self._prefixes.find(known.marks)
        other = None if owner is None else self._sessions.get(owner)
        self._prefixes.add(known.marks, session)
        self._sessions.move_to_end(session)
        while len(self._sessions) > self._most_sessions or (
            self._tokens > self._most_tokens and len(self._sessions) > 1
        ):
            oldest, forgotten = self._sessions.popitem(last=False)
            self._prefixes.remove(forgotten.marks, oldest)
            self._tokens -= len(forgotten.tokens)
        return 0 if other is None else common_tokens(other.tokens, tokens)
