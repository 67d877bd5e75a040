"""Keeps what a run sends, token by token, and what came back."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from charter_engine.bls.retention import SegmentRange, SegmentRetention
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.executor.bench.replay import ReplayedRequest
from charter_engine.executor.target import Target
from charter_engine.executor.triton_target import by_tokens
from charter_engine.triton.request import (
    Generated,
    GenerateRequest,
    PromptPart,
)


@dataclass(frozen=True)
class Exchange:
    """A request that was answered. `served` is None without a tokenizer; `drifted` counts output
    tokens from the first one on that the output's text does not encode to. `prompt` is the text
    that was sent."""

    node: str
    generation: Generated
    latency_ms: float
    served: ReplayedRequest | None = None
    drifted: int = 0
    prompt: str = ""


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
                node=request.node or "",
                generation=generation,
                latency_ms=ended - start,
                served=_served(sent, generation, self.tokenizer, start, ended)
                if self.tokenizer
                else None,
                drifted=_drift(generation, self.tokenizer) if self.tokenizer else 0,
                prompt=sent.text or "".join(part.text for part in sent.parts),
            )
        )
        return generation


def _behind(nonce: str, request: GenerateRequest) -> GenerateRequest:
    """The request with a first segment of its own; retention counts it in."""
    moved = tuple(replace(part, segment=part.segment + 1) for part in request.parts)
    parts = (PromptPart(nonce), *moved)
    if not isinstance(request.retention, SegmentRetention):
        return replace(request, parts=parts)
    shifted = tuple(
        SegmentRange(
            first=item.first + bool(item.first),
            last=None if item.last is None else item.last + 1,
            priority=item.priority,
            duration_ms=item.duration_ms,
        )
        for item in request.retention.ranges
    )
    return replace(
        request, parts=parts, retention=dataclasses.replace(request.retention, ranges=shifted)
    )


def _served(
    request: GenerateRequest,
    generation: Generated,
    tokenizer: Tokenizer,
    start: float,
    ended: float,
) -> ReplayedRequest:
    tokens, retention = by_tokens(request, tokenizer)
    begun = min(ended, start + (generation.queue_ms or 0.0))
    first = start + generation.ttft_ms if generation.ttft_ms is not None else ended
    return ReplayedRequest(
        WorkloadRequest(
            timestamp=start,
            input_length=len(tokens),
            output_length=len(generation.output_ids),
            token_ids=tokens,
            output_ids=generation.output_ids,
            node=request.node or "",
            retention=retention,
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
