"""Findings of the prompt lint."""

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "note"]
Confidence = Literal["certain", "uncertain"]


class Finding(Struct, frozen=True, kw_only=True):
    """One place where a prompt wastes its cache. `tokens_per_call` is what it costs; None where
    unknown."""

    rule: str
    severity: Severity
    confidence: Confidence
    path: str
    line: int
    column: int
    end_line: int
    message: str
    remedy: str
    confidence_reason: str = ""
    node: str = ""
    tokens_per_call: int | None = None
    fixable: bool = False
