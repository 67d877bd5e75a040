"""The corruption canary at work: asks a server's engine, round by round, and judges the answers."""

import itertools
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from charter_engine.contracts.canary import (
    AlarmReason,
    CanaryAlarm,
    CanaryAnswer,
    CanaryPair,
    CanaryReport,
)
from charter_engine.contracts.deploy import Profile
from charter_engine.errors import CharterError
from charter_engine.servers.protocol import InferenceServer, TokenRequest
from charter_engine.traffic import canary
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonRefused
from charter_engine.triton.request import ENGINE_MODEL, GenerateRequest, Sampling

SECONDS = 120.0
"""The deadline of one request."""
ASSUMED_BLOCK = 64
"""Assumed where a server tells no size: most have no larger blocks."""
VOCABULARY = range(200, 1200)
"""Ordinary tokens of any tokenizer: what is special stands at its beginning or its end."""
ROUNDS_BEFORE_BLIND = 4
"""Assumed: a server that reuses does so within so many pairs."""
REMEDY = (
    "switch reuse off until it is understood: set enable_kv_cache_reuse to false under `server` in "
    "the plan and push it (the KV cache is lost, answers stay)"
)


class CanaryTarget(Protocol):
    """A server to ask. `salted`: it takes cache salts, which keep a request's blocks apart."""

    salted: bool
    tokens_per_block: int
    vocabulary: range

    async def ask(self, prompt: tuple[int, ...], salt: int | None) -> CanaryAnswer:
        """`OUTPUT_TOKENS` of a greedy answer. Raises `CharterError`."""


class TritonEngine:
    """TensorRT-LLM's own model on a Triton, past `charter_bls`: what is asked is exactly what is
    looked up. It takes no salts."""

    salted = False
    vocabulary = VOCABULARY

    def __init__(self, client: TritonClient, profile: Profile) -> None:
        """Raises `TritonRefused` where there is no such model."""
        if profile.path == "none":
            raise TritonRefused(
                f"{client.connection.url}: there is no TensorRT-LLM model to ask",
                remedy="the corruption canary needs tensorrt_llm or the LLM API's model",
            )
        self._client = client
        self._in_text = profile.path == "llmapi"
        self.tokens_per_block = profile.tokens_per_block or ASSUMED_BLOCK

    async def ask(self, prompt: tuple[int, ...], salt: int | None) -> CanaryAnswer:
        """As `CanaryTarget`; raises `TritonRefused` for a salt."""
        if salt is not None:
            raise TritonRefused(f"{ENGINE_MODEL} takes no cache salt")
        answer = await self._client.generate(
            GenerateRequest(
                text=" ".join(map(str, prompt)) if self._in_text else None,
                token_ids=() if self._in_text else prompt,
                max_tokens=canary.OUTPUT_TOKENS,
                sampling=Sampling(top_k=1),
                log_probs=True,
            ),
            model=ENGINE_MODEL,
            seconds=SECONDS,
        )
        return CanaryAnswer(
            token_ids=answer.output_ids,
            log_probs=answer.log_probs,
            text=answer.text,
            prompt_tokens=answer.prompt_tokens or len(prompt),
            reused_tokens=answer.reused_tokens,
            reused_blocks=answer.reused_blocks,
            missed_blocks=answer.missed_blocks,
        )


class CompletingServer:
    """A server that is reached by HTTP. Its prompts are token ids, as the canary's are; salts are
    not sent, which some of these servers refuse."""

    salted = False
    vocabulary = VOCABULARY

    def __init__(self, server: InferenceServer, tokens_per_block: int | None) -> None:
        self._server = server
        self.tokens_per_block = tokens_per_block or ASSUMED_BLOCK

    async def ask(self, prompt: tuple[int, ...], salt: int | None) -> CanaryAnswer:
        """As `CanaryTarget`; raises `CharterError` for a salt."""
        if salt is not None:
            raise CharterError("no cache salt is sent by the canary", kind="refused")
        answer = await self._server.complete(
            TokenRequest(token_ids=prompt, max_tokens=canary.OUTPUT_TOKENS)
        )
        reused = answer.reused_tokens
        blocks = None if reused is None else reused // self.tokens_per_block
        whole = len(prompt) // self.tokens_per_block
        return CanaryAnswer(
            token_ids=answer.output_ids,
            text=answer.text,
            prompt_tokens=answer.prompt_tokens or len(prompt),
            reused_tokens=reused,
            reused_blocks=blocks,
            missed_blocks=None if blocks is None else max(0, whole - blocks),
        )


