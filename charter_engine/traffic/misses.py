"""Why each request of some traffic missed what it missed."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.contracts.explaining import CauseKind, MissCause, Part, PromptParts
from charter_engine.contracts.figures import Label
from charter_engine.contracts.graph import Call
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.causes.table import cause, cause_of
from charter_engine.traffic.differences import Text, difference_of
from charter_engine.traffic.expected import grains_workload, predicted_reuse
from charter_engine.traffic.following import Following, KnownPrefix, PassedPrompts, following
from charter_engine.traffic.grains import grains_of
from charter_engine.traffic.parts import BlockRule, parts_of
from charter_engine.traffic.places import placed
from charter_engine.traffic.seen import SeenPrompt

LEAST_TOKENS = GRAIN_TOKENS
"""Fewer tokens computed again are no miss, unless they are most of the prompt."""
FEW_REQUESTS = 5
"""So many requests that could reuse something, and none did: reuse is off."""
Told = tuple[CauseKind, str]
"""A cause and its evidence."""
REUSE_OFF: Final[Told] = "reuse off", "none of the requests that could reuse something did"


@dataclass(frozen=True)
class Knowledge:
    """What can be known beside the prompts: their texts, and the pool they were served from (None:
    nobody tells its size, and what was not reused counts as evicted), and whether they reuse at
    all."""

    text: Text | None = None
    pool: PoolSettings | None = None
    tokens_per_block: int = 32
    reuses: bool = True

    @property
    def rule(self) -> BlockRule:
        """How much of a known beginning can be reused."""
        if self.pool is None:
            return BlockRule(self.tokens_per_block)
        return BlockRule(self.pool.tokens_per_block, self.pool.matches_parts)


@dataclass(frozen=True)
class Facts:
    """A request beside all that had passed when it came: what was `known` of it, the earlier
    prompts it may follow, and the tokens that it is `predicted` to reuse (None: the pool is not
    known)."""

    place: int
    seen: SeenPrompt
    known: KnownPrefix
    candidates: tuple[SeenPrompt, ...]
    predicted: int | None = None

    def evicted(self, rule: BlockRule) -> int:
        """The tokens that were there and had to go before it, as predicted."""
        if self.predicted is None:
            return 0
        common = min(self.known.tokens, self.seen.prompt_tokens)
        return max(0, rule.reusable(common, self.seen.prompt_tokens) - self.predicted)


@dataclass(frozen=True)
class Miss:
    """One request told apart, with the earlier one it follows."""

    facts: Facts
    parts: PromptParts
    cause: MissCause
    following: Following | None

    @property
    def seen(self) -> SeenPrompt:
        """The request."""
        return self.facts.seen

    def placed(self, calls: Sequence[Call], text: Text) -> "Miss":
        """The same with the place in the source of what stands where the prompt leaves the other,
        if it is that of one of these calls."""
        followed = self.following
        if followed is None or not self.leaves_at_token:
            return self
        whole = text(self.seen, 0, self.seen.prompt_tokens)
        offset = len(text(self.seen, 0, followed.common))
        told = placed(self.cause, calls, self.seen.node, whole, offset)
        return dataclasses.replace(self, cause=told)

    @property
    def leaves_at_token(self) -> bool:
        """Whether most of what was computed again is behind a token at which it leaves another."""
        exact = self.following is not None and self.following.exact
        return exact and main_part(self.parts) == "diverged"

    @property
    def diverged_label(self) -> Label:
        """`assumed` where hashes alone tell the tokens seen behind another beginning."""
        exact = self.following is not None and self.following.exact
        return "measured" if exact or not self.parts.diverged else "assumed"

    @property
    def diverges(self) -> bool:
        """Whether the prompt leaves the one it follows, with tokens behind that were seen."""
        return self.following is not None and self.parts.diverged > 0


def misses(prompts: Sequence[SeenPrompt], knowledge: Knowledge) -> list[Miss]:
    """What became of the tokens of each prompt; `prompts` are all that came, by their arrival."""
    facts = gathered(prompts, knowledge.pool)
    found = [miss_of(item, knowledge) for item in facts]
    heeding = heeding_reuse(found, knowledge)
    return found if heeding is knowledge else [miss_of(item, heeding) for item in facts]


def heeding_reuse(found: Sequence[Miss], knowledge: Knowledge) -> Knowledge:
    """What is known, with what the requests tell of reuse: where they were counted, could have
    reused something, and none did, it is off."""
    counted = [miss for miss in found if miss.seen.reused is not None]
    missing = [miss for miss in counted if _withheld(miss.parts) >= LEAST_TOKENS]
    if len(missing) < FEW_REQUESTS or any(miss.parts.reused for miss in counted):
        return knowledge
    return dataclasses.replace(knowledge, reuses=False)


def gathered(prompts: Sequence[SeenPrompt], pool: PoolSettings | None) -> list[Facts]:
    """Each prompt beside those before it."""
    predicted = None if pool is None else _predicted(prompts, pool)
    past = PassedPrompts()
    found = []
    for place, seen in enumerate(prompts):
        known = past.known(seen)
        candidates = past.candidates(seen, known)
        reuse = predicted[place] if predicted is not None else None
        found.append(Facts(place, seen, known, candidates, reuse))
        past.add(seen)
    return found


def _predicted(prompts: Sequence[SeenPrompt], pool: PoolSettings) -> list[int]:
    start = prompts[0].at if prompts else 0.0
    workload = grains_workload(prompts, grains_of(prompts), start)
    reused: list[int] = predicted_reuse(workload, pool).tolist()
    return reused


def miss_of(facts: Facts, knowledge: Knowledge) -> Miss:
    """What became of the tokens of a prompt, as far as it is known."""
    seen, rule = facts.seen, knowledge.rule
    followed = following(seen, facts.candidates)
    common, anywhere = _common(facts, followed)
    reused = seen.reused
    evicted = facts.evicted(rule)
    if reused is None:
        reused = max(0, rule.reusable(common, seen.prompt_tokens) - evicted)
    shortfall = _shortfall(facts, reused, evicted) if knowledge.reuses else REUSE_OFF
    parts = parts_of(
        seen.prompt_tokens,
        common=common,
        reused=reused,
        rule=rule,
        shortfall="evicted" if shortfall[0] == "evicted" else "server",
        common_in_other_scope=anywhere,
        seen_behind=followed.repeated if followed else 0,
    )
    return Miss(facts, parts, _cause(facts, parts, followed, shortfall, knowledge), followed)


def main_part(parts: PromptParts) -> Part:
    """The part that most of what was computed again belongs to; `new` where that is next to
    nothing."""
    again: tuple[Part, ...] = ("diverged", "evicted", "server", "scope", "rounding")
    part = max(again, key=lambda name: int(getattr(parts, name)))
    tokens = int(getattr(parts, part))
    return part if tokens >= LEAST_TOKENS or tokens > parts.new + parts.reused else "new"


def _common(facts: Facts, followed: Following | None) -> tuple[int, int]:
    """Leading tokens known within the prompt's own scope, and within any."""
    seen, known = facts.seen, facts.known
    own = min(known.tokens, seen.prompt_tokens)
    anywhere = min(known.tokens_anywhere, seen.prompt_tokens)
    if followed is not None:
        computed = min(followed.common, followed.earlier.computed_tokens)
        anywhere = max(anywhere, computed)
        if followed.earlier.scope == seen.scope:
            own = max(own, computed)
    return own, anywhere


