"""Servers that take token ids by HTTP, as runs and benchmarks use them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.plan import Lever
from charter_engine.contracts.server import ProfileRequest, ServerProfile
from charter_engine.errors import UsageError
from charter_engine.executor.server_target import ServerTarget
from charter_engine.servers.finding import server_at
from charter_engine.servers.protocol import InferenceServer

NOT_BY_REQUEST: tuple[Lever, ...] = ("block_size", "host_tier", "retention", "release")
"""What no request changes on a server that Charter does not push to."""


@dataclass(frozen=True)
class TokenServer:
    """A server that is up, what it told, and its model's tokenizer."""

    server: InferenceServer
    profile: ServerProfile
    tokenizer: Tokenizer
    tokenizer_path: Path

    @property
    def is_salted(self) -> bool:
        """Whether its completions take a salt that keeps blocks apart."""
        return self.profile.kind == "vllm"

    def target(self, salt: Callable[[], str] = str) -> ServerTarget:
        """What a run sends its prompts to. `salt` is of no use where it takes none."""
        return ServerTarget(
            self.server, self.tokenizer, tokens_per_block=self.profile.tokens_per_block, salt=salt
        )


@asynccontextmanager
async def token_server(request: ProfileRequest, tokenizer: str = "") -> AsyncIterator[TokenServer]:
    """The server that a request names by HTTP. `tokenizer` is a path; empty: where its profile
    says, on this machine. Raises `CharterError`."""
    async with server_at(request, TritonOptions()) as server:
        profile = await server.profile()
        path = _tokenizer_of(profile, tokenizer)
        yield TokenServer(server, profile, open_tokenizer(path), path)


def _tokenizer_of(profile: ServerProfile, given: str) -> Path:
    named = Path(given or profile.tokenizer or "/nonexistent")
    if not named.exists():
        raise UsageError(
            f"{profile.address}: the tokenizer of {profile.model} is not on this machine",
            remedy="give --tokenizer FILE",
        )
    return named
