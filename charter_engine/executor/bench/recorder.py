"""Keeps what a run sends, token by token, and what came back."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from charter_engine.bls.retention import SegmentRange
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.executor.bench.replay import ReplayedRequest
from charter_engine.executor.target import GenerateRequest, Target
from charter_engine.plan.ranges import retention_record
from charter_engine.prompts.assembly import Piece
from charter_engine.prompts.tokens import tokenised
from charter_engine.triton.request import Generated

NONCE_NODE = "charter-bench"
"""What stands before a prompt to keep caches apart belongs to no call."""


@dataclass(frozen=True)
class Exchange:
    """A request that was answered. `served` is None without a tokenizer; `drifted` counts output
    tokens from the first one on that the output's text does not encode to."""

    node: str
    generation: Generated
    latency_ms: float
    served: ReplayedRequest | None = None
    drifted: int = 0


@dataclass
class MeasuringTarget:
    """A target before another. `nonce` gives what each prompt begins with, where a cache is shared
    with others."""

    inner: Target
    tokenizer: Tokenizer | None
    nonce: Callable[[], str] | None = None
    exchanges: list[Exchange] = field(default_factory=list)

    async def generate(self, request: GenerateRequest) -> Generated:
        """Raises `TargetError`."""
        sent = _behind(self.nonce(), request) if self.nonce is not None else request
        start = time.perf_counter() * 1e3
        generation = await self.inner.generate(sent)
        ended = time.perf_counter() * 1e3
        self.exchanges.append(
            Exchange(
                node=request.node,
                generation=generation,
                latency_ms=ended - start,
                served=_served(sent, generation, self.tokenizer, start, ended)
                if self.tokenizer
                else None,
                drifted=_drift(generation, self.tokenizer) if self.tokenizer else 0,
            )
        )
        return generation


def _behind(nonce: str, request: GenerateRequest) -> GenerateRequest:
    """The request with a first segment of its own; retention counts it in."""
    prompt = (Piece(nonce, "static", NONCE_NODE, -1), *request.prompt)
    if request.plan is None:
        return replace(request, prompt=prompt)
    shifted = tuple(
        SegmentRange(
            first=item.first + bool(item.first),
            last=None if item.last is None else item.last + 1,
            priority=item.priority,
            duration_ms=item.duration_ms,
        )
        for item in request.plan.retention
    )
    return replace(request, prompt=prompt, plan=replace(request.plan, retention=shifted))


def _served(
    request: GenerateRequest,
    generation: Generated,
    tokenizer: Tokenizer,
    start: float,
    ended: float,
) -> ReplayedRequest:
    tokens, spans = tokenised(request.prompt, tokenizer.encode)
    begun = min(ended, start + (generation.queue_ms or 0.0))
    first = start + generation.ttft_ms if generation.ttft_ms is not None else ended
    return ReplayedRequest(
        WorkloadRequest(
            timestamp=start,
            input_length=len(tokens),
            output_length=len(generation.output_ids),
            token_ids=tokens,
            output_ids=generation.output_ids,
            node=request.node,
            retention=retention_record(request.plan, request.prompt, spans)
            if request.plan
            else None,
        ),
        begun_ms=begun,
        first_token_ms=min(ended, max(begun, first)),
        ended_ms=ended,
    )


def _drift(generation: Generated, tokenizer: Tokenizer) -> int:
    """Output tokens behind the longest beginning that encoding the text again gives back."""
    encoded, _ = tokenizer.encode(generation.text, begins_prompt=False)
    same = 0
    for mine, theirs in zip(encoded, generation.output_ids, strict=False):
        if mine != theirs:
            break
        same += 1
    return len(generation.output_ids) - same
