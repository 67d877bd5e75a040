"""Sends a run's prompts to Triton by whichever model the deployment offers for it."""

from pathlib import Path

from msgspec.structs import replace

from charter_engine.bls.end_tokens import EndTokens
from charter_engine.bls.retention import Retention, SegmentRetention
from charter_engine.bls.tokenizer import Tokenizer, TokenizerError
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.plan import NodePlan
from charter_engine.executor.target import TargetError
from charter_engine.plan.ranges import retention_record
from charter_engine.prompts.tokens import tokenised
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import ModelFailed, TritonError, TritonRefused, Unreachable
from charter_engine.triton.parts import prompt_of
from charter_engine.triton.request import (
    BLS_MODEL,
    ENGINE_MODEL,
    Generated,
    GenerateRequest,
    Sampling,
    with_derived_reuse,
)

UNKNOWN_NODE_WORDS = "has no node"


class TritonTarget:
    """Through `charter_bls` where it is loaded; else straight to the engine, or to the LLM API's
    model.

    Straight to the engine, prompts are tokenised here: `tokenizer` is the directory or file of its
    `tokenizer.json` (None: where the engine's own parameter `tokenizer_dir` says, if that is on
    this machine).
    """

    def __init__(
        self,
        client: TritonClient,
        profile: Profile,
        *,
        agent: str,
        run: str,
        tokenizer: Path | None = None,
    ):
        self._client = client
        self._profile = profile
        self._agent = agent
        self._run = run
        self._tokenizer_path = tokenizer
        self._tokenizer: Tokenizer | None = None
        self._named = True

    async def generate(self, request: GenerateRequest) -> Generated:
        """Raises `TargetError`."""
        try:
            if self._profile.charter_bls:
                return await self._through_bls(request)
            answer = await (
                self._straight(request)
                if self._profile.path == "engine"
                else self._client.generate(request, model=ENGINE_MODEL)
            )
            return with_derived_reuse(answer, self._profile.tokens_per_block)
        except Unreachable as error:
            raise TargetError(str(error), repeatable=True) from error
        except TritonError as error:
            raise TargetError(str(error), repeatable=False) from error

    async def _through_bls(self, request: GenerateRequest) -> Generated:
        wanted = replace(
            request,
            node=request.node if self._named else None,
            agent=self._agent,
            run=self._run,
            retention=request.retention or SegmentRetention(),
        )
        try:
            return await self._client.generate(wanted, model=BLS_MODEL)
        except (ModelFailed, TritonRefused) as error:
            # The plan that is live there knows other nodes: it finds what it knows by the prompt.
            if wanted.node is None or UNKNOWN_NODE_WORDS not in error.message:
                raise
            self._named = False
            return await self._through_bls(request)

    async def _straight(self, request: GenerateRequest) -> Generated:
        tokenizer = self._loaded_tokenizer()
        ids, retention = by_tokens(request, tokenizer)
        answer = await self._client.generate(
            replace(
                request,
                parts=(),
                token_ids=ids,
                retention=retention if self._profile.retention else None,
                sampling=_ended(request.sampling, tokenizer.ends),
            ),
            model=ENGINE_MODEL,
        )
        return answer if answer.text else replace(answer, text=tokenizer.decode(answer.output_ids))

    def _loaded_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            named = self._profile.parameters.get("tokenizer_dir", "")
            path = self._tokenizer_path or (Path(named) if named else None)
            if path is None or not path.exists():
                raise TargetError(
                    "without charter_bls prompts are tokenised here, and the engine's tokenizer is "
                    "not on this machine (give --tokenizer DIR, or push a plan to install "
                    "charter_bls)",
                    repeatable=False,
                )
            try:
                self._tokenizer = Tokenizer(path)
            except TokenizerError as error:
                raise TargetError(str(error), repeatable=False) from None
        return self._tokenizer


def _ended(sampling: Sampling, ends: EndTokens) -> Sampling:
    """With what ends a text of the model's, unless it says so itself."""
    if sampling.end_id is not None:
        return sampling
    return replace(sampling, end_id=ends.end_id, pad_id=ends.pad_id)


def by_tokens(
    request: GenerateRequest, tokenizer: Tokenizer
) -> tuple[tuple[int, ...], Retention | None]:
    """The tokens of a request's parts, and its retention by these tokens (None: it asks for
    nothing)."""
    prompt = prompt_of(request.parts)
    ids, spans = tokenised(prompt, tokenizer.encode)
    wanted = request.retention
    if not isinstance(wanted, SegmentRetention):
        return ids, wanted
    plan = NodePlan(
        retention=wanted.ranges,
        decode_priority=wanted.decode_priority,
        decode_duration_ms=wanted.decode_duration_ms,
    )
    return ids, retention_record(plan, prompt, spans)
