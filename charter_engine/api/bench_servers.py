"""The servers a benchmark runs on: an embedded Triton for each variant, or one given Triton for
all."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from charter_engine.api.pools import eviction_of
from charter_engine.api.token_servers import TokenServer
from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.pool import KEEPS_PARTS, Eviction
from charter_engine.contracts.server import KIND_IN_WORDS, ServerProfile
from charter_engine.embedded.build import build_like
from charter_engine.embedded.engine.spec import read_spec
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.executor.bench.measure import MeasuredServer
from charter_engine.executor.bench.recorder import MeasuringTarget
from charter_engine.executor.bench.variants import Variant
from charter_engine.executor.triton_target import TritonTarget
from charter_engine.kvcache import PoolSettings
from charter_engine.servers.deployment import Deployment
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonError
from charter_engine.triton.metrics import scrape
from charter_engine.triton.profile import probe

ReadPool = Callable[[], Awaitable[KvPool | None]]
ITEM_BYTES = 4
"""The reference engine keeps keys and values in float32 on a CPU."""


@contextlib.asynccontextmanager
async def embedded_servers(
    variants: Sequence[Variant],
    directory: Path,
    *,
    agent: str,
    tokens_per_block: int = DEFAULT_TOKENS_PER_BLOCK,
    pool_tokens: int | None = None,
    engine: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[list[MeasuredServer]]:
    """A server for each variant below `directory`, stopped at the end. Each serves `engine`, built
    anew where a variant has other blocks; None: random weights. Raises `TritonError`,
    `EngineError`."""
    async with contextlib.AsyncExitStack() as stack:
        servers = []
        for number, variant in enumerate(variants):
            progress(f"starting a Triton for {variant.name}")
            block = variant.plan.server.tokens_per_block or tokens_per_block
            repository = write_embedded_repository(
                directory / f"{number}" / "models",
                tokens_per_block=block,
                parameters=_parameters(variant, pool_tokens),
                engine_directory=_with_blocks(engine, block, directory),
            )
            triton = await stack.enter_async_context(EmbeddedTriton(repository, private=True))
            client = await stack.enter_async_context(TritonClient(triton.state.connection))
            profile = await probe(
                client, repository=repository, metrics_url=triton.state.metrics_url
            )
            served = repository.parent / Path(profile.parameters["gpt_model_path"])
            target = TritonTarget(client, profile, agent=agent, run=variant.name)
            read = _reader(triton.state.metrics_url)
            server = MeasuredServer(variant, MeasuringTarget(target, open_tokenizer(served)), read)
            per_token = read_spec(served).pretrained_config.kv_bytes_per_token(ITEM_BYTES)
            server.pool = _pool(await read(), variant, per_token, eviction_of(profile))
            servers.append(server)
        yield servers


def _with_blocks(engine: Path | None, tokens_per_block: int, directory: Path) -> Path | None:
    """An engine like that one with blocks of this size: itself, or built below `directory`."""
    if engine is None:
        return None
    if read_spec(engine).tokens_per_block == tokens_per_block:
        return engine.absolute()
    return build_like(engine, directory / f"engine-tpb{tokens_per_block}", tokens_per_block)


@dataclass(frozen=True)
class Given:
    """A Triton that was there before, and what it told. `tokenizer` None: it is not on this
    machine."""

    client: TritonClient
    profile: Profile
    gauges: KvPool | None
    read: ReadPool
    tokenizer: Path | None

    def servers(self, variants: Sequence[Variant], agent: str) -> list[MeasuredServer]:
        """All variants on this one server, kept apart by what their prompts begin with."""
        tokenizer = open_tokenizer(self.tokenizer) if self.tokenizer else None
        eviction = eviction_of(self.profile)
        has_host_tier = bool(self.profile.parameters.get("kv_cache_host_memory_bytes"))
        servers = []
        for variant in variants:
            target = TritonTarget(
                self.client, self.profile, agent=agent, run=variant.name, tokenizer=self.tokenizer
            )
            server = MeasuredServer(
                variant, MeasuringTarget(target, tokenizer, _nonce(variant)), self.read
            )
            server.pool = None if has_host_tier else _pool(self.gauges, variant, 0, eviction)
            servers.append(server)
        return servers

    def notes(self) -> list[str]:
        """What one server for all variants leaves unmeasured."""
        notes = [
            "one Triton serves all variants: each variant's prompts begin with a text of its own, "
            "so none finds another's blocks; the baseline's begin with a new one each time, in "
            "place of reuse switched off; these few tokens count as prompt, and each variant is "
            "predicted as if it had the server to itself",
            "server settings are the deployment's own: what the plan would change of them is not "
            "measured here",
            "blocks in use are those of all that the Triton serves",
        ]
        if self.tokenizer is None:
            notes.append("bound, prediction and drift need the model's tokenizer: give --tokenizer")
        if self.gauges is None:
            notes.append(
                "no metrics page was found: give --triton-metrics for pool size, prediction and "
                "peak blocks"
            )
        return notes


@contextlib.asynccontextmanager
async def given_triton(options: TritonOptions) -> AsyncIterator[Given]:
    """The Triton that the options name. Raises `TritonError`."""
    deployment = Deployment(options)
    try:
        await deployment.start()
        profile = await deployment.probe()
        named = options.tokenizer or Path(profile.parameters.get("tokenizer_dir") or "/nonexistent")
        read = _reader(deployment.options.metrics_url or "")
        yield Given(
            deployment.client, profile, await read(), read, named if named.exists() else None
        )
    finally:
        await deployment.close()


def servers_on(given: TokenServer, variants: Sequence[Variant]) -> list[MeasuredServer]:
    """All variants on one server that takes token ids, kept apart by cache salts where it takes
    these, else by what their prompts begin with."""
    return [_measured_on(given, variant) for variant in variants]


def _measured_on(given: TokenServer, variant: Variant) -> MeasuredServer:
    nonce = _nonce(variant)
    target = given.target(nonce) if given.is_salted else given.target()
    recorder = MeasuringTarget(target, given.tokenizer, None if given.is_salted else nonce)
    return MeasuredServer(variant, recorder, _no_pool, _pool_of(given.profile, variant))


def _pool_of(profile: ServerProfile, variant: Variant) -> PoolSettings | None:
    """As the profile tells it; None where that is too little."""
    pool, rules = profile.counters.pool, profile.rules
    if pool is None or rules is None:
        return None
    return PoolSettings(
        gpu_blocks=pool.max_blocks,
        tokens_per_block=pool.tokens_per_block,
        reuse=variant.reuse,
        partial_reuse=rules in KEEPS_PARTS,
        eviction=rules,
    )


def notes_on_server(profile: ServerProfile) -> list[str]:
    """What one server for all variants leaves unmeasured."""
    return [
        f"one {KIND_IN_WORDS[profile.kind]} serves all variants, none of which finds another's "
        "blocks: by cache salts, or by a text of its own before each prompt; the baseline's is a "
        "new one each time, in place of reuse switched off; each variant is predicted as if it had "
        "the server to itself",
        "layouts alone are measured: server settings and retention are left as they are",
    ]


async def _no_pool() -> None:
    """Looking at the pool all the time would disturb a server that shares this machine."""


def _nonce(variant: Variant) -> Callable[[], str]:
    """What a variant's prompts begin with: always the same, or with reuse off each time another."""
    own = _words()
    return (lambda: own) if variant.reuse else _words


