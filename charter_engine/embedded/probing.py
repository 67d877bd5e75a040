"""Whether a Triton answers requests, and not only says that it is ready.

Standard library only: the supervisor uses it. What is asked leaves nothing behind: the engine
computes a single token, of which no block is kept, and `charter_bls` is asked for its tap.
"""

import http.client
import json
from collections.abc import Mapping
from typing import Any

SECONDS = 30.0
"""Assumed: a probe's few tokens take far less on any processor."""
HEALTH_SECONDS = 1.0
"""Assumed: Triton answers about its health in milliseconds, or is not up yet."""
VALUES: dict[str, object] = {
    "input_ids": 1,
    "input_lengths": 1,
    "request_output_len": 1,
    "text_input": ".",
    "max_tokens": 1,
    "sampling_param_max_tokens": 1,
    "charter_tap": "",
}
"""What is sent for the inputs that a model has; the others are optional."""
DECOUPLED = "decoupled"
"""In Triton's refusal to serve over HTTP a model that streams: then its word must do."""


def is_ready(port: int, model: str = "") -> bool:
    """Whether Triton says within a second that it is ready, or that a model is."""
    path = f"/v2/models/{model}/ready" if model else "/v2/health/ready"
    try:
        return _asked(port, "GET", path, seconds=HEALTH_SECONDS)[0] == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def answers(port: int, model: str, run: str, headers: Mapping[str, str]) -> bool:
    """Whether a model answers a request. `run` is what it is called, for readers of the tap;
    `headers` hold the key of a server that answers to nobody else."""
    try:
        metadata = json.loads(_asked(port, "GET", f"/v2/models/{model}")[1])
        body = json.dumps({"inputs": _inputs(metadata, {**VALUES, "charter_run": run})}).encode()
        status, told = _asked(port, "POST", f"/v2/models/{model}/infer", body, headers=headers)
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False
    return status == http.client.OK or DECOUPLED in told.decode(errors="replace")


def _inputs(metadata: dict[str, Any], values: dict[str, object]) -> list[dict[str, object]]:
    has = {item["name"]: item for item in metadata["inputs"]}
    if "charter_tap" in has:
        has = {name: has[name] for name in ("charter_tap", "max_tokens")}
    return [
        {
            "name": name,
            "datatype": item["datatype"],
            "shape": [1] * len(item["shape"]),
            "data": [values[name]],
        }
        for name, item in has.items()
        if name in values
    ]


def _asked(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    seconds: float = SECONDS,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
