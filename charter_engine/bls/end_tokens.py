"""Which tokens end a text, by the settings beside a model's tokenizer.

An engine of TensorRT-LLM's knows none by itself: a request that names none runs to its longest. The
rules are those of TensorRT-LLM's LLM API (tensorrt_llm/sampling_params.py,
`SamplingParams._setup`): `end_id` is the tokenizer's own end, of Kimi K2 the one that its
`generation_config.json` names, and `pad_id` the tokenizer's padding, or else `end_id`. Further ends
of `generation_config.json` end a text as stop tokens do. Only where neither names an end, which the
LLM API takes for none, is it that of `config.json`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKENIZER_SETTINGS = "tokenizer_config.json"
GENERATION_SETTINGS = "generation_config.json"
MODEL_SETTINGS = "config.json"
ENDED_BY_GENERATION = "kimi_k2"
"""The type of model whose tokenizer names another end than the one that it writes."""


@dataclass(frozen=True)
class EndTokens:
    """`end_id` ends a text, and so does each of `others`; `pad_id` stands where nothing was
    generated. None, and empty, where the settings name no end."""

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
    ends = _ends(own, generation, model, id_of)
    pads = (*_of_text(own.get("pad_token"), id_of), *ends)
    return EndTokens(
        end_id=ends[0] if ends else None, pad_id=pads[0] if pads else None, others=ends[1:]
    )


def _ends(
    own: dict[str, Any],
    generation: dict[str, Any],
    model: dict[str, Any],
    id_of: Callable[[str], int | None],
) -> tuple[int, ...]:
    """The ends that the settings name, each once, `end_id` first."""
    listed = generation.get("eos_token_id")
    if model.get("model_type") == ENDED_BY_GENERATION and _ids(listed) == (listed,):
        return _ids(listed)
    named = (*_of_text(own.get("eos_token"), id_of), *_ids(listed))
    return tuple(dict.fromkeys(named or _ids(model.get("eos_token_id"))))


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
