"""Triton with TensorRT-LLM, by its engine path or its LLM API path."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charter_engine.bls.contract import KEEP_INPUT
from charter_engine.bls.retention import Retention, TokenRange
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.figures import Label
from charter_engine.contracts.live import ServerCounters
from charter_engine.contracts.server import (
    CacheTier,
    LeverName,
    ServerKind,
    ServerLever,
    ServerProfile,
)
from charter_engine.contracts.settings import SETTING_OF
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.spec import read_spec
from charter_engine.errors import CharterError
from charter_engine.servers import tensorrt_llm
from charter_engine.servers.levers import acting, idle, nothing_released
from charter_engine.servers.protocol import TokenAnswer, TokenRequest
from charter_engine.servers.tensorrt_llm import Told, ToldRules
from charter_engine.servers.versions import FLAT_TRITON, is_older, notes_on
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.errors import TritonError
from charter_engine.triton.llmapi import MODEL_YAML
from charter_engine.triton.metrics import TritonMetrics, scrape
from charter_engine.triton.profile import reuse_label
from charter_engine.triton.request import (
    ENGINE_MODEL,
    GenerateRequest,
    Sampling,
    truncation_inputs,
    with_derived_reuse,
)

SETTINGS_BY_LEVER: dict[LeverName, str] = {
    "block size": "tokens_per_block",
    "pool": "kv_cache_free_gpu_mem_fraction",
    "host tier": "kv_cache_host_memory_bytes",
}
REUSE_SETTING = "enable_kv_cache_reuse"
NO_SALT = "TensorRT-LLM's models on Triton take none"
NO_RELEASE = "TensorRT-LLM's models on Triton have no call for it"


class TritonServer:
    """A Triton that is attached to. `configuration` is the LLM API's YAML where it is known and the
    model repository is out of reach."""

    def __init__(self, deployer: Deployer, configuration: Mapping[str, Any] | None = None) -> None:
        self.deployer = deployer
        self._configuration = configuration
        self._profile: Profile | None = None

    cached_option = ""

    @property
    def kind(self) -> ServerKind:
        llmapi = self._profile is not None and self._profile.path == "llmapi"
        return "triton-llmapi" if llmapi else "triton-engine"

    async def profile(self) -> ServerProfile:
        """As the protocol says. Raises `CharterError` where it has no TensorRT-LLM model."""
        profile = self._profile = await self._probed()
        configuration = await asyncio.to_thread(self._its_configuration)
        manager = triton_manager(profile, configuration)
        rules = await asyncio.to_thread(triton_rules, profile, manager)
        counters = await self.counters()
        return ServerProfile(
            kind=self.kind,
            address=self.deployer.client.connection.url,
            version=profile.server_version,
            model=ENGINE_MODEL,
            tokenizer=profile.parameters.get("tokenizer_dir", ""),
            tokens_per_block=profile.tokens_per_block
            or tensorrt_llm.tokens_per_block_in(configuration),
            tiers=_tiers(profile, counters, configuration),
            manager=manager.manager,
            manager_evidence=manager.evidence,
            rules=rules.rules,
            rules_evidence=rules.evidence,
            levers=levers_of(profile, manager),
            counters=counters,
            request_counters=_request_counters(profile),
            notes=notes_on(self.kind, profile.server_version),
            triton=profile,
        )

    async def counters(self) -> ServerCounters:
        """As the protocol says: the engine's gauges, and what `charter_bls` counted of its
        nodes."""
        profile = self._profile = self._profile or await self._probed()
        return counters_of(await self._metrics(), reuse_label(profile))

    async def complete(self, request: TokenRequest) -> TokenAnswer:
        """As the protocol says, past `charter_bls`. A priority is sent only where there are inputs
        for it; the LLM API's model takes text, so there each token is a word."""
        profile = self._profile = self._profile or await self._probed()
        in_text = profile.path == "llmapi"
        ids = request.token_ids
        answer = await self.deployer.client.generate(
            GenerateRequest(
                text=" ".join(map(str, ids)) if in_text else None,
                token_ids=() if in_text else ids,
                max_tokens=request.max_tokens,
                sampling=Sampling(top_k=1),
                retention=_retention(request.priority) if profile.retention else None,
            ),
            model=ENGINE_MODEL,
        )
        derived = with_derived_reuse(answer, profile.tokens_per_block)
        return TokenAnswer(
            text=derived.text,
            output_ids=derived.output_ids,
            prompt_tokens=derived.prompt_tokens,
            reused_tokens=derived.reused_tokens,
            reuse=reuse_label(profile) if derived.reused_tokens is not None else None,
            ttft_ms=derived.ttft_ms,
            latency_ms=derived.latency_ms,
        )

    async def release(self, token_ids: Sequence[int], keep_tokens: int) -> None:
        """As the protocol says, past `charter_bls`: an engine that was told has forgotten."""
        profile = self._profile = self._profile or await self._probed()
        if not profile.release:
            raise nothing_released(self.kind)
        client = self.deployer.client
        contract = await client.contract(ENGINE_MODEL)
        await client.infer(ENGINE_MODEL, truncation_inputs(token_ids, keep_tokens, contract))

    async def _probed(self) -> Profile:
        profile = await self.deployer.profile()
        if profile.path == "none":
            raise CharterError(
                f"{self.deployer.client.connection.url} is a Triton without TensorRT-LLM: "
                f"{profile.reasons.get('engine', f'{ENGINE_MODEL} is of neither known form')}",
                remedy="load it, or give the address of the Triton that serves it",
                kind="refused",
            )
        return profile

    async def _metrics(self) -> TritonMetrics:
        url = self.deployer.target.metrics_url
        if url is None:
            return TritonMetrics()
        try:
            return await scrape(url)
        except TritonError:
            return TritonMetrics()

    def _its_configuration(self) -> Mapping[str, Any] | None:
        repository = self.deployer.target.repository
        path = repository / MODEL_YAML if repository else Path()
        if path.is_file():
            return tensorrt_llm.read_configuration(path)
        return self._configuration


