"""Prompts that models of transformers are given: a tokenizer fills a chat template with messages,
and makes token ids of a text."""

from __future__ import annotations

from charter_engine.parser.model_calls.recognise import CallShape, words_of
from charter_engine.parser.values.containers import any_member
from charter_engine.parser.values.values import Box, Value

IDS = "input_ids"


def tokenized(receiver: Value, shape: CallShape) -> Value | None:
    """What a tokenizer makes of the messages or the text that it is given, by these; None for any
    other call."""
    if shape.verb == "to" and (receiver.pieces or is_tokens(receiver.box)):
        return receiver
    if not shape.positional:
        return None
    given = shape.positional[0][1]
    if shape.verb == "apply_chat_template":
        is_record = "return_dict" in shape.keyword_names
        return Value(box=Box("dict", fields={IDS: given})) if is_record else given
    makes_ids = "return_tensors" in shape.keyword_names
    if not makes_ids or words_of(shape.verb)[-1:] not in (("tokenizer",), ("encode",)):
        return None
    text = any_member(given) if given.box is not None and given.box.kind == "list" else given
    if text.pieces is None and text.box is None:
        return None
    return text if shape.verb == "encode" else Value(box=Box("dict", fields={IDS: text}))


def is_tokens(box: Box | None) -> bool:
    """Whether something stands for token ids: the messages of a prompt, or a record of them."""
    return box is not None and (box.kind == "list" or [*box.fields] == [IDS])
