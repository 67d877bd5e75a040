"""Codemods that give what is written into a prompt a fixed order."""

import libcst as cst
from libcst.metadata import PositionProvider

from charter_engine.contracts.lint import Finding


class SortedValues(cst.CSTTransformer):
    """Adds `sort_keys=True` to `json.dumps`, or `sorted(…)` around what a `join` is given, on the
    finding's line."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self._finding = finding

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        place = self.get_metadata(PositionProvider, original_node)
        if not place.start.line <= self._finding.line <= place.end.line:
            return updated_node
        if self._finding.rule == "json-without-sorted-keys" and _name(updated_node.func) == "dumps":
            return _with_sorted_keys(updated_node)
        if self._finding.rule == "unordered-in-prompt" and _name(updated_node.func) == "join":
            return _with_sorted_argument(updated_node)
        return updated_node


def _name(function: cst.BaseExpression) -> str:
    if isinstance(function, cst.Attribute):
        return function.attr.value
    return function.value if isinstance(function, cst.Name) else ""


def _with_sorted_keys(call: cst.Call) -> cst.Call:
    if any(
        argument.star or (argument.keyword and argument.keyword.value == "sort_keys")
        for argument in call.args
    ):
        return call
    keyword = cst.Arg(
        keyword=cst.Name("sort_keys"),
        value=cst.Name("True"),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    return call.with_changes(args=[*call.args, keyword])


def _with_sorted_argument(call: cst.Call) -> cst.Call:
    if len(call.args) != 1 or call.args[0].star:
        return call
    argument = call.args[0]
    if isinstance(argument.value, cst.Call) and _name(argument.value.func) == "sorted":
        return call
    wrapped = cst.Call(func=cst.Name("sorted"), args=[cst.Arg(argument.value)])
    return call.with_changes(args=[argument.with_changes(value=wrapped)])
