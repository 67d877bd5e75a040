"""Writes engine directories: `charter-engine triton build`.

As `trtllm-build` does for TensorRT-LLM.
"""

import re
import shutil
from pathlib import Path

import msgspec

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
from charter_engine.embedded.engine.tokenizer import engine_tokenizer, tokenizer_path
from charter_engine.files import replacing, write_atomically
from charter_engine.triton.errors import InvalidInput

CHAT_FILES = ("tokenizer_config.json", "chat_template.jinja")
"""What says how a chat is written, beside a tokenizer."""


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
    size = engine_tokenizer(source).get_vocab_size()
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
    written, where that is there.

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
    for name in CHAT_FILES:
        if (checkpoint / name).is_file():
            _place_copy(built / name, checkpoint / name)
    return built


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
        name = spec.reference_engine.weights
        weights = directory / name if name else None
        return build_engine(target, wanted, directory / TOKENIZER_FILE, weights)
    except (EngineConfigError, msgspec.ValidationError) as error:
        raise InvalidInput(
            f"no engine with tokens_per_block {tokens_per_block} can be built from {directory}: "
            f"{error}",
            remedy=f"trtllm-build --tokens_per_block {tokens_per_block}, "
            "then point gpt_model_path at its output",
        ) from None
