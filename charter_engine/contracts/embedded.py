"""The embedded Triton: what is asked of it, and what its supervisor tells."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.connection import DEFAULT_NAME

DEFAULT_TOKENS_PER_BLOCK = 32
"""Taken from TensorRT-LLM's LLM API, whose `tokens_per_block` is 32."""


class ServerState(Struct, frozen=True, kw_only=True):
    """What the supervisor of an instance last said. Ports are on 127.0.0.1; `server` and
    `supervisor` are process ids. `key_file` holds what lets its owner load models; nobody else can
    read it."""

    name: str
    state: Literal["starting", "ready", "failed", "stopped"]
    reason: str
    http: int
    grpc: int
    metrics: int
    server: int
    supervisor: int
    restarts: int
    log: str
    repository: str
    key_file: str

    @property
    def grpc_url(self) -> str:
        return f"127.0.0.1:{self.grpc}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.metrics}/metrics"


class EmbeddedRequest(Struct, frozen=True, kw_only=True):
    """An embedded Triton to start. `repository` is served where it holds models, and written where
    it is empty (None: one that goes with the server). The rest but `name` and `ports` is of a
    repository to be written.

    `parameters` are those of the model `tensorrt_llm`; `profile` imitates an older release, or
    `llmapi`; `engine` is a ready engine directory; `stock` adds TensorRT-LLM's own models. `ports`
    are those of HTTP, gRPC and metrics (None: free ones). A `private` one answers requests only to
    who has its key, and so may keep recent prompts, by which misses are explained.
    """

    name: str = DEFAULT_NAME
    repository: str | None = None
    tokens_per_block: int = DEFAULT_TOKENS_PER_BLOCK
    parameters: dict[str, str] = {}
    profile: str | None = None
    stock: bool = False
    engine: str | None = None
    decoupled: bool = False
    ports: tuple[int, int, int] | None = None
    private: bool = False


class EngineBuildRequest(Struct, frozen=True, kw_only=True):
    """An engine directory to write. With `checkpoint` (a Llama-family model as Hugging Face keeps
    it) or `gguf` (a GGUF file, or an installed package that holds one), everything but the block
    size comes from there; else `config` is a config.json to start
    from, and weights are random unless given as safetensors."""

    directory: str
    tokens_per_block: int = DEFAULT_TOKENS_PER_BLOCK
    tokenizer: str | None = None
    checkpoint: str | None = None
    gguf: str | None = None
    weights: str | None = None
    config: str | None = None
