"""Whether the server runs what was meant: its own configuration read back, and a request
answered."""

import asyncio
import time

from charter_engine.bls.retention import SegmentRange, SegmentRetention
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import ModelFailed, TritonRefused, Unreachable
from charter_engine.triton.files import Contents
from charter_engine.triton.model_config import (
    config_text,
    differing_fields,
    parameters_in,
    parameters_of,
    parse_config,
)
from charter_engine.triton.release import (
    BLS_CONFIG,
    CONFIG_OF,
    REVISION_PARAMETER,
    Release,
    stamp_of,
)
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL, GenerateRequest

PROBE_TEXT = "Charter asks whether this model answers."
PROBE_TOKENS = tuple(range(200, 232))
"""Ordinary tokens of any tokenizer: what is special stands at its beginning or its end."""
PROBE_RUN = "charter-probe"
"""By which a reader of the tap tells it from what programs send."""
PROBE_SECONDS = 120.0
"""Assumed: a probe of a few tokens waits at most behind the longest requests that run."""
POLL_SECONDS = 0.1
"""At once, to the eye."""


async def release(client: TritonClient, wanted: Release) -> tuple[str, ...]:
    """Check every model the release concerns, then ask one token of it. Raises `ModelFailed`;
    returns what held."""
    held = []
    for model in wanted.loads:
        await require(client, model, wanted.files)
        held.append(f"{model} shows its new configuration")
    for model in wanted.unloads:
        await require_gone(client, model)
        held.append(f"{model} is unloaded")
    asked = await answers(client, wanted.files)
    return (*held, f"{asked} answered a request")


async def answers(client: TritonClient, contents: Contents) -> str:
    """Ask one token, under the revision in the contents where they have `charter_bls`; which model
    answered. Raises `ModelFailed`."""
    if contents.get(BLS_CONFIG) is not None:
        answer = await client.generate(_probe_request(), seconds=PROBE_SECONDS)
        number = parameters_in(contents[BLS_CONFIG], BLS_CONFIG).get(REVISION_PARAMETER)
        if number is not None and str(answer.revision) != number:
            raise ModelFailed(
                f"{BLS_MODEL} answered under revision {answer.revision}, not {number}"
            )
        return BLS_MODEL
    in_tokens = "input_ids" in (await client.contract(ENGINE_MODEL)).inputs
    request = GenerateRequest(
        text=None if in_tokens else PROBE_TEXT,
        token_ids=PROBE_TOKENS if in_tokens else (),
        max_tokens=1,
    )
    await client.generate(request, model=ENGINE_MODEL, seconds=PROBE_SECONDS)
    return ENGINE_MODEL


async def require(client: TritonClient, model: str, contents: Contents) -> None:
    """Raises `ModelFailed` naming the first field in which the live configuration differs from the
    contents."""
    differing = await _differing(client, model, contents)
    if differing:
        key, (wanted, live) = next(iter(differing.items()))
        raise ModelFailed(f"Triton loaded {model}, but shows {key} {live!r} instead of {wanted!r}")
    if not await client.is_model_ready(model):
        raise ModelFailed(f"Triton loaded {model}, but it is not ready")


async def shows(client: TritonClient, model: str, contents: Contents) -> bool:
    """Whether the model is ready with the configuration in the contents."""
    try:
        return not await _differing(client, model, contents) and await client.is_model_ready(model)
    except (TritonRefused, ModelFailed):
        return False


async def require_gone(client: TritonClient, model: str) -> None:
    """Wait until a model that was unloaded is gone. Raises `ModelFailed`."""
    deadline = time.monotonic() + PROBE_SECONDS
    while await client.is_model_ready(model):
        if time.monotonic() > deadline:
            raise ModelFailed(f"{model} is still loaded")
        await asyncio.sleep(POLL_SECONDS)


async def stamp(client: TritonClient) -> str | None:
    """What tells the live push from every other; None where `charter_bls` is not served."""
    try:
        return stamp_of(parameters_of(await client.config(BLS_MODEL)))
    except (TritonRefused, ModelFailed):
        return None


async def wait_until_reachable(client: TritonClient, seconds: float) -> None:
    """Wait for a server that is being restarted. Raises `Unreachable`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            await client.index()
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(POLL_SECONDS)
        else:
            return


def _probe_request() -> GenerateRequest:
    """One token, kept in the cache with the lowest priority so that it displaces nothing."""
    return GenerateRequest(
        text=PROBE_TEXT,
        max_tokens=1,
        run=PROBE_RUN,
        retention=SegmentRetention(ranges=(SegmentRange(priority=0),), decode_priority=0),
    )


async def _differing(
    client: TritonClient, model: str, contents: Contents
) -> dict[str, tuple[str | None, str | None]]:
    content = contents[CONFIG_OF[model]]
    assert content is not None
    return differing_fields(
        parse_config(config_text(content), CONFIG_OF[model]), await client.config(model)
    )
