"""What a gateway is told when it starts, and what it tells of each request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from charter_engine.contracts.tracing import TraceContext

DEFAULT_LISTEN = "127.0.0.1:8090"
DEFAULT_MODELS = ("charter_bls",)
GatewayFinish = Literal["stop", "length", "tool_calls", "cancelled", "error"]


class GatewayLimits(Struct, frozen=True, kw_only=True):
    """What a gateway takes of its clients. Sizes in bytes.

    `at_once` requests are answered side by side; one more is refused, to be sent again.
    `deadline_seconds` is the longest that an answer may take, `receive_seconds` the longest that a
    client may take to send its request.
    """

    body_bytes: int = 32 * 1024 * 1024
    header_bytes: int = 16 * 1024
    at_once: int = 256
    deadline_seconds: float = 600.0
    receive_seconds: float = 30.0


class GatewayRequest(Struct, frozen=True, kw_only=True):
    """A gateway to start. `openai` are the upstreams' URLs; none: `charter_bls` on Triton.

    `key` is what clients must send, empty where anyone on this machine may; `openai_key` is sent to
    the upstream in place of the clients' own, and its certificate is checked by the file
    `root_certificates`. `models` are the names under which Triton's model is
    served, with `any_model` whatever a client calls it. `context` is the most tokens of a prompt
    and its answer, None to ask the engine's own files. `plan` is a plan file by whose layouts for
    traffic prompts are laid out on their way to the upstream, `agent` its agent's source (None:
    where the plan says).
    """

    listen: str = DEFAULT_LISTEN
    openai: tuple[str, ...] = ()
    key: str = ""
    openai_key: str = ""
    root_certificates: str = ""
    models: tuple[str, ...] = DEFAULT_MODELS
    any_model: bool = False
    context: int | None = None
    plan: str = ""
    agent: str | None = None
    limits: GatewayLimits = GatewayLimits()


class GatewayRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request that passed through a gateway. Times in milliseconds, but `at`, the epoch second
    of its arrival.

    `request_id` is the request's id at Triton and in the header `X-Request-Id`. `session` is what
    the client calls it, which with `ends_session` ends with this request; `node` is the call that
    it belongs to, as the server found or the gateway itself; where that looked for it, `unmatched`
    says why there is none. `laid_out` tells that the gateway itself laid the prompt out, else
    `layout_reason` why not. `server` is the one of several that answered, or was tried last.
    `ttft_ms` runs to the first piece of a streamed answer, `total_ms` to the end of the answer;
    `engine_ttft_ms` and `queue_ms` are the engine's own. Numbers are None where the server gives
    none, or where an answer was passed on unread. `trace` is the gateway's own span in the client's
    trace.
    """

    at: float
    request_id: str
    source: Literal["gateway"] = "gateway"
    route: str = ""
    model: str = ""
    session: str = ""
    ends_session: bool = False
    node: str = ""
    unmatched: str = ""
    server: str = ""
    laid_out: bool = False
    layout_reason: str = ""
    stream: bool = False
    status: int = 200
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reused_tokens: int | None = None
    reused_blocks: int | None = None
    missed_blocks: int | None = None
    alloc_new_blocks: int | None = None
    alloc_total_blocks: int | None = None
    queue_ms: float | None = None
    engine_ttft_ms: float | None = None
    ttft_ms: float | None = None
    total_ms: float | None = None
    finish: GatewayFinish = "stop"
    error: str = ""
    trace: TraceContext | None = None


@dataclass(frozen=True)
class GatewayExchange:
    """A request that has passed: its record, its body as the client sent it, and the text that
    was sent to Triton for it (empty where it was token ids, or another server answered).

    `sent` is the body that was passed on to an upstream, and `answer` what it answered, as far as
    that is not longer than a megabyte; both are empty in front of Triton.
    """

    record: GatewayRecord
    body: bytes = b""
    prompt: str = ""
    sent: bytes = b""
    answer: bytes = b""


Observer = Callable[[GatewayExchange], None]
"""Hears of each request once it has ended. Called on the gateway's event loop: it must not wait."""