def counters_of(metrics: TritonMetrics, label: Label | None) -> ServerCounters:
    """What a metrics page says. `label` tells where the reused tokens of requests come from; None:
    the engine tells none of them, so that those `charter_bls` added up are none."""
    told = [node for node in metrics.nodes if node.prompt_tokens]
    pool = metrics.kv_pool
    return ServerCounters(
        prompt_tokens=sum(node.prompt_tokens for node in told) if told else None,
        reused_tokens=sum(node.reused_tokens for node in told) if told and label else None,
        reused_blocks=pool.reused_blocks if pool else None,
        running=metrics.active_requests,
        waiting=metrics.waiting_requests,
        pool=pool,
        reuse=label if told else "measured" if pool and pool.reused_blocks is not None else None,
    )


def levers_of(profile: Profile, manager: Told) -> tuple[ServerLever, ...]:
    """By what Triton's models offer."""
    llmapi = profile.path == "llmapi"
    return (
        acting("layout", "charter_bls, or the prompts themselves", "request"),
        _reuse_lever(profile),
        _retention_lever(profile, manager),
        *(_setting_lever(name, key, llmapi=llmapi) for name, key in SETTINGS_BY_LEVER.items()),
        idle("cache salt", NO_SALT),
        acting("release", f"charter_bls, or the input {KEEP_INPUT}", "request")
        if profile.release
        else idle("release", NO_RELEASE),
    )


def _setting_lever(name: LeverName, key: str, *, llmapi: bool) -> ServerLever:
    setting = SETTING_OF[key]
    return acting(name, key, setting.llmapi_cost if llmapi else setting.cost)


def _reuse_lever(profile: Profile) -> ServerLever:
    if "reuse" in profile.reasons:
        return idle("reuse", profile.reasons["reuse"], "max_beam_width: 1")
    value = profile.parameters.get(REUSE_SETTING, profile.defaults.get(REUSE_SETTING, ""))
    if value.lower() == "false":
        return idle("reuse", f"{REUSE_SETTING} is false", f"{REUSE_SETTING}: true, in a plan")
    return acting("reuse", REUSE_SETTING, "engine reload")


def _retention_lever(profile: Profile, manager: Told) -> ServerLever:
    if manager.manager == "V2":
        reason = f"{tensorrt_llm.WHY_NO_RETENTION_ON_V2} ({manager.evidence})"
        return idle("retention", reason, tensorrt_llm.REMEDY)
    if "retention" in profile.reasons:
        return idle("retention", profile.reasons["retention"], "Triton's engine path from 25.01 on")
    return acting("retention", "charter_bls, or the inputs retention_*", "request")


def triton_manager(profile: Profile, configuration: Mapping[str, Any] | None = None) -> Told:
    """The KV cache manager of a Triton. `configuration` is the LLM API's YAML, where there is
    one."""
    if profile.path == "engine":
        return Told("V1", "the engine path is TensorRT-LLM's C++ executor, which has no other")
    version = "1.1" if is_older(profile.server_version, FLAT_TRITON) else ""
    return tensorrt_llm.manager_of(configuration, version, _model_in(configuration))


def _model_in(configuration: Mapping[str, Any] | None) -> str:
    return str((configuration or {}).get("model", ""))


def triton_rules(profile: Profile, manager: Told) -> ToldRules:
    """By which rules a Triton's pool is predicted: the reference engine's own configuration says
    its rules; else the release does. Blocks for a moment."""
    directory = profile.parameters.get("gpt_model_path", "")
    try:
        rules = read_spec(Path(directory)).reference_engine.eviction if directory else None
    except EngineConfigError:
        rules = None
    if rules is not None:
        return ToldRules(rules, f"{directory}/config.json")
    version = profile.server_version
    older = is_older(version, FLAT_TRITON)
    if older is None or manager.manager != "V1":
        return tensorrt_llm.rules_of(manager.manager, "")
    line = "an idle child protects its parent" if older else "every idle block is a candidate"
    return ToldRules("leaf" if older else "flat", f"the TensorRT-LLM of Triton {version}: {line}")


def _tiers(
    profile: Profile, counters: ServerCounters, configuration: Mapping[str, Any] | None
) -> tuple[CacheTier, ...]:
    gpu = CacheTier(name="gpu", blocks=counters.pool.max_blocks if counters.pool else None)
    told = profile.parameters.get("kv_cache_host_memory_bytes", "0")
    host = int(told) if told.isdecimal() else 0
    host = host or tensorrt_llm.host_bytes_in(configuration)
    return (gpu, CacheTier(name="host", bytes=host)) if host else (gpu,)


def _request_counters(profile: Profile) -> tuple[str, ...]:
    if not profile.kv_stats:
        return ()
    tokens = "reused tokens"
    if reuse_label(profile) == "derived":
        tokens = "reused tokens, derived from blocks"
    return ("prompt tokens", "reused blocks", tokens, *(("times",) if profile.times else ()))


def _retention(priority: int | None) -> Retention | None:
    return None if priority is None else Retention((TokenRange(0, None, priority, None),), priority)
