"""The files of the engine's models for a model repository, by profile."""

import json
from pathlib import Path

from charter_engine.embedded.engine.contract import DEFAULT_PROFILE, engine_config_pbtxt
from charter_engine.embedded.engine.llmapi import llmapi_config_pbtxt
from charter_engine.embedded.engine.upstream import STOCK_MODELS, stock_config_pbtxt

MODELS = Path(__file__).parent.parent / "models"
ENGINE_MODEL = "tensorrt_llm"
LLMAPI_PROFILE = "llmapi"


def engine_files(
    engine_directory: Path,
    parameters: dict[str, str] | None = None,
    profile: str = DEFAULT_PROFILE,
    *,
    decoupled: bool = False,
) -> dict[str, bytes]:
    """The model `tensorrt_llm` on the engine path: path in the repository → content."""
    values = {
        "gpt_model_path": str(engine_directory),
        "tokenizer_dir": str(engine_directory),
        **(parameters or {}),
    }
    return {
        f"{ENGINE_MODEL}/config.pbtxt": engine_config_pbtxt(
            values, profile, decoupled=decoupled
        ).encode(),
        f"{ENGINE_MODEL}/1/model.py": (MODELS / ENGINE_MODEL / "1" / "model.py").read_bytes(),
    }


def stock_files(engine_directory: Path, profile: str = DEFAULT_PROFILE) -> dict[str, bytes]:
    """The stock models around `tensorrt_llm`: path in the repository → content.

    An ensemble has no code, but Triton wants its version directory; a `.keep` file holds it.
    """
    files: dict[str, bytes] = {}
    for model in STOCK_MODELS:
        files[f"{model}/config.pbtxt"] = stock_config_pbtxt(
            model, str(engine_directory), profile
        ).encode()
        source = MODELS / model / "1" / "model.py"
        name, content = ("model.py", source.read_bytes()) if source.exists() else (".keep", b"")
        files[f"{model}/1/{name}"] = content
    return files


def llmapi_files(
    engine_directory: Path, model_yaml: dict[str, object] | None = None, *, decoupled: bool = False
) -> dict[str, bytes]:
    """The model `tensorrt_llm` on the llmapi path.

    `model_yaml` adds to its settings (JSON is YAML).
    """
    settings: dict[str, object] = {"model": str(engine_directory), **(model_yaml or {})}
    return {
        f"{ENGINE_MODEL}/config.pbtxt": llmapi_config_pbtxt(decoupled=decoupled).encode(),
        f"{ENGINE_MODEL}/1/model.py": (MODELS / LLMAPI_PROFILE / "1" / "model.py").read_bytes(),
        f"{ENGINE_MODEL}/1/model.yaml": json.dumps(settings, indent=2).encode() + b"\n",
    }
