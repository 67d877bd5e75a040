"""Looks at one of several servers, again and again: its state, what passes, what it is."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.fleet import ServerNow
from charter_engine.contracts.live import TritonSample
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.series import Tick
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import CharterError
from charter_engine.fleet import comparison
from charter_engine.fleet.comparison import ServerFacts
from charter_engine.servers.deployment import Deployment
from charter_engine.traffic.served import served_figures
from charter_engine.triton import drift
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.model_config import PARAMETERS, fields_of_json
from charter_engine.triton.release import (
    DEPLOYMENT_PARAMETER,
    PLAN_PARAMETER,
    REVISION_PARAMETER,
    STAMP_PARAMETER,
)
from charter_engine.triton.tap import TapReader

OWN_PARAMETERS = frozenset(
    f"{PARAMETERS}{name}"
    for name in (DEPLOYMENT_PARAMETER, PLAN_PARAMETER, REVISION_PARAMETER, STAMP_PARAMETER)
)
"""What tells one deployment and one push from another: never alike."""
UNCOMPARED = frozenset({"why", "alternatives", "version"})
"""What a plan says of how it was found."""


class LookedAtServer:
    """One of several servers. `deployment` is one that is open already and stays so; else it is
    opened by `start`, only watched, and closed by `close`."""

    def __init__(self, options: TritonOptions, deployment: Deployment | None = None) -> None:
        self.name = options.called
        self.deployment = deployment or Deployment(options, watched_only=True)
        self._is_own = deployment is None
        self._reader: TapReader | None = None
        self._client: TritonClient | None = None
        self.revision: int | None = None
        self.drift = 0

    @property
    def is_new(self) -> bool:
        """Whether what its tap tells next is of before it was looked at."""
        return self._reader is None

    async def start(self) -> None:
        """Get ready to ask it. Raises `CharterError`."""
        if self._is_own:
            await self.deployment.start()

    async def close(self) -> None:
        if self._is_own:
            await self.deployment.close()

    async def passed(self) -> Sequence[TrafficRecord] | None:
        """What its tap tells of since the last time; None where it tells nothing."""
        if not self.deployment.started:
            return None
        client = self.deployment.client
        if self._reader is None or self._client is not client:
            self._client = client
            self._reader = TapReader(client, self._reader.cursor if self._reader else "")
        try:
            return (await self._reader.drain()).records
        except CharterError:
            return None

    async def look_closely(self) -> ServerFacts | None:
        """What is live there, what others changed, and what is to be as at the others; None where
        it does not answer."""
        if not self.deployment.started:
            return None
        deployer = self.deployment.deployer
        try:
            live = await deployer.live()
            self.revision = live.number if live is not None else 0
            self.drift = 0 if deployer.is_busy else len(await deployer.foreign_changes())
            sample = await self.deployment.sample()
            return ServerFacts(self.name, await values_of(deployer, live, sample))
        except CharterError:
            return None

    def now(self, sample: TritonSample, total: Tick | None) -> ServerNow:
        """How it stands, with what is known of it."""
        known = self.revision if sample.health == "ready" else None
        return ServerNow(
            server=self.name, sample=sample, revision=known, drift=self.drift, total=total
        )


async def values_of(
    deployer: Deployer, live: Revision | None, sample: TritonSample
) -> dict[str, str]:
    """What of a server is to be as at the others, by path. Raises `CharterError`."""
    ready = sorted(name for name, state in sample.models.items() if state == "READY")
    pool = sample.kv_pool
    block_size = {comparison.BLOCK_SIZE: f"{pool.tokens_per_block} tokens"} if pool else {}
    return {
        comparison.VERSION: await deployer.client.server_version(),
        comparison.MODELS: ", ".join(ready) or comparison.NONE,
        **block_size,
        **plan_values(live.plan if live is not None else None),
        **config_values(await drift.served(deployer.client), deployer.target.repository),
    }


def plan_values(plan: Plan | None) -> dict[str, str]:
    """A plan as one value and field by field."""
    if plan is None:
        return {comparison.PLAN: comparison.NONE}
    fields = {
        path: value
        for path, value in fields_of_json(msgspec.json.encode(plan).decode()).items()
        if path.split(".")[0].split("[")[0] not in UNCOMPARED
    }
    digest = hashlib.sha256(msgspec.json.encode(fields, order="sorted")).hexdigest()
    named = {f"{comparison.PLAN_FIELDS}{path}": value for path, value in fields.items()}
    return {comparison.PLAN: f"sha256 {digest[: drift.SHOWN_DIGITS]}", **named}


def config_values(served: Mapping[str, str], repository: Path | None) -> dict[str, str]:
    """The fields of all configurations that a server shows. Paths beside its own model repository
    are told from there, so that servers with a folder each can be alike."""
    beside = f"{repository.parent}/" if repository is not None else None
    return {
        f"{model}/config.pbtxt {path}": value.replace(beside, "") if beside else value
        for model, config in served.items()
        for path, value in fields_of_json(config).items()
        if path not in OWN_PARAMETERS
    }


def tick_of(
    records: Sequence[TrafficRecord], sample: TritonSample, at: float, seconds: float
) -> Tick:
    """What passed in so many seconds up to the epoch second `at`, and how full the pool is."""
    figures = served_figures(records)
    told = [record for record in records if record.computed_tokens is not None]
    pool = sample.kv_pool
    return Tick(
        at=at,
        seconds=seconds,
        requests=len(records),
        prompt_tokens=sum(record.prompt_tokens or 0 for record in told),
        computed_tokens=sum(record.computed_tokens or 0 for record in told),
        ttft_ms=figures.ttft_ms if figures is not None else None,
        pool_used=pool.used_share if pool else None,
        waiting=None if sample.waiting_requests is None else float(sample.waiting_requests),
    )


async def look_at(
    server: LookedAtServer, seconds: float, now: float
) -> tuple[ServerNow, ServerFacts | None]:
    """One server once: its state, what passed in the last seconds, what it is."""
    await server.start()
    try:
        sample = await server.deployment.sample()
        facts = await server.look_closely()
        records = await server.passed()
        total = None
        if records is not None:
            since = [record for record in records if record.at >= now - seconds]
            total = tick_of(since, sample, now, seconds)
        return server.now(sample, total), facts
    finally:
        await server.close()
