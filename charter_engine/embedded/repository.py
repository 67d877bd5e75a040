"""Writes model repositories: the embedded engine's, and `charter_bls` into any."""

from collections.abc import Mapping
from pathlib import Path

import charter_engine.bls as bls_package
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK

MODELS = Path(__file__).with_name("models")
ENGINE_MODEL = "tensorrt_llm"
BLS_MODEL = "charter_bls"
BLS_PACKAGE = "charter_bls_model"


def bls_files() -> dict[str, bytes]:
    """What `charter_bls` consists of, by path inside a model repository.

    Its plan and parameters are still unset.

    Everything the model needs besides numpy and `tokenizers` lies in its version directory.
    """
    source = MODELS / BLS_MODEL
    modules = sorted(Path(bls_package.__path__[0]).glob("*.py"))
    return {
        f"{BLS_MODEL}/config.pbtxt": (source / "config.pbtxt").read_bytes(),
        f"{BLS_MODEL}/1/model.py": (source / "1" / "model.py").read_bytes(),
        **{f"{BLS_MODEL}/1/{BLS_PACKAGE}/{module.name}": module.read_bytes() for module in modules},
    }


def write_bls_model(
    repository: Path,
    *,
    tokenizer: Path | None,
    tokens_per_block: int | None = None,
    decoupled: bool = False,
    keeps_prompts: bool = True,
) -> None:
    """Put `charter_bls` with an empty plan beside the engine's model. `keeps_prompts` False has it
    keep no recent prompts in memory."""
    from charter_engine.triton.model_config import edit_parameters

    files = bls_files()
    parameters = {
        "charter_revision": "0",
        "tokenizer_dir": str(tokenizer) if tokenizer else None,
        "tokens_per_block": str(tokens_per_block) if tokens_per_block else None,
        "recent_prompts_bytes": None if keeps_prompts else "0",
    }
    config = f"{BLS_MODEL}/config.pbtxt"
    text = (
        files[config].decode()
        + f"model_transaction_policy {{ decoupled: {str(decoupled).lower()} }}\n"
    )
    files[config] = edit_parameters(text, parameters, config).encode()
    write_files(repository, files)


def write_embedded_repository(
    repository: Path,
    *,
    tokens_per_block: int = DEFAULT_TOKENS_PER_BLOCK,
    parameters: Mapping[str, str] | None = None,
    profile: str | None = None,
    decoupled: bool = False,
    engine_directory: Path | None = None,
    stock: bool = False,
    keeps_prompts: bool = True,
) -> Path:
    """A repository with the reference engine and, on the engine path, `charter_bls`. Returns it.

    Builds an engine directory beside the models unless one is given. `parameters` are those of
    TensorRT-LLM's `tensorrt_llm` model; `profile` imitates an older release, or `llmapi`; `stock`
    adds TensorRT-LLM's own models around the engine; `keeps_prompts` is as for `write_bls_model`.
    """
    from charter_engine.embedded.build import build_engine
    from charter_engine.embedded.engine.contract import DEFAULT_PROFILE
    from charter_engine.embedded.engine.repository_files import (
        LLMAPI_PROFILE,
        engine_files,
        llmapi_files,
        stock_files,
    )
    from charter_engine.embedded.engine.spec import EngineSpec, read_spec

    # What the models name must hold from any directory.
    engine = engine_directory or repository.resolve().parent / engine_directory_name(
        tokens_per_block
    )
    if engine_directory is None:
        build_engine(engine, EngineSpec().with_tokens_per_block(tokens_per_block))
    release = profile or DEFAULT_PROFILE
    if release == LLMAPI_PROFILE:
        write_files(repository, llmapi_files(engine, decoupled=decoupled))
        return repository
    write_files(
        repository, engine_files(engine, dict(parameters or {}), release, decoupled=decoupled)
    )
    if stock:
        write_files(repository, stock_files(engine, release))
    block = read_spec(engine).tokens_per_block
    write_bls_model(
        repository,
        tokenizer=engine,
        tokens_per_block=block,
        decoupled=decoupled,
        keeps_prompts=keeps_prompts,
    )
    return repository


def write_files(repository: Path, files: Mapping[str, bytes]) -> None:
    """Write files by path inside a repository. Raises `OSError` with the path of what cannot be
    written."""
    for path, content in files.items():
        target = repository / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise OSError(error.errno, error.strerror, error.filename or str(target)) from None


def engine_directory_name(tokens_per_block: int) -> str:
    """The name of an engine directory beside a repository, by what distinguishes builds."""
    return f"engine-tpb{tokens_per_block}"