def _words() -> str:
    """Short, since it counts as prompt; of other tokens from its first one on."""
    return f"{uuid.uuid4().hex[:8]}\n"


def _parameters(variant: Variant, pool_tokens: int | None) -> dict[str, str]:
    """TensorRT-LLM's parameters for a variant: the plan's, on a pool of the size asked for."""
    server = variant.plan.server
    values = {
        "enable_kv_cache_reuse": str(variant.reuse).lower(),
        "max_tokens_in_paged_kv_cache": pool_tokens or server.max_tokens_in_paged_kv_cache,
        "kv_cache_host_memory_bytes": server.kv_cache_host_memory_bytes,
        "batch_scheduler_policy": server.batch_scheduler_policy,
        "enable_chunked_context": None
        if server.enable_chunked_context is None
        else str(server.enable_chunked_context).lower(),
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _pool(
    gauges: KvPool | None, variant: Variant, bytes_per_token: int, eviction: Eviction
) -> PoolSettings | None:
    if gauges is None:
        return None
    host_bytes = variant.plan.server.kv_cache_host_memory_bytes or 0
    block_bytes = bytes_per_token * gauges.tokens_per_block
    return PoolSettings(
        gpu_blocks=gauges.max_blocks,
        tokens_per_block=gauges.tokens_per_block,
        host_blocks=host_bytes // block_bytes if block_bytes else 0,
        reuse=variant.reuse,
        eviction=eviction,
    )


def _reader(url: str) -> ReadPool:
    async def read() -> KvPool | None:
        with contextlib.suppress(TritonError):
            return (await scrape(url)).kv_pool
        return None

    return read