def _shortfall(facts: Facts, reused: int, evicted: int) -> Told:
    """Why what was known was not reused, if it was not, and by what that is told."""
    seen, known = facts.seen, facts.known
    if known.holder is not None and known.ready_at > seen.at:
        return "still computing", (
            f"request {known.holder.request}, which has the same beginning, or one before it was "
            "still being computed when this one came"
        )
    if evicted:
        return "evicted", (
            f"by the block manager {evicted:,} tokens had been evicted (predicted); "
            f"{reused:,} were reused"
        )
    if known.holder is not None and known.holder.instance != seen.instance:
        return "elsewhere", (
            f"instance {known.holder.instance} had it, and {seen.instance} was asked"
        )
    if facts.predicted is None:
        return "evicted", "it had been there; how large the pool is is not known"
    return "elsewhere", (
        "by the block manager it was still there (predicted): other requests than those that were "
        "seen, another instance, or a reload of the engine"
    )


def _cause(
    facts: Facts,
    parts: PromptParts,
    followed: Following | None,
    shortfall: Told,
    knowledge: Knowledge,
) -> MissCause:
    match main_part(parts):
        case "diverged" if followed is not None:
            return _divergence(followed, knowledge.text)
        case "evicted" | "server":
            return cause(*shortfall)
        case "rounding":
            return cause(
                "block size",
                f"{parts.reused + parts.rounding:,} tokens were known, of which blocks of "
                f"{knowledge.rule.tokens_per_block} gave {parts.reused:,}",
            )
        case "scope":
            return _scope(facts, followed)
    return cause("new text", "nothing like it was seen before")


def _divergence(followed: Following, text: Text | None) -> MissCause:
    """Why a prompt leaves another, by their texts where these are known."""
    difference = difference_of(followed, text)
    if difference is None:
        return cause(
            "other text", f"it leaves request {followed.earlier.request}; the text is not known"
        )
    return cause_of(difference)


def _scope(facts: Facts, followed: Following | None) -> MissCause:
    earlier = facts.known.holder_anywhere
    if followed is not None and (earlier is None or earlier.scope == facts.seen.scope):
        earlier = followed.earlier
    if earlier is not None and earlier.salt == facts.seen.salt:
        whose = f"{earlier.adapter!r}" if earlier.adapter else "the model without adapter"
        return cause("adapter", f"request {earlier.request} put it into the cache for {whose}")
    name = earlier.request if earlier is not None else "another"
    return cause("salt", f"request {name} put it into the cache under another salt")


def _withheld(parts: PromptParts) -> int:
    return parts.evicted + parts.server
