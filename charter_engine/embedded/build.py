"""Writes engine directories: `charter-engine triton build`.

As `trtllm-build` does for TensorRT-LLM.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import msgspec

from charter_engine.bls.end_tokens import GENERATION_SETTINGS
from charter_engine.embedded.engine.checkpoint import WEIGHTS_FILE, checkpoint_spec
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.spec import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    EngineSpec,
    check_spec,
    encode_spec,
    read_spec,
)
from charter_engine.embedded.engine.tokenizer import tokenizer_path, vocabulary_size
from charter_engine.files import replacing, write_atomically
from charter_engine.triton.errors import InvalidInput

TOKENIZER_FILES = ("tokenizer_config.json", "chat_template.jinja", GENERATION_SETTINGS)
"""What says, beside a tokenizer, how a chat is written and what ends a text."""


def build_engine(
    directory: Path, spec: EngineSpec, tokenizer: Path | None = None, weights: Path | None = None
) -> Path:
    """Write the engine's files into `directory`, and return it.

    They are `config.json`, `tokenizer.json` and, where given, `model.safetensors`.

    Each file appears whole or not at all, `config.json` last. Raises `EngineConfigError` for a
    specification that cannot be built, a tokenizer that does not fit it, or a directory that cannot
    be written.
    """
    check_spec(spec)
    source = tokenizer or tokenizer_path()
    size = vocabulary_size(source)
    if size > spec.pretrained_config.vocab_size:
        raise EngineConfigError(
            f"{source} has {size} tokens and the model {spec.pretrained_config.vocab_size}: "
            f"set vocab_size to {size}"
        )
    if weights is not None:
        spec = msgspec.structs.replace(
            spec,
            reference_engine=msgspec.structs.replace(spec.reference_engine, weights=weights.name),
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_atomically(directory / TOKENIZER_FILE, source.read_bytes())
        if weights is not None:
            _place_copy(directory / weights.name, weights)
        write_atomically(directory / CONFIG_FILE, encode_spec(spec))
    except OSError as error:
        raise EngineConfigError(
            f"{error.filename or directory} cannot be written ({error.strerror}): "
            "choose another directory or free some space"
        ) from error
    return directory


def build_from_checkpoint(directory: Path, checkpoint: Path, tokens_per_block: int = 32) -> Path:
    """Write an engine directory from a Llama-family checkpoint.

    It gets `config.json`, `model.safetensors` and `tokenizer.json`, and what says how chats are
    written and what ends a text, where that is there.

    Raises `EngineConfigError` naming the file that is missing or cannot be served.
    """
    for name in (WEIGHTS_FILE, TOKENIZER_FILE):
        if not (checkpoint / name).is_file():
            raise EngineConfigError(
                f"{checkpoint / name} is missing; a checkpoint in several shards is not supported"
            )
    built = build_engine(
        directory,
        checkpoint_spec(checkpoint, tokens_per_block),
        tokenizer=checkpoint / TOKENIZER_FILE,
        weights=checkpoint / WEIGHTS_FILE,
    )
    _copy_tokenizer_files(checkpoint, built)
    if not (checkpoint / GENERATION_SETTINGS).is_file():
        write_atomically(built / GENERATION_SETTINGS, _generation_settings(checkpoint))
    return built


def _generation_settings(checkpoint: Path) -> bytes:
    """What a model's `config.json` says of how texts end, as `transformers` takes it for a model
    without settings of its own for generation: an engine has another `config.json`."""
    config = msgspec.json.decode((checkpoint / CONFIG_FILE).read_bytes(), type=dict[str, Any])
    named = {name: config[name] for name in ("eos_token_id", "pad_token_id") if name in config}
    return msgspec.json.encode(named)


def _copy_tokenizer_files(source: Path, target: Path) -> None:
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            _place_copy(target / name, source / name)


def _place_copy(path: Path, source: Path) -> None:
    if path.exists() and path.samefile(source):
        return
    with replacing(path) as file, source.open("rb") as original:
        shutil.copyfileobj(original, file)


def rebuild_engine(tokens_per_block: int, directory: Path) -> Path:
    """An engine like the one in `directory` with other `tokens_per_block`, beside it; built unless
    it is there.

    Only the reference engine can be built here. Raises `InvalidInput` for another, or a size it
    cannot have.
    """
    try:
        spec = read_spec(directory)
        if spec.tokens_per_block == tokens_per_block:
            return directory
        wanted = spec.with_tokens_per_block(tokens_per_block)
        target = directory.with_name(
            f"{re.sub(r'-tpb[0-9]+$', '', directory.name)}-tpb{tokens_per_block}"
        )
        if target.is_dir() and read_spec(target) == wanted:
            return target
        return build_like(directory, target, tokens_per_block)
    except (EngineConfigError, msgspec.ValidationError) as error:
        raise InvalidInput(
            f"no engine with tokens_per_block {tokens_per_block} can be built from {directory}: "
            f"{error}",
            remedy=f"trtllm-build --tokens_per_block {tokens_per_block}, "
            "then point gpt_model_path at its output",
        ) from None


def build_like(engine: Path, directory: Path, tokens_per_block: int) -> Path:
    """Write into `directory` an engine like another, but for the size of its blocks, and return it.
    Raises `EngineConfigError`."""
    spec = read_spec(engine)
    name = spec.reference_engine.weights
    built = build_engine(
        directory,
        spec.with_tokens_per_block(tokens_per_block),
        engine / TOKENIZER_FILE,
        engine / name if name else None,
    )
    _copy_tokenizer_files(engine, built)
    return built
