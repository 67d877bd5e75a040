"""What a deployment can do, found by asking it: models' inputs and outputs, and one harmless
control call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from charter_engine.bls.answer import REUSED_TOKENS
from charter_engine.bls.contract import KEEP_INPUT
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.figures import Label
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import ModelFailed, TritonError, TritonRefused
from charter_engine.triton.metrics import scrape
from charter_engine.triton.model_config import parameters_of, set_parameters_of
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL, Contract

PROBE_MODEL = "charter-probe-no-such-model"
RETENTION_INPUT = "retention_token_range_starts"
STATS_OUTPUTS = ("kv_cache_reused_blocks", "kv_cache_reused_block")
TIMES_OUTPUT = "first_token_time_ns"


ENGINE_DEFAULTS = {
    "kv_cache_free_gpu_mem_fraction": "0.9",
    "kv_cache_host_memory_bytes": "0",
    "kv_cache_onboard_blocks": "true",
    "batch_scheduler_policy": "guaranteed_no_evict",
    "enable_chunked_context": "false",
}
"""What the engine path takes for a parameter that is not set (model_instance_state.cc,
executor.h)."""


async def probe(
    client: TritonClient, *, repository: Path | None = None, metrics_url: str | None = None
) -> Profile:
    """Find out what the deployment offers. Raises `Unreachable` or `TritonRefused` where nobody may
    even ask.

    `repository` is the model repository where this machine can write it; `metrics_url` tells the
    block size.
    """
    version = await client.server_version()
    index = await client.index()
    ready = tuple(sorted({model.name for model in index if model.state == "READY"}))
    contract = await client.contract(ENGINE_MODEL, fresh=True) if ENGINE_MODEL in ready else None
    engine = await client.config(ENGINE_MODEL) if contract else None
    bls = await client.config(BLS_MODEL) if BLS_MODEL in ready else None
    parameters = set_parameters_of(engine) if engine is not None else {}
    reasons = describe_missing(contract, has_bls=bls is not None)
    beams = why_no_reuse(parameters)
    if beams:
        reasons["reuse"] = beams
    control = await _why_no_control(client)
    files = why_no_files(repository)
    if control:
        reasons["load_unload"] = control
    if files:
        reasons["repository_files"] = files
    return Profile(
        path=path_of(contract),
        server_version=version,
        models=ready,
        charter_bls=bls is not None,
        retention="retention" not in reasons,
        release=contract is not None and KEEP_INPUT in contract.inputs,
        kv_stats="kv_stats" not in reasons,
        times="times" not in reasons,
        load_unload=not control,
        repository_files=not files,
        tokens_per_block=await _tokens_per_block(bls, metrics_url),
        parameters=parameters,
        defaults=defaults_of(contract),
        reasons=reasons,
    )


def path_of(contract: Contract | None) -> Literal["engine", "llmapi", "none"]:
    """Which of the two kinds of TensorRT-LLM deployment a model's inputs belong to."""
    if contract is None:
        return "none"
    if "input_ids" in contract.inputs:
        return "engine"
    return "llmapi" if "sampling_param_max_tokens" in contract.inputs else "none"


def describe_missing(contract: Contract | None, *, has_bls: bool) -> dict[str, str]:
    """Why the deployment lacks an ability, for each that it lacks."""
    reasons: dict[str, str] = {}
    if contract is None:
        absent = f"no model {ENGINE_MODEL} is ready on this server"
        return dict.fromkeys(("engine", "retention", "kv_stats", "times", "plan_push"), absent)
    if path_of(contract) == "llmapi":
        reasons["retention"] = "the LLM API's Triton model has no retention inputs"
    elif RETENTION_INPUT not in contract.inputs:
        reasons["retention"] = (
            f"{ENGINE_MODEL} has no input {RETENTION_INPUT}: TensorRT-LLM 0.17 (25.01) brought it"
        )
    if not any(name in contract.outputs for name in STATS_OUTPUTS):
        reasons["kv_stats"] = (
            f"{ENGINE_MODEL} gives no KV counters per request: TensorRT-LLM 0.16 (24.12) brought "
            "them"
        )
    elif REUSED_TOKENS not in contract.outputs:
        reasons["token_counts"] = (
            f"{ENGINE_MODEL} counts reused blocks, not tokens: reused tokens are derived from "
            "them, an upper bound"
        )
    if TIMES_OUTPUT not in contract.outputs:
        reasons["times"] = (
            f"{ENGINE_MODEL} has no output {TIMES_OUTPUT}: TensorRT-LLM 0.19 (25.05) brought it"
        )
    if not has_bls:
        reasons["plan_push"] = (
            f"the model {BLS_MODEL}, which holds the plan, is not loaded: push installs it"
        )
    return reasons


def why_no_files(repository: Path | None) -> str:
    """Why the model repository cannot be written from here; empty if it can."""
    if repository is None:
        return "the model repository is not on this machine: give --repository DIR where it is"
    if not (repository / ENGINE_MODEL).is_dir():
        return f"{repository} holds no {ENGINE_MODEL}: not this server's model repository"
    return ""


def defaults_of(contract: Contract | None) -> dict[str, str]:
    """What the release of the engine path takes for parameters that are not set: it is told by what
    its model offers."""
    if path_of(contract) != "engine":
        return {}
    reuse = "true" if contract is not None and TIMES_OUTPUT in contract.outputs else "false"
    return {**ENGINE_DEFAULTS, "enable_kv_cache_reuse": reuse}


def reuse_label(profile: Profile) -> Label | None:
    """Where the reused tokens of requests come from; None where nothing tells of them."""
    if not profile.kv_stats:
        return None
    return "derived" if "token_counts" in profile.reasons else "measured"


def why_no_reuse(parameters: Mapping[str, str]) -> str:
    """Why the engine can reuse nothing, whatever is switched on; empty if it can.

    Source: kvCacheManager.cpp, where blocks of a beam wider than 1 are never stored.
    """
    beams = parameters.get("max_beam_width", "")
    if beams.isdecimal() and int(beams) > 1:
        return (
            f"max_beam_width {beams}: TensorRT-LLM keeps no blocks for reuse where it searches by "
            "beams"
        )
    return ""


async def _why_no_control(client: TritonClient) -> str:
    """Unloading a model that does not exist succeeds exactly where models may be controlled, and
    changes nothing."""
    try:
        await client.unload(PROBE_MODEL)
    except (TritonRefused, ModelFailed) as error:
        return error.message
    return ""


async def _tokens_per_block(bls: Any | None, metrics_url: str | None) -> int | None:
    if metrics_url is not None:
        try:
            pool = (await scrape(metrics_url)).kv_pool
        except TritonError:
            pool = None
        if pool is not None:
            return pool.tokens_per_block
    parameters = parameters_of(bls) if bls is not None else {}
    return int(parameters.get("tokens_per_block") or 0) or None
