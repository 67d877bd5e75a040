"""Planning and predicting for an open agent on a deployment that is up, as its gauges show it."""

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.contracts.compiling import TOKENS_PER_BLOCK
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.planning import PlanRequest
from charter_engine.embedded.engine.tokenizer import tokenizer_path

if TYPE_CHECKING:
    from charter_engine.api.agents import OpenedAgent
    from charter_engine.plan.pool import CurrentServer

__all__ = ["live_server", "on_deployment", "tokenizer_of", "tokens_per_block_of"]


def on_deployment(
    request: PlanRequest,
    agent: "OpenedAgent | None",
    pool: KvPool | None,
    profile: Profile | None = None,
) -> PlanRequest:
    """The request for the open agent, its inputs (unless others are named), and the deployment.

    A pool or a profile that is not known yet says nothing.
    """
    measured = pool if pool and pool.max_blocks > 0 and pool.tokens_per_block > 0 else None
    bytes_per_block = measured.bytes_per_block if measured else None
    beside = str(agent.inputs_path or "") if agent is not None else ""
    return replace(
        request,
        agent=str(agent.path) if agent is not None else "",
        inputs_file=request.inputs_file or beside,
        profile=profile if profile is not None and profile.path != "none" else None,
        profile_file="",
        tokens_per_block=measured.tokens_per_block if measured else None,
        pool_tokens=measured.tokens if measured else None,
        bytes_per_token=bytes_per_block // measured.tokens_per_block
        if measured and bytes_per_block
        else None,
    )


def live_server(
    agent: "OpenedAgent", pool: KvPool | None, profile: Profile | None
) -> "CurrentServer":
    """The deployment as its gauges and its profile show it. Blocks for a moment."""
    from charter_engine.api.plan_sources import current_server

    asked = on_deployment(PlanRequest(), agent, pool, profile)
    return current_server(asked, asked.profile)


def tokenizer_of(profile: Profile) -> Path:
    """The tokenizer the deployment names, where it can be read from here; else the embedded
    engine's."""
    named = profile.parameters.get("tokenizer_dir")
    path = Path(named) / "tokenizer.json" if named else None
    return path if path is not None and path.is_file() else tokenizer_path()


def tokens_per_block_of(pool: KvPool | None) -> int:
    """The block size that Triton's metrics page tells, else the assumed one."""
    if pool is None or pool.tokens_per_block < 1:
        return TOKENS_PER_BLOCK
    return pool.tokens_per_block
