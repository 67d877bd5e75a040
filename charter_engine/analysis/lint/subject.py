"""What the rules look at: a compiled file with its source and syntax tree."""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from charter_engine.analysis.lint.catalogue import RULES
from charter_engine.contracts.graph import Call, CompiledFile, Segment
from charter_engine.contracts.lint import Confidence, Finding
from charter_engine.parser.source.reading import parse_quietly
from charter_engine.parser.source.symbols import walk
from charter_engine.prompts.parts import LABEL_CHARACTERS, is_constant, messages, movable_groups

Seen = TypeVar("Seen")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
AssignmentNode = ast.Assign | ast.AnnAssign
FUNCTIONS = frozenset((ast.FunctionDef, ast.AsyncFunctionDef))
ASSIGNMENTS = frozenset((ast.Assign, ast.AnnAssign))
IMPORTS = frozenset((ast.Import, ast.ImportFrom))
STEPS = 4
"""Assumed: names and helpers that a value goes through; each multiplies what is looked at."""

shared_tree = lru_cache(maxsize=1)(parse_quietly)
"""The tree of the source under the lint, which the rules and a rewrite look at, and nobody changes.
Raises what `ast.parse` does."""


@dataclass(frozen=True)
class Subject:
    """One file under the lint. `tokens_per_block` is that of the deployment the prompts are for."""

    compiled: CompiledFile
    source: str
    tokens_per_block: int = 32
    least_tokens: int = 8
    lines: tuple[str, ...] = field(init=False)
    _walked: dict[ast.AST, tuple[ast.AST, ...]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    _assigned: dict[ast.AST, dict[str, list[AssignmentNode]]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    _seen: dict[Callable[["Subject"], Any], Any] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", tuple(self.source.splitlines()))

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; an empty module where the source does not parse (the compiler says so
        already)."""
        try:
            return shared_tree(self.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ast.Module(body=[], type_ignores=[])

    def walk(self, node: ast.AST) -> tuple[ast.AST, ...]:
        """A node of the tree and all below it, in the order of `ast.walk`, without the signs."""
        # Many rules look at the same functions, and walking is most of what they cost.
        found = self._walked.get(node)
        if found is None:
            found = self._walked[node] = tuple(walk(node))
        return found

    def once(self, look: Callable[["Subject"], Seen]) -> Seen:
        """What a look at the file gives, which several rules take."""
        if look not in self._seen:
            self._seen[look] = look(self)
        found: Seen = self._seen[look]
        return found

    @cached_property
    def functions(self) -> tuple[FunctionNode, ...]:
        nodes: Any = [node for node in self.walk(self.tree) if type(node) in FUNCTIONS]
        return tuple(nodes)

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """The calls of the file, of functions of any kind."""
        return tuple(node for node in self.walk(self.tree) if type(node) is ast.Call)

    @cached_property
    def imports(self) -> dict[str, str]:
        """Names that the file imports under another, with what they stand for."""
        return {
            alias.asname: f"{node.module}.{alias.name}"
            if isinstance(node, ast.ImportFrom)
            else alias.name
            for node in self.walk(self.tree)
            if type(node) in IMPORTS and isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            if alias.asname
        }

    def imported_name(self, name: str) -> str:
        """A dotted name with what its first part was imported as."""
        first, dot, rest = name.partition(".")
        return f"{self.imports.get(first, first)}{dot}{rest}"

    def function_at(self, line: int) -> FunctionNode | None:
        """The innermost function around a line."""
        around = [
            node
            for node in self.functions
            if node.lineno <= line <= (node.end_lineno or node.lineno)
        ]
        return max(around, key=lambda node: node.lineno, default=None)

    def origin(self, expression: str, line: int) -> ast.expr | None:
        """The expression a value comes from: names are followed to what the function assigned them
        last before `line`, a few steps deep."""
        try:
            node: ast.expr = ast.parse(expression, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        function = self.function_at(line)
        for _ in range(STEPS):
            item = node
            if isinstance(item, ast.Subscript):
                item = item.value
            if not isinstance(item, ast.Name) or function is None:
                break
            assigned = _last(self.assigned(function).get(item.id, ()), line)
            if assigned is not None and isinstance(node, ast.Subscript):
                assigned = _member(assigned, node.slice)
            if assigned is None:
                break
            node = assigned
        return node

    def assigned(self, function: FunctionNode) -> dict[str, list[AssignmentNode]]:
        """What a function assigns to names, by these."""
        found = self._assigned.get(function)
        if found is None:
            found = self._assigned[function] = assigned_in(self.walk(function))
        return found

    def constants(self, name: str) -> list[ast.expr]:
        """What the file's top level gives a name."""
        value = _last(assigned_in(self.tree.body).get(name, ()), len(self.lines))
        return [value] if value is not None else []

    def filled(self, call: Call) -> Iterator[tuple[int, Segment]]:
        """The segments of a prompt that are not the same in every call, with their index."""
        return (
            (index, segment)
            for index, segment in enumerate(call.segments)
            if not is_constant(segment)
        )

    def static_tokens_after(self, call: Call, index: int) -> int:
        """Tokens of static text behind a segment, in its message, that could stand before it: short
        words that share a line with what varies, labels, and the closing cue are left out."""
        segments = call.segments
        message = next(indices for indices in messages(segments) if index in indices)
        if segments[index].each_turn:
            return 0
        behind = [
            position
            for group in movable_groups(segments, message)
            for position in group
            if position > index
            and segments[position].kind == "static"
            and (len(segments[position].text) > LABEL_CHARACTERS or _is_static(segments, group))
        ]
        return sum(
            segments[position].tokens or 0
            for position in behind
            if position != len(segments) - 1 or not _is_cue(segments[position])
        )

    def finding(
        self,
        rule: str,
        line: int,
        *,
        message: str = "",
        confidence: Confidence = "certain",
        reason: str = "",
        node: str = "",
        tokens: int | None = None,
        end_line: int | None = None,
        fixable: bool = False,
    ) -> Finding:
        """A finding of `rule`; the rule's own words where no message is given."""
        known = RULES[rule]
        return Finding(
            rule=rule,
            severity=known.severity,
            confidence=confidence,
            path=self.compiled.path,
            line=line,
            column=1,
            end_line=end_line or line,
            message=message or known.title,
            remedy=known.remedy,
            confidence_reason=reason,
            node=node,
            tokens_per_call=tokens,
            fixable=fixable and known.fixable and confidence == "certain",
        )


def _is_static(segments: Sequence[Segment], group: Sequence[int]) -> bool:
    return all(segments[index].kind == "static" for index in group)


def _is_cue(segment: Segment) -> bool:
    """A short closing text that asks for the answer."""
    return "\n" not in segment.text.strip() and segment.text.rstrip().endswith(":")


def assigned_in(nodes: Iterable[ast.AST]) -> dict[str, list[AssignmentNode]]:
    """The assignments among some nodes, by the names that they are to."""
    found: dict[str, list[AssignmentNode]] = {}
    for node in nodes:
        if type(node) not in ASSIGNMENTS:
            continue
        assert isinstance(node, AssignmentNode)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for name in {target.id for target in targets if isinstance(target, ast.Name)}:
            found.setdefault(name, []).append(node)
    return found


def _last(assignments: Sequence[AssignmentNode], line: int) -> ast.expr | None:
    """What the last of some assignments gives that stand up to a line."""
    given = (node.value for node in reversed(assignments) if node.lineno <= line)
    return next((value for value in given if value is not None), None)


def _member(node: ast.expr, key: ast.expr) -> ast.expr | None:
    """What a dict that is written out has under a key."""
    if not isinstance(node, ast.Dict) or not isinstance(key, ast.Constant):
        return None
    pairs = zip(node.keys, node.values, strict=True)
    found = (
        value for name, value in pairs if isinstance(name, ast.Constant) and name.value == key.value
    )
    return next(found, None)


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of names and attributes; calls in the chain are written `a()`; empty for
    others."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else node.attr
    if isinstance(node, ast.Call):
        return f"{dotted(node.func)}()"
    return ""
