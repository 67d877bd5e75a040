"""The Triton an engine works with: the embedded one it starts itself, or one that is given."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK
from charter_engine.contracts.live import KvPool, TritonSample
from charter_engine.contracts.plan import ServerSettings
from charter_engine.embedded.engine import MEANINGLESS_TEXT_NOTICE
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.event_file import FILE_VARIABLE
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.room import unwritten
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.paths import state_directory
from charter_engine.servers.attaching import connection_of, deployer_of, with_what_is_known
from charter_engine.servers.canary import TritonEngine
from charter_engine.servers.protocol import ITEMS_AT_ONCE
from charter_engine.triton.breaker import CircuitBreaker
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.engine_shape import kv_bytes_per_token
from charter_engine.triton.errors import TritonError
from charter_engine.triton.journals import Journals
from charter_engine.triton.llmapi_shape import kv_bytes_behind
from charter_engine.triton.metrics import MetricsReader, NodeCounters, TritonMetrics, scrape
from charter_engine.triton.profile import probe
from charter_engine.triton.release import engine_parameters

EMBEDDED_ITEMS_AT_ONCE = 2
"""The embedded engine computes on this machine's processor: more at once would only wait for each
other."""
HEALTH_SECONDS = 2.0
"""Two samples' time: the next one asks again."""
INDEX_SECONDS = 5.0
"""Between two looks at the list of models: while all are ready, one that was loaded or unloaded
meanwhile is seen a little later."""
DIRECTORY_PREFIX = "embedded-"


