"""Rules added from a configuration: a pattern that must not occur in prompts.

[lint]
off = ["text-repeated"]

[[lint.rules]]
id = "no-customer-names"
pattern = "customer_name"
where = "variable"          # static, variable, or any
severity = "error"
message = "customer names must not reach a shared prefix"
remedy = "use the account number"
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from charter_engine.analysis.lint.catalogue import RULES
from charter_engine.analysis.lint.subject import Subject
from charter_engine.contracts.lint import Finding, Severity


class InvalidLintConfig(ValueError):
    """A `[lint]` table that cannot be used."""


class CustomRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A pattern looked for in the text of static segments, in what fills the others, or in both."""

    id: str
    pattern: str
    message: str
    remedy: str = ""
    where: Literal["static", "variable", "any"] = "any"
    severity: Severity = "warning"


Positive = Annotated[int, Meta(ge=1)]


class LintConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The `[lint]` table: rules switched off, rules added, and the limits of the built-in ones."""

    off: tuple[str, ...] = ()
    rules: tuple[CustomRule, ...] = ()
    least_tokens: Positive = 8
    tokens_per_block: Positive = 32


def read_lint_config(table: object) -> LintConfig:
    """Check what a file has as its `[lint]` table.

    Raises `InvalidLintConfig` naming the key, and the nearest rule for an unknown one.
    """
    try:
        config = msgspec.convert(table, LintConfig)
    except msgspec.ValidationError as error:
        raise InvalidLintConfig(f"[lint] {error}") from None
    known = [*RULES, *(rule.id for rule in config.rules)]
    for rule in config.off:
        if rule not in known:
            near = get_close_matches(rule, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; rules are {', '.join(known)}"
            raise InvalidLintConfig(f"[lint] off: there is no rule {rule}{hint}")
    for custom in config.rules:
        if custom.id in RULES:
            raise InvalidLintConfig(
                f"[lint] rule {custom.id} exists already; give yours another id"
            )
        try:
            re.compile(custom.pattern)
        except re.error as error:
            raise InvalidLintConfig(
                f"[lint] rule {custom.id}: {custom.pattern!r} is no pattern: {error}"
            ) from None
    return config


def custom_findings(subject: Subject, rule: CustomRule) -> Iterator[Finding]:
    """Where a prompt matches an added rule."""
    pattern = re.compile(rule.pattern)
    for call in subject.compiled.calls:
        for segment in call.segments:
            static = segment.kind == "static"
            if rule.where != "any" and (rule.where == "static") != static:
                continue
            text = segment.text if static else f"{segment.name} {segment.expression}"
            if pattern.search(text):
                line = segment.line or call.line
                yield Finding(
                    rule=rule.id,
                    severity=rule.severity,
                    confidence="certain",
                    path=subject.compiled.path,
                    line=line,
                    column=1,
                    end_line=line,
                    message=rule.message,
                    remedy=rule.remedy,
                    node=call.id,
                    tokens_per_call=segment.tokens,
                )
