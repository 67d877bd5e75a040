"""What a run would do under several values of one setting, all else as in a plan."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from charter_engine.api.agent_runs import predict_run
from charter_engine.api.agents import OpenedAgent
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.sweeping import SettingSweep, SweptValue
from charter_engine.errors import UsageError
from charter_engine.plan.edit import edit_server
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.search import BLOCK_SIZES
from charter_engine.plan.settings import meaning

POOL_SHARES: Final = (0.125, 0.25, 0.5, 0.75, 1.0)
"""Assumed: from an eighth of the pool to all of it; a larger one is no question of settings."""
HOST_SHARES: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Sizes of a host tier as multiples of the pool on the GPU."""
_VALUES: Final[dict[str, Callable[[CurrentServer], tuple[str, ...]]]] = {
    "tokens_per_block": lambda _: tuple(map(str, BLOCK_SIZES)),
    "enable_kv_cache_reuse": lambda _: ("true", "false"),
    "max_tokens_in_paged_kv_cache": lambda server: tuple(
        str(max(1, round(server.pool_tokens * share))) for share in POOL_SHARES
    ),
    "kv_cache_host_memory_bytes": lambda server: tuple(
        str(round(server.pool_tokens * server.bytes_per_token * share)) for share in HOST_SHARES
    ),
}
"""The values of each setting that changes what is predicted."""


def sweep_setting(
    agent: OpenedAgent,
    plan: Plan,
    key: str,
    deployment: CurrentServer,
    *,
    at_once: int,
    tokenizer: Path | None,
    latency: LatencyModel | None = None,
) -> SettingSweep:
    """Predict a run of the agent's inputs under each value of a setting, as `predict_run` does.
    Blocks. Raises `UsageError` for a setting that changes nothing that is predicted."""
    if key not in _VALUES:
        raise UsageError(
            f"{key} changes nothing that is predicted",
            remedy=f"sweep one of {', '.join(_VALUES)}, or measure with a benchmark",
        )
    now = getattr(plan.server, key)
    drafted = str(_as_deployed(key, deployment) if now is None else now).lower()
    values = {meaning(key, value): value for value in (*_VALUES[key](deployment), drafted)}
    return SettingSweep(
        key=key,
        values=tuple(
            SweptValue(
                value=value,
                predicted=predict_run(
                    agent,
                    edit_server(plan, key, value),
                    deployment,
                    at_once=at_once,
                    tokenizer=tokenizer,
                    latency=latency,
                ),
                drafted=means == meaning(key, drafted),
            )
            for means, value in sorted(values.items(), key=lambda item: float(item[0]))
        ),
    )


def _as_deployed(key: str, deployment: CurrentServer) -> int | bool:
    """The value that a deployment has where the plan leaves it alone."""
    match key:
        case "tokens_per_block":
            return deployment.tokens_per_block
        case "enable_kv_cache_reuse":
            return deployment.reuse
        case "max_tokens_in_paged_kv_cache":
            return deployment.pool_tokens
        case _:
            return deployment.host_bytes
