"""A prompt's tokens told apart, so that the parts add up to it."""

from dataclasses import dataclass
from typing import Literal

from charter_engine.contracts.explaining import PromptParts

Shortfall = Literal["evicted", "server"]


@dataclass(frozen=True)
class BlockRule:
    """How much of a known beginning can be reused: whole blocks, and with `parts` a piece of one
    more; the last token of a prompt never (TensorRT-LLM, kvCacheManager.cpp)."""

    tokens_per_block: int
    parts: bool = True

    def reusable(self, common: int, prompt_tokens: int) -> int:
        """Of `common` leading tokens that are in the cache, those that a prompt can reuse."""
        looked_up = min(common, prompt_tokens - 1)
        return looked_up if self.parts else looked_up - looked_up % self.tokens_per_block

    def explains(self, missing: int, reused: int) -> bool:
        """Whether so few tokens are missing because only whole blocks were reused."""
        return missing < self.tokens_per_block and reused % self.tokens_per_block == 0


def parts_of(
    prompt_tokens: int,
    *,
    common: int,
    reused: int,
    rule: BlockRule,
    shortfall: Shortfall = "evicted",
    common_in_other_scope: int = 0,
    seen_behind: int = 0,
) -> PromptParts:
    """The parts of a prompt that begins with `common` tokens of an earlier one of its scope, and of
    which the server reused so many.

    What was to be reused and was not is the part that `shortfall` names. `seen_behind` counts
    tokens behind the common ones that the earlier prompt holds, too.
    """
    reused = min(max(reused, 0), prompt_tokens)
    common = min(max(common, reused), prompt_tokens)
    reusable = max(rule.reusable(common, prompt_tokens), reused)
    missing, rounding = reusable - reused, common - reusable
    if rule.explains(missing, reused):
        missing, rounding = 0, rounding + missing
    scope = max(0, min(common_in_other_scope, prompt_tokens) - common)
    behind = prompt_tokens - common - scope
    diverged = min(seen_behind, behind)
    return PromptParts(
        reused=reused,
        new=behind - diverged,
        diverged=diverged,
        evicted=missing if shortfall == "evicted" else 0,
        rounding=rounding,
        scope=scope,
        server=missing if shortfall == "server" else 0,
    )
