"""Which tokens end a text, by the settings beside a model's tokenizer.

An engine of TensorRT-LLM's knows none by itself: a request that names none runs to its longest. The
rules are those of TensorRT-LLM's LLM API (sampling_params.py, `SamplingParams._setup`): the
tokenizer's own end first, and beside it what the model's `generation_config.json` lists.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKENIZER_SETTINGS = "tokenizer_config.json"
GENERATION_SETTINGS = "generation_config.json"
MODEL_SETTINGS = "config.json"


@dataclass(frozen=True)
class EndTokens:
    """`end_id` ends a text, and so does each of `others`; `pad_id` stands where nothing was
    generated. None, and empty, where the settings name none."""

    end_id: int | None = None
    pad_id: int | None = None
    others: tuple[int, ...] = ()


def read_end_tokens(tokenizer: Path, id_of: Callable[[str], int | None]) -> EndTokens:
    """What the settings beside a `tokenizer.json` name, or those in the directory that holds one;
    `id_of` gives the id of a token by its text. A file that is missing or cannot be read names
    nothing."""
    directory = tokenizer if tokenizer.is_dir() else tokenizer.parent
    own = _settings(directory / TOKENIZER_SETTINGS)
    generation = _settings(directory / GENERATION_SETTINGS)
    model = _settings(directory / MODEL_SETTINGS)
    listed = _ids(generation.get("eos_token_id")) or _ids(model.get("eos_token_id"))
    ends = list(dict.fromkeys((*_of_text(own.get("eos_token"), id_of), *listed)))
    pads = (
        *_of_text(own.get("pad_token"), id_of),
        *_ids(generation.get("pad_token_id")),
        *_ids(model.get("pad_token_id")),
    )
    return EndTokens(
        end_id=ends[0] if ends else None,
        pad_id=pads[0] if pads else None,
        others=tuple(ends[1:]),
    )


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _ids(value: object) -> tuple[int, ...]:
    """Ids as Hugging Face writes them: one, or a list."""
    values = value if isinstance(value, list) else [value]
    return tuple(item for item in values if type(item) is int and item >= 0)


def _of_text(token: object, id_of: Callable[[str], int | None]) -> tuple[int, ...]:
    """A token's text may stand in an object, with how it is told apart from its surroundings."""
    text = token.get("content") if isinstance(token, dict) else token
    found = id_of(text) if isinstance(text, str) else None
    return () if found is None else (found,)