class ModelIndex:
    """Which models a Triton has and in what state, asked anew now and then while all is ready."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._client: TritonClient | None = None
        self._until = 0.0
        self._models: dict[str, str] = {}

    async def of(self, client: TritonClient, *, ready: bool) -> dict[str, str]:
        """Raises `TritonError`."""
        now = self._clock()
        if not ready or client is not self._client or now >= self._until:
            self._client = None
            found = await client.index(HEALTH_SECONDS)
            self._models = {model.name: model.state for model in found}
            if ready:
                self._client, self._until = client, now + INDEX_SECONDS
        return self._models


class Deployment:
    """One Triton: started or attached to by `start`, sampled, pushed to by `deployer`, given back
    by `close`.

    An embedded one is started with `server`, streams where it is `decoupled`, and with `keeps_text`
    False keeps no recent prompts; a given one keeps its own settings. One that is only watched is
    not repaired.
    """

    def __init__(
        self,
        options: TritonOptions,
        on_step: Callable[[str], None] = lambda _: None,
        *,
        server: ServerSettings | None = None,
        keeps_text: bool = True,
        watched_only: bool = False,
        decoupled: bool = False,
    ) -> None:
        self.options = options
        self._keeps_text = keeps_text
        self._watched_only = watched_only
        self._server = server or ServerSettings()
        self._decoupled = decoupled
        self.profile = Profile()
        self.node_counters: tuple[NodeCounters, ...] = ()
        """What the metrics page said of nodes when it was last sampled."""
        self.answered: int | None = None
        """Requests that `charter_bls` had answered or refused by then, readers of its tap
        included."""
        self._page = MetricsReader()
        self._models = ModelIndex(time.monotonic)
        self._on_step = on_step
        self._embedded: EmbeddedTriton | None = None
        self.event_log: Path | None = None
        """Where an embedded one keeps its KV cache events; nowhere where no text is kept."""
        self._directory: Path | None = None
        self._lock = -1
        self._failure = ""
        self._kv_bytes_per_token: int | None = None
        self._client: TritonClient | None = None
        self._deployer: Deployer | None = None
        self._url = options.url or ""
        self._breaker = CircuitBreaker(time.monotonic)

    @property
    def is_embedded(self) -> bool:
        return self.options.url is None

    @property
    def notice(self) -> str:
        """What an operator must know of what it answers; empty where there is nothing."""
        return MEANINGLESS_TEXT_NOTICE if self.is_embedded else ""

    @property
    def items_at_once(self) -> int:
        """How many items of a run are sent side by side, unless somebody says otherwise."""
        return EMBEDDED_ITEMS_AT_ONCE if self.is_embedded else ITEMS_AT_ONCE

    @property
    def client(self) -> TritonClient:
        if self._client is None:
            raise TritonError("Triton is not started yet")
        return self._client

    @property
    def deployer(self) -> Deployer:
        if self._deployer is None:
            raise TritonError("Triton is not started yet")
        return self._deployer

    @property
    def found(self) -> TritonOptions:
        """The options by which it is reached, once it is started."""
        options = replace(self.options, repository=self._repository, metrics_url=self._metrics_url)
        if self._embedded is None:
            return options
        return replace(options, url=self._url, headers=self._embedded.state.headers)

    @property
    def named(self) -> str:
        return self.options.called

    async def canary_target(self) -> TritonEngine:
        """What the corruption canary asks. Raises `TritonError`."""
        if self.profile.path == "none":
            await self.probe()
        return TritonEngine(self.client, self.profile)

    @property
    def started(self) -> bool:
        return self._client is not None

    @property
    def serving_process(self) -> int | None:
        """The process that serves, where it is ours: its supervisor, with the server and the models
        below it."""
        return (
            self._embedded.state.supervisor
            if self._embedded is not None and self._embedded.directory
            else None
        )

    async def start(self) -> None:
        """Start the embedded Triton, or get ready to speak to the given one. Raises
        `TritonError`."""
        self.options = await asyncio.to_thread(with_what_is_known, self.options)
        if self.is_embedded and self._embedded is None:
            try:
                await self._start_embedded()
            except TritonError as error:
                self._failure = str(error)
                raise
        await self._connect()

    async def probe(self) -> Profile:
        """Find out anew what it can do. Raises `TritonError`."""
        found = await probe(self.client, repository=self._repository, metrics_url=self._metrics_url)
        original = self._deployer.original_parameters(found) if self._deployer is not None else {}
        self.profile = msgspec.structs.replace(found, original=original)
        self._kv_bytes_per_token = await asyncio.to_thread(self._bytes_per_token, found)
        return self.profile

    async def sample(self) -> TritonSample:
        """Health and gauges now. Never raises: what is wrong is said in the sample."""
        if self._client is None:
            return TritonSample(
                health="stopped" if self._failure else "starting",
                reason=self._failure,
                url=self._url,
            )
        if self._embedded is not None and self._embedded.state.grpc_url != self._url:
            await self._connect()
        try:
            ready = await self._client.is_ready(HEALTH_SECONDS)
            models = await self._models.of(self._client, ready=ready)
        except TritonError as error:
            return self._without_answer(error)
        metrics = await self._metrics()
        self.node_counters, self.answered = metrics.nodes, metrics.answered
        return TritonSample(
            health="ready" if ready else "starting",
            reason="" if ready else "not all models are ready",
            url=self._url,
            version=self.profile.server_version,
            models=models,
            kv_pool=self._in_bytes(metrics.kv_pool),
            active_requests=metrics.active_requests,
            waiting_requests=metrics.waiting_requests,
            runtime_memory_bytes=metrics.runtime_memory_bytes,
            breaker=self._breaker.state,
            breaker_reason=self._breaker.reason,
        )

    def ask_again(self) -> None:
        """Let the next call through to a server that did not answer."""
        self._breaker.reset()

    async def close(self) -> None:
        """Leave a given Triton as it is; stop the embedded one and remove what was written for
        it."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._embedded is not None:
            await self._embedded.stop()
            self._embedded = None
        if self._directory is not None:
            await asyncio.to_thread(_remove, self._directory)
            os.close(self._lock)
            self._directory = None

    def _bytes_per_token(self, profile: Profile) -> int | None:
        if profile.path == "llmapi":
            return kv_bytes_behind(self._repository)
        return kv_bytes_per_token(profile.parameters)

    def _in_bytes(self, pool: KvPool | None) -> KvPool | None:
        """The pool with the size of a block, where the served model's shape is known."""
        if pool is None or self._kv_bytes_per_token is None:
            return pool
        return msgspec.structs.replace(
            pool, bytes_per_block=self._kv_bytes_per_token * pool.tokens_per_block
        )

    @property
    def _repository(self) -> Path | None:
        return self._embedded.repository if self._embedded is not None else self.options.repository

    @property
    def _metrics_url(self) -> str:
        if self._embedded is not None:
            return self._embedded.state.metrics_url
        return self.options.metrics_url or ""

    async def _start_embedded(self) -> None:
        directory, self._lock = await asyncio.to_thread(new_directory, state_directory())
        self._directory = directory
        repository = await asyncio.to_thread(
            _write_repository,
            directory / "models",
            self._server,
            decoupled=self._decoupled,
            keeps_text=self._keeps_text,
        )
        if self._keeps_text:
            self.event_log = directory / "kv_events.jsonl"
        self._embedded = EmbeddedTriton(
            repository,
            private=True,
            environment={FILE_VARIABLE: str(self.event_log)} if self.event_log else {},
        )
        try:
            await self._embedded.start()
        except BaseException:
            self._embedded = None
            raise

    async def _connect(self) -> None:
        if self._embedded is not None:
            self._url = self._embedded.state.grpc_url
        options = self.found
        # Where it is made anew, another server answers than the one that did not.
        self._breaker = CircuitBreaker(time.monotonic)
        client, before = TritonClient(connection_of(options), self._breaker), self._client
        # Both at once: whoever asks meanwhile meets a deployment that is started, or is not.
        self._deployer = await deployer_of(client, options, self._on_step)
        self._client = client
        if before is not None:
            await before.close()
        await self._repair()

    async def _repair(self) -> None:
        """Finish or take back a push that was cut short, unless somebody else is at it; what cannot
        be done stays journaled, and is listed as that. Where it is only watched, say so."""
        with contextlib.suppress(TritonError, OSError):
            if not self._watched_only:
                await self.deployer.repair()
            elif told := self.deployer.interruption():
                self._on_step(f"{told}; this engine only watches")

    async def _metrics(self) -> TritonMetrics:
        try:
            return await scrape(self._metrics_url, self._page)
        except TritonError:
            return TritonMetrics()

    def _without_answer(self, error: TritonError) -> TritonSample:
        """The embedded Triton's supervisor knows more than a refused connection tells."""
        if self._embedded is not None:
            state = self._embedded.state
            if state.state == "starting":
                return TritonSample(health="starting", reason=state.reason, url=self._url)
            if state.state in ("failed", "stopped"):
                return TritonSample(health="stopped", reason=state.reason, url=self._url)
        return TritonSample(
            health="unreachable",
            reason=error.message,
            url=self._url,
            breaker=self._breaker.state,
            breaker_reason=self._breaker.reason,
        )


def _write_repository(
    directory: Path, server: ServerSettings, *, decoupled: bool, keeps_text: bool
) -> Path:
    try:
        return write_embedded_repository(
            directory,
            tokens_per_block=server.tokens_per_block or DEFAULT_TOKENS_PER_BLOCK,
            parameters=engine_parameters(server, None),
            decoupled=decoupled,
            keeps_prompts=keeps_text,
        )
    except EngineConfigError as error:
        raise TritonError(f"the embedded Triton cannot be set up so: {error}") from None
    except OSError as error:
        raise unwritten(error) from None


def _remove(directory: Path) -> None:
    """Remove what was written for an embedded Triton; its revisions are kept."""
    with contextlib.suppress(OSError):
        Journals(state_directory()).retire_below(directory, directory.name)
    shutil.rmtree(directory, ignore_errors=True)


def new_directory(base: Path) -> tuple[Path, int]:
    """A directory for an embedded repository, and its lock, held. Those of engines that were killed
    are removed."""
    for old in base.glob(f"{DIRECTORY_PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = os.open(old / "lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(old)
            finally:
                os.close(lock)
    directory = Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX, dir=base))
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return directory, lock
