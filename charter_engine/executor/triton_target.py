"""Sends a run's prompts to Triton by whichever model the deployment offers for it."""

from pathlib import Path

from msgspec.structs import replace

from charter_engine.bls.retention import SegmentRetention
from charter_engine.bls.tokenizer import Tokenizer, TokenizerError
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.plan import NodePlan
from charter_engine.executor import target
from charter_engine.plan.ranges import retention_record
from charter_engine.prompts.assembly import text_of
from charter_engine.prompts.tokens import tokenised
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import ModelFailed, TritonError, Unreachable
from charter_engine.triton.parts import parts_of
from charter_engine.triton.request import (
    BLS_MODEL,
    ENGINE_MODEL,
    Generated,
    GenerateRequest,
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

    async def generate(self, request: target.GenerateRequest) -> Generated:
        """Raises `TargetError`."""
        try:
            if self._profile.charter_bls:
                return await self._through_bls(request)
            if self._profile.path == "engine":
                return await self._straight(request)
            return await self._client.generate(
                GenerateRequest(
                    max_tokens=request.max_tokens,
                    text=text_of(request.prompt),
                    request_id=request.request_id,
                ),
                model=ENGINE_MODEL,
            )
        except Unreachable as error:
            raise target.TargetError(str(error), repeatable=True) from error
        except TritonError as error:
            raise target.TargetError(str(error), repeatable=False) from error

    async def _through_bls(self, request: target.GenerateRequest) -> Generated:
        wanted = GenerateRequest(
            max_tokens=request.max_tokens,
            parts=parts_of(request.prompt),
            node=request.node if self._named else None,
            agent=self._agent,
            run=self._run,
            request_id=request.request_id,
            retention=_by_segments(request.plan or NodePlan()),
        )
        try:
            return await self._client.generate(wanted, model=BLS_MODEL)
        except ModelFailed as error:
            # The plan that is live there is another agent's: its nodes are not ours to name.
            if not (self._named and UNKNOWN_NODE_WORDS in error.message):
                raise
            self._named = False
            return await self._through_bls(request)

    async def _straight(self, request: target.GenerateRequest) -> Generated:
        tokenizer = self._loaded_tokenizer()
        ids, spans = tokenised(request.prompt, tokenizer.encode)
        plan = request.plan or NodePlan()
        answer = await self._client.generate(
            GenerateRequest(
                max_tokens=request.max_tokens,
                token_ids=ids,
                request_id=request.request_id,
                retention=retention_record(plan, request.prompt, spans)
                if self._profile.retention
                else None,
            ),
            model=ENGINE_MODEL,
        )
        return answer if answer.text else replace(answer, text=tokenizer.decode(answer.output_ids))

    def _loaded_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            named = self._profile.parameters.get("tokenizer_dir", "")
            path = self._tokenizer_path or (Path(named) if named else None)
            if path is None or not path.exists():
                raise target.TargetError(
                    "without charter_bls prompts are tokenised here, and the engine's tokenizer is not on this machine "
                    "(give --tokenizer DIR, or push a plan to install charter_bls)",
                    repeatable=False,
                )
            try:
                self._tokenizer = Tokenizer(path)
            except TokenizerError as error:
                raise target.TargetError(str(error), repeatable=False) from None
        return self._tokenizer


def _by_segments(plan: NodePlan) -> SegmentRetention:
    return SegmentRetention(
        ranges=plan.retention,
        decode_priority=plan.decode_priority,
        decode_duration_ms=plan.decode_duration_ms,
    )