class CorruptionCanary:
    """Asks by rounds and keeps what it found in `report`. Nothing is asked before `round`."""

    def __init__(
        self,
        target: CanaryTarget,
        *,
        every_seconds: float | None = None,
        seed: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.target = target
        self._seed = random.getrandbits(64) if seed is None else seed
        self._clock = clock
        self._numbers = itertools.count()
        self._evidence = canary.CorruptionEvidence()
        self._noise: deque[canary.AnswerDifference] = deque(maxlen=canary.WINDOW)
        self._alone: CanaryAnswer | None = None
        self._last: tuple[float, tuple[int, ...], CanaryAnswer] | None = None
        self.report = CanaryReport(state="measuring noise", every_seconds=every_seconds)

    async def round(self) -> CanaryReport:
        """One round; the first measures the server's own noise before. Raises `CharterError` where
        the server does not answer, and goes on from there the next time."""
        while len(self._noise) < canary.NOISE_ROUNDS:
            await self._measure_noise()
        prompt = self._new_prompt()
        reference = await self._ask(prompt)
        if canary.is_impossible(reference, salted=False):
            self._raise("reused what nobody has", CanaryPair(reference=reference, answer=reference))
        pairs = [CanaryPair(reference=reference, answer=await self._ask(prompt))]
        if self._last is not None:
            asked_at, earlier, first = self._last
            again = await self._ask(earlier)
            age = self._clock() - asked_at
            pairs.append(CanaryPair(reference=first, answer=again, age_seconds=age))
        await self._measure_noise(prompt, reference)
        self._last = (self._clock(), prompt, reference)
        for pair in pairs:
            self._judge(pair)
        self.report = self._concluded()
        return self.report

    def _new_prompt(self) -> tuple[int, ...]:
        """Never one of a round that was broken off: the server may have it."""
        target, number = self.target, next(self._numbers)
        return canary.prompt(number, self._seed, target.tokens_per_block, target.vocabulary)

    async def _measure_noise(
        self, prompt: tuple[int, ...] = (), reference: CanaryAnswer | None = None
    ) -> None:
        """Compare two answers that reuse had no part in: to the same prompt under a salt of its own
        or, without salts, two in a row to a prompt of one token, which is never reused."""
        if self.target.salted and reference is not None:
            answer = await self._ask(prompt, salt=random.getrandbits(32))
            if canary.is_impossible(answer, salted=True):
                pair = CanaryPair(reference=reference, answer=answer)
                self._raise("reused what nobody has", pair)
        else:
            answer = await self._ask(self.target.vocabulary[:1])
            reference, self._alone = self._alone or answer, answer
        self._noise.append(canary.difference(reference, answer))
        differs = canary.differs(self._noise[-1], self._tolerance)
        self._evidence = self._evidence.with_plain(differs)
        self.report = replace(
            self.report,
            noise_pairs=self.report.noise_pairs + 1,
            noise_differing=self.report.noise_differing + differs,
        )

    async def _ask(self, prompt: range | tuple[int, ...], salt: int | None = None) -> CanaryAnswer:
        answer = await self.target.ask(tuple(prompt), salt)
        self.report = replace(
            self.report,
            requests=self.report.requests + 1,
            computed_tokens=self.report.computed_tokens + answer.computed_tokens,
            generated_tokens=self.report.generated_tokens + canary.OUTPUT_TOKENS,
        )
        return answer

    @property
    def _tolerance(self) -> float:
        return canary.tolerance(self._noise)

    def _judge(self, pair: CanaryPair) -> None:
        if not canary.was_reused(pair.answer):
            return
        found = canary.difference(pair.reference, pair.answer)
        differs = canary.differs(found, self._tolerance)
        self._evidence = self._evidence.with_reused(differs)
        self.report = replace(
            self.report,
            pairs=self.report.pairs + 1,
            differing=self.report.differing + differs,
        )
        telling = differs and not self._evidence.too_noisy
        if telling and self._evidence.weight >= canary.ALARM_EVIDENCE:
            self._raise("another answer with reuse", pair, found)

    def _raise(
        self, reason: AlarmReason, pair: CanaryPair, found: canary.AnswerDifference | None = None
    ) -> None:
        found = found or canary.difference(pair.reference, pair.answer)
        alarm = CanaryAlarm(
            at=self._clock(),
            reason=reason,
            pair=pair,
            first_difference=found.at,
            gap=found.gap,
            remedy=REMEDY,
        )
        self.report = replace(self.report, alarm=self.report.alarm or alarm)

    def _concluded(self) -> CanaryReport:
        report = replace(
            self.report,
            rounds=self.report.rounds + 1,
            tolerance=self._tolerance,
            evidence=self._evidence.weight,
        )
        reason = self._why_blind(report)
        state = "alarm" if report.alarm else "blind" if reason else "watching"
        return replace(report, state=state, reason=reason, **self._cost(report))

    def _why_blind(self, report: CanaryReport) -> str:
        if report.rounds >= ROUNDS_BEFORE_BLIND and not report.pairs:
            return "nothing that it asked again was reused: is reuse on?"
        if self._evidence.too_noisy:
            return "answers differ without reuse, too, and too often to tell anything"
        return ""

    def _cost(self, report: CanaryReport) -> dict[str, float]:
        if report.every_seconds is None:
            return {}
        rounds_per_hour = 3600 / report.every_seconds
        return {
            "computed_tokens_per_hour": report.computed_tokens / report.rounds * rounds_per_hour,
            "generated_tokens_per_hour": report.generated_tokens / report.rounds * rounds_per_hour,
        }
