"""How much of a workload's prompts could be reused at all."""

from collections.abc import Iterable

from msgspec import Struct

from charter_engine.contracts.workload import WorkloadRequest


class ReuseBound(Struct, frozen=True):
    """Token counts with unlimited memory and blocks of one token: what layout and inputs alone
    allow."""

    prompt_tokens: int
    reusable_tokens: int
    by_node: dict[str, tuple[int, int]]

    @property
    def rate(self) -> float:
        """The bound as a share of prompt tokens, 0 to 1."""
        return self.reusable_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


def reuse_bound(requests: Iterable[WorkloadRequest]) -> ReuseBound:
    """For each request, in order, the longest prefix that an earlier prompt with its output begins
    with.

    The last prompt token is never reused, and the last token of a sequence is never stored
    (TensorRT-LLM, kvCacheManager.cpp). A prefix is known by the hash of its last token and of the
    prefix before it.
    """
    seen: set[int] = set()
    totals: dict[str, tuple[int, int]] = {}
    for request in requests:
        tokens = request.token_ids
        reusable = _known_prefix(tokens[:-1], seen)
        _remember((*tokens, *request.output_ids)[:-1], seen)
        prompt, reused = totals.get(request.node, (0, 0))
        totals[request.node] = (prompt + len(tokens), reused + reusable)
    return ReuseBound(
        prompt_tokens=sum(prompt for prompt, _ in totals.values()),
        reusable_tokens=sum(reused for _, reused in totals.values()),
        by_node=totals,
    )


def _known_prefix(tokens: tuple[int, ...], seen: set[int]) -> int:
    prefix = 0
    for index, token in enumerate(tokens):
        prefix = hash((prefix, token))
        if prefix not in seen:
            return index
    return len(tokens)


def _remember(tokens: tuple[int, ...], seen: set[int]) -> None:
    prefix = 0
    for token in tokens:
        prefix = hash((prefix, token))
        seen.add(prefix)
