"""A codemod that puts the constant paragraphs of a prompt before those that vary.

Only a prompt that stands in one string is touched: an f-string whose fields have no effects, or a
template constant that nothing else uses. Paragraphs are what blank lines separate; the separators
stay where they are, and a closing constant paragraph stays last.
"""

import re
from collections.abc import Sequence

import libcst as cst

from charter_engine.analysis.lint.passages import BLANK_LINE, prompt_strings
from charter_engine.contracts.graph import Call

_POINTS_ELSEWHERE = re.compile(
    r"\b(above|below|preceding|previous|earlier|former|latter)\b", re.IGNORECASE
)
_FOLLOWING = re.compile(r"\bfollowing\b", re.IGNORECASE)
_FIELD = re.compile(r"(?<!\{)\{(?!\{)([^{}!:]*)(?:![rsa])?(?::[^{}]*)?\}(?!\})")

FormattedPart = cst.BaseFormattedStringContent
Paragraph = tuple[FormattedPart, ...]


def constant_text_first(call: Call, source: str) -> str:
    """The source with the one string reordered that holds the call's prompt; as it was where there
    is no such string. Raises `Unreadable`."""
    reordering = ConstantTextFirst(call)
    # The last comes first, so that the places of the others stay what they are.
    for start, end in prompt_strings(call.path, source):
        string = cst.parse_expression(f"({source[start:end]})")
        source = source[:start] + _code(reordering.reordered(string))[1:-1] + source[end:]
    return source


class ConstantTextFirst(cst.CSTTransformer):
    """Reorders the paragraphs of a string if it holds the call's prompt."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._varying = {
            _plain(segment.expression or segment.name)
            for segment in call.segments
            if _fills(segment.kind)
        }
        self._statics = "".join(
            segment.text for segment in call.segments if segment.kind == "static"
        )

    def reordered(self, string: cst.BaseExpression) -> cst.CSTNode:
        """An f-string, or a template's plain string, with its constant paragraphs first."""
        if isinstance(string, cst.SimpleString):
            return self._reordered_template(string) or string
        changed = string.visit(self)
        assert isinstance(changed, cst.CSTNode)
        return changed

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.FormattedString:
        fields = [
            part for part in updated_node.parts if isinstance(part, cst.FormattedStringExpression)
        ]
        sources = {_plain(_code(field.expression)) for field in fields}
        if not sources & self._varying or not all(
            _has_no_effects(field.expression) for field in fields
        ):
            return updated_node
        texts = [
            part.value for part in updated_node.parts if isinstance(part, cst.FormattedStringText)
        ]
        if not all(self._belongs(text) for text in texts):
            return updated_node
        paragraphs, separators = _paragraphs(
            updated_node.parts, multiline='"""' in updated_node.start or "'''" in updated_node.start
        )
        order = _constant_first([self._varies(paragraph) for paragraph in paragraphs])
        if not _may_move(["".join(map(_code, paragraph)) for paragraph in paragraphs], order):
            return updated_node
        parts: list[FormattedPart] = []
        for position, index in enumerate(order):
            parts.extend(paragraphs[index])
            if position < len(separators):
                parts.append(cst.FormattedStringText(separators[position]))
        return updated_node.with_changes(parts=_joined(parts))

    def _reordered_template(self, string: cst.SimpleString) -> cst.SimpleString | None:
        text = string.raw_value
        fields = {field.strip() for field in _FIELD.findall(text)}
        if not fields or not all(self._belongs(piece) for piece in _FIELD.split(text)[::2]):
            return None
        pieces = BLANK_LINE[len(string.quote) == 3].split(text)
        paragraphs, separators = pieces[::2], pieces[1::2]
        order = _constant_first([bool(_FIELD.search(paragraph)) for paragraph in paragraphs])
        if not _may_move(paragraphs, order):
            return None
        ordered = [paragraphs[index] for index in order]
        body = "".join(a + b for a, b in zip(ordered, [*separators, ""], strict=True))
        return string.with_changes(value=f"{string.prefix}{string.quote}{body}{string.quote}")

    def _belongs(self, raw: str) -> bool:
        """Whether a piece of source text is part of this call's prompt."""
        text = raw.replace("\\n", "\n").replace("{{", "{").replace("}}", "}").strip()
        return not text or all(line.strip() in self._statics for line in text.splitlines())

    def _varies(self, paragraph: Paragraph) -> bool:
        return any(
            isinstance(part, cst.FormattedStringExpression)
            and _plain(_code(part.expression)) in self._varying
            for part in paragraph
        )


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _fills(kind: str) -> bool:
    return kind != "static"


def _plain(expression: str) -> str:
    return expression.replace('"', "'").replace(" ", "")


def _has_no_effects(expression: cst.BaseExpression) -> bool:
    """Names, attributes and subscripts: nothing whose order of evaluation could matter."""
    if isinstance(expression, cst.Attribute):
        return _has_no_effects(expression.value)
    if isinstance(expression, cst.Subscript):
        return _has_no_effects(expression.value)
    return isinstance(expression, cst.Name)


def _paragraphs(
    parts: Sequence[FormattedPart], *, multiline: bool
) -> tuple[list[Paragraph], list[str]]:
    paragraphs: list[list[FormattedPart]] = [[]]
    separators: list[str] = []
    for part in parts:
        if not isinstance(part, cst.FormattedStringText):
            paragraphs[-1].append(part)
            continue
        pieces = BLANK_LINE[multiline].split(part.value)
        for index, piece in enumerate(pieces):
            if index % 2:
                separators.append(piece)
                paragraphs.append([])
            elif piece:
                paragraphs[-1].append(cst.FormattedStringText(piece))
    return [tuple(paragraph) for paragraph in paragraphs], separators


def _constant_first(varies: Sequence[bool]) -> list[int]:
    """Indices in the new order: constant, then varying; a constant paragraph at the end is the cue
    and stays there."""
    last = len(varies) - 1
    body = [index for index in range(len(varies)) if index != last or varies[last]]
    cue = [] if varies[last] else [last]
    return [*sorted(body, key=lambda index: varies[index]), *cue]


def _may_move(paragraphs: Sequence[str], order: Sequence[int]) -> bool:
    """Whether no paragraph that changes its place points to where another stands, and any does
    change its place."""
    moved = [paragraphs[index] for position, index in enumerate(order) if index != position]
    return bool(moved) and not any(_points_elsewhere(paragraph) for paragraph in moved)


def _points_elsewhere(paragraph: str) -> bool:
    if _POINTS_ELSEWHERE.search(paragraph):
        return True
    return bool(_FOLLOWING.search(paragraph)) and paragraph.rstrip().endswith(":")


def _joined(parts: Sequence[FormattedPart]) -> list[FormattedPart]:
    """Neighbouring texts as one, the way the parser gives them."""
    joined: list[FormattedPart] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, cst.FormattedStringText) and isinstance(last, cst.FormattedStringText):
            joined[-1] = cst.FormattedStringText(last.value + part.value)
        else:
            joined.append(part)
    return joined
