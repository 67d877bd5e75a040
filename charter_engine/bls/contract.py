"""What the inner model takes and gives: told by the deployer's parameters, else read from its own
config.pbtxt."""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^\s*(input|output)\s*:?\s*[\[{]", re.MULTILINE)
_NAME = re.compile(r'\bname\s*:\s*"([^"]+)"')
_BATCH = re.compile(r"^\s*max_batch_size\s*:\s*(\d+)", re.MULTILINE)
_OPENING, _CLOSING = "[{", "]}"

EXCLUDES_PROMPT = "exclude_input_in_output"
"""The input that keeps the prompt out of the output."""

KEEP_INPUT = "num_tokens_to_keep"
"""The input by which an engine forgets what it caches of a sequence behind so many leading tokens
(trtllm-serve, truncate_tokens)."""

SAMPLING = {
    "temperature": ("temperature",),
    "top_k": ("runtime_top_k",),
    "top_p": ("runtime_top_p",),
    "len_penalty": ("len_penalty",),
    "repetition_penalty": ("repetition_penalty",),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "min_tokens": ("min_tokens", "min_length"),
    "seed": ("seed", "random_seed"),
    "end_id": ("end_id",),
    "pad_id": ("pad_id",),
}
"""Our sampling inputs and the engine's names for them, newest first."""


@dataclass(frozen=True)
class InnerContract:
    """Names of the inner model's inputs and outputs; `batched`: its tensors carry a leading batch
    dimension."""

    inputs: frozenset[str]
    outputs: frozenset[str]
    batched: bool
    decoupled: bool = False


def contract_from_parameters(parameters: dict[str, str]) -> InnerContract | None:
    """As the deployer found the live model (`inner_inputs`, `inner_outputs`,
    `inner_max_batch_size`), or None."""
    if not parameters.get("inner_inputs"):
        return None
    return InnerContract(
        inputs=frozenset(parameters["inner_inputs"].split(",")),
        outputs=frozenset(parameters.get("inner_outputs", "").split(",")),
        batched=int(parameters.get("inner_max_batch_size") or 0) > 0,
        decoupled=parameters.get("inner_decoupled") == "true",
    )


def contract_from_config(path: Path) -> InnerContract:
    """Read the text protobuf beside us. Raises `ValueError` naming what is missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(
            "cannot tell what the inner model takes:"
            f" no parameter inner_inputs, and {path}: {error.strerror}"
        ) from None
    names: dict[str, set[str]] = {"input": set(), "output": set()}
    for block in _BLOCK.finditer(text):
        names[block.group(1)].update(_NAME.findall(_enclosed(text, block.end() - 1)))
    batch = _BATCH.search(text)
    return InnerContract(
        inputs=frozenset(names["input"]),
        outputs=frozenset(names["output"]),
        batched=batch is not None and int(batch.group(1)) > 0,
        decoupled=re.search(r"\bdecoupled\s*:\s*true", text, re.IGNORECASE) is not None,
    )


def _enclosed(text: str, start: int) -> str:
    """The text from the bracket at `start` to its counterpart."""
    depth = 0
    for position in range(start, len(text)):
        if text[position] in _OPENING:
            depth += 1
        elif text[position] in _CLOSING:
            depth -= 1
            if depth == 0:
                return text[start:position]
    return text[start:]
