"""Which earlier prompt a prompt follows, and where it leaves it."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.bls.prefixes import common_tokens
from charter_engine.traffic.prefixes import PrefixIndex
from charter_engine.traffic.repeats import (
    Grams,
    TokenChange,
    change_between,
    grams_of,
    repeated_tokens,
)
from charter_engine.traffic.seen import SeenPrompt, TokenIds

LAST_OF_A_NODE = 3
"""So many of a node's last prompts are looked at, where none of the same session is known."""
LEAST_REPEATED = GRAIN_TOKENS
"""Fewer tokens that stand in both prompts are words that everybody uses."""


@dataclass(frozen=True)
class KnownPrefix:
    """What was known of a prompt before it came: how many of its grains an earlier prompt of its
    scope began with, which had them last, and when they were first there; and how many any earlier
    prompt began with, whatever its scope."""

    grains: int = 0
    holder: SeenPrompt | None = None
    ready_at: float = 0.0
    grains_anywhere: int = 0
    holder_anywhere: SeenPrompt | None = None

    @property
    def tokens(self) -> int:
        """The leading tokens that were computed for an earlier prompt of its scope."""
        return _tokens(self.grains, self.holder)

    @property
    def tokens_anywhere(self) -> int:
        """The same of any scope."""
        return _tokens(self.grains_anywhere, self.holder_anywhere)


@dataclass(frozen=True)
class Following:
    """A prompt beside the earlier one that it follows for `common` tokens, exactly so where both
    are known by their tokens."""

    earlier: SeenPrompt
    later: SeenPrompt
    common: int
    exact: bool

    @property
    def stood(self) -> TokenIds:
        """The tokens of the earlier prompt and its answer."""
        return self.earlier.token_ids

    @property
    def stands(self) -> TokenIds:
        """The tokens of this prompt."""
        return self.later.prompt_ids

    @property
    def same_session(self) -> bool:
        """Whether both are of one session by name."""
        return bool(self.later.session) and self.earlier.session == self.later.session

    @property
    def leaves(self) -> bool:
        """Whether the prompt leaves the earlier one before its end, and has tokens behind that."""
        if self.exact:
            return self.common < min(len(self.stood), len(self.stands))
        whole = self.earlier.prompt_tokens // GRAIN_TOKENS * GRAIN_TOKENS
        return self.common < min(whole, self.later.prompt_tokens)

    @cached_property
    def repeated(self) -> int:
        """Tokens behind the place where it leaves that the earlier prompt holds, too: counted where
        the tokens are known, else as many as it can be."""
        if not self.leaves:
            return 0
        if self.exact:
            found = repeated_tokens(*self._grams)
            return found if found >= LEAST_REPEATED else 0
        return min(self.earlier.prompt_tokens, self.later.prompt_tokens) - self.common

    @cached_property
    def change(self) -> TokenChange:
        """What was left out and put in there; only where the tokens are known."""
        return change_between(*self._grams)

    @cached_property
    def _grams(self) -> tuple[Grams, Grams]:
        return grams_of(self.stood[self.common :]), grams_of(self.stands[self.common :])


class PassedPrompts:
    """The prompts that came so far, oldest first."""

    def __init__(self) -> None:
        self.prompts: list[SeenPrompt] = []
        self._of_scope: dict[tuple[str, str], PrefixIndex] = defaultdict(PrefixIndex)
        self._last_of_session: dict[str, int] = {}
        self._last_of_node: dict[str, deque[int]] = defaultdict(
            lambda: deque(maxlen=LAST_OF_A_NODE)
        )

    def add(self, seen: SeenPrompt) -> None:
        """The prompt came."""
        place, known = len(self.prompts), self._of_scope[seen.scope]
        self.prompts.append(seen)
        known.add(seen.hashes.tolist(), place, seen.ready_at)
        if len(seen.answer_hashes):
            known.add(seen.answered_hashes.tolist(), place, seen.answered_at)
        self._last_of_node[seen.node].append(place)
        if seen.session:
            self._last_of_session[seen.session] = place

    def known(self, seen: SeenPrompt) -> KnownPrefix:
        """What of a prompt is known by the hashes of earlier ones."""
        hashes = seen.hashes.tolist()
        own = self._of_scope[seen.scope]
        grains = own.known(hashes)
        everywhere = max(self._of_scope.values(), key=lambda index: index.known(hashes))
        anywhere = everywhere.known(hashes)
        return KnownPrefix(
            grains=grains,
            holder=self.prompts[own.last(hashes[grains - 1])] if grains else None,
            ready_at=own.ready_at(hashes[grains - 1]) if grains else 0.0,
            grains_anywhere=anywhere,
            holder_anywhere=self.prompts[everywhere.last(hashes[anywhere - 1])]
            if anywhere
            else None,
        )

    def candidates(self, seen: SeenPrompt, known: KnownPrefix) -> tuple[SeenPrompt, ...]:
        """Earlier prompts that it may follow: who has its longest known beginning, the one before
        it in its session, and the last of its node."""
        return tuple(dict.fromkeys(self._candidates(seen, known)))

    def _candidates(self, seen: SeenPrompt, known: KnownPrefix) -> Iterator[SeenPrompt]:
        if known.holder is not None:
            yield known.holder
        if seen.session in self._last_of_session:
            yield self.prompts[self._last_of_session[seen.session]]
        for place in reversed(self._last_of_node[seen.node]):
            yield self.prompts[place]


def following(seen: SeenPrompt, candidates: Sequence[SeenPrompt]) -> Following | None:
    """The earlier prompt that a prompt follows furthest. Of those that it follows as far, its own
    session's, then that with which it has most in common behind, then the last."""
    beside = [_beside(earlier, seen) for earlier in candidates]
    if not beside:
        return None
    furthest = max(item.common for item in beside) // GRAIN_TOKENS
    alike = [item for item in beside if item.common // GRAIN_TOKENS == furthest]
    if not furthest:
        alike = [item for item in alike if item.same_session or (item.repeated and item.exact)]
    own = next((item for item in alike if item.same_session and item.repeated), None)
    return own or max(alike, key=_closeness, default=None)


def _tokens(grains: int, holder: SeenPrompt | None) -> int:
    return min(grains * GRAIN_TOKENS, holder.computed_tokens) if holder is not None else 0


def _closeness(item: Following) -> tuple[int, bool, float]:
    return item.repeated if item.exact else 0, item.same_session, item.earlier.at


def _beside(earlier: SeenPrompt, later: SeenPrompt) -> Following:
    stood, stands = earlier.token_ids, later.prompt_ids
    exact = len(stood) > 0 and len(stands) > 0
    common = common_tokens(stood, stands) if exact else _common_grains(earlier, later)
    return Following(earlier, later, common, exact)


def _common_grains(earlier: SeenPrompt, later: SeenPrompt) -> int:
    """Tokens of the leading grains that a prompt shares with an earlier one and its answer."""
    grains = common_tokens(earlier.answered_hashes, later.hashes)
    return min(grains * GRAIN_TOKENS, later.prompt_tokens)
