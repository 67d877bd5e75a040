"""Where the files of Triton's model are, as far as they are on this machine."""

import asyncio
from pathlib import Path

from charter_engine.contracts.connection import TritonOptions
from charter_engine.errors import CharterError
from charter_engine.gateway.model import ServedModel, read_model
from charter_engine.triton.client import TritonClient
from charter_engine.triton.model_config import parameters_of
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL


async def find_model(
    client: TritonClient, options: TritonOptions, context: int | None
) -> ServedModel:
    """What is known of the model that `charter_bls` calls.

    Its tokenizer is where the options say, else where `charter_bls` or the engine says.
    Raises `CharterError` where `charter_bls` is not there.
    """
    await _require_bls(client)
    bls = parameters_of(await client.config(BLS_MODEL))
    inner = bls.get("inner_model") or ENGINE_MODEL
    engine = parameters_of(await client.config(inner))
    # charter_bls itself takes the directory as seen from its own.
    base = (options.repository or Path()) / BLS_MODEL
    named = bls.get("tokenizer_dir") or engine.get("tokenizer_dir")
    tokenizer = options.tokenizer or (base / named if named else None)
    path = engine.get("gpt_model_path")
    return await asyncio.to_thread(read_model, tokenizer, Path(path) if path else None, context)


async def _require_bls(client: TritonClient) -> None:
    if not await client.is_model_ready(BLS_MODEL):
        raise CharterError(
            f"{client.connection.url}: the model {BLS_MODEL} is not ready there",
            remedy="charter-engine push installs it with a plan",
            kind="refused",
        )
