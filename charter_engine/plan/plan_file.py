"""Plan files: YAML that an operator reads, edits and keeps in git. Text in, text out; nothing is
opened here."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scanner import RoundTripScanner, ScannerError

from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.plan import (
    Alternative,
    NodePlan,
    Plan,
    Reason,
    SegmentRange,
    ServerSettings,
)
from charter_engine.plan.settings import (
    InvalidSetting,
    check_duration,
    check_priority,
    parse_setting,
)

T = TypeVar("T")
PLAN_VERSION = 1
MAX_CHARACTERS = 512 * 1024
"""Without comments: some 2,000 calls, and a few seconds of reading."""
LARGEST_PLAN_BYTES = 8 * 1024 * 1024
"""With comments, among them what a plan was derived as."""
MAX_VALUES = 200_000
"""Assumed: hundreds of times what a plan of 300 calls has; aliases can write more out."""
MAX_BRACKETS = 50
"""Assumed: no plan nests so deep; reading them is recursive."""
_RECORDS: dict[str, type] = {
    "": Plan,
    "server": ServerSettings,
    "identity": AgentIdentity,
    "nodes.*": NodePlan,
    "nodes.*.retention.*": SegmentRange,
    "nodes.*.why.*": Reason,
    "why.*": Reason,
    "alternatives.*": Alternative,
}


class InvalidPlan(ValueError):
    """A plan file that cannot be used: where it is wrong (line from 1, 0 unknown), and what to
    do."""

    def __init__(self, path: str, line: int, message: str, remedy: str) -> None:
        place = f"{path}:{line}" if line else path
        super().__init__(f"{place}: {message}. {remedy}" if remedy else f"{place}: {message}")
        self.path, self.line, self.message, self.remedy = path, line, message, remedy


def read_plan(text: str, path: str) -> Plan:
    """Parse and check a plan. Raises `InvalidPlan`; an unknown key is an error that names the
    nearest known one."""
    document = _parse(text, path)
    if not isinstance(document, CommentedMap):
        raise InvalidPlan(
            path,
            1,
            "this is not a plan",
            "a plan is a YAML mapping with the keys agent, server and nodes",
        )
    plan = converted(document, Plan, _RECORDS, path, "see `charter-engine plan --schema`")
    if plan.version != PLAN_VERSION:
        raise InvalidPlan(
            path, 1, f"plan version {plan.version} is not {PLAN_VERSION}", "derive it anew"
        )
    _check_values(plan, document, path)
    return plan


def converted(
    document: CommentedMap, kind: type[T], records: Mapping[str, type], path: str, remedy: str
) -> T:
    """A document as a record; `records` are those inside it, by their place. Raises `InvalidPlan`
    naming the line."""
    _check_keys(document, "", "", path, records)
    try:
        return msgspec.convert(plain(document), kind, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        raise InvalidPlan(path, _line_of(document, str(error)), str(error), remedy) from None


def read_mapping(text: str, path: str) -> CommentedMap:
    """A YAML mapping of limited size and depth. Raises `InvalidPlan`."""
    document = _parse(text, path)
    if not isinstance(document, CommentedMap):
        raise InvalidPlan(path, 1, "this is not a YAML mapping", "write `key: value` lines")
    return document


def load(text: str) -> CommentedMap:
    """YAML that remembers its comments; empty where the text is no mapping."""
    document = _yaml().load(text)
    return document if isinstance(document, CommentedMap) else CommentedMap()


def dump(document: Mapping[str, Any]) -> str:
    """A document as YAML text."""
    buffer = io.StringIO()
    _yaml().dump(document, buffer)
    return buffer.getvalue()


def plan_schema() -> dict[str, Any]:
    """The JSON schema of a plan file."""
    return msgspec.json.schema(Plan)


def _keys_of(record: type) -> tuple[str, ...]:
    """The keys under which a record is written."""
    kind = msgspec.inspect.type_info(record)
    fields = getattr(kind, "fields", ())
    return tuple(field.encode_name for field in fields)


class _ShallowScanner(RoundTripScanner):
    """Each token takes time by the brackets that are open around it: thousands would take
    minutes."""

    def fetch_flow_collection_start(self, *arguments: Any, **named: Any) -> None:
        if len(self.flow_context) >= MAX_BRACKETS:
            raise ScannerError(problem="nested too deeply", problem_mark=self.reader.get_mark())
        super().fetch_flow_collection_start(*arguments, **named)


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.Scanner = _ShallowScanner
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _parse(text: str, path: str) -> object:
    size = sum(len(line) for line in text.splitlines() if not line.startswith("#"))
    if size > MAX_CHARACTERS:
        raise InvalidPlan(
            path, 0, f"{size} characters are more than a plan has", f"at most {MAX_CHARACTERS}"
        )
    document = _loaded(text, path)
    if _written_out(document, {}) > MAX_VALUES:
        raise InvalidPlan(path, 0, "its aliases stand for too much", "write the values out")
    return document


def _loaded(text: str, path: str) -> object:
    try:
        document: object = _yaml().load(text)
        return document
    except RecursionError:
        raise InvalidPlan(path, 0, "nested too deeply", "a plan has five levels") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise InvalidPlan(
            path, line, f"not YAML: {error.problem or error}", "check indentation and quotes there"
        ) from None
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        # The last three are ruamel's own, on text that is no YAML.
        raise InvalidPlan(path, 0, f"not YAML: {error}", "save the plan as UTF-8 text") from None


def _written_out(value: object, known: dict[int, int]) -> int:
    """How many values a document has once every alias is replaced by what it stands for."""
    if not isinstance(value, Mapping | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MAX_VALUES  # what contains itself has no end
        items = value.values() if isinstance(value, Mapping) else value
        known[id(value)] = 1 + sum(_written_out(item, known) for item in items)
    return known[id(value)]


def plain(value: object) -> object:
    """Plain values in place of those that remember how they were written."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _check_keys(
    value: object, shape: str, place: str, path: str, records: Mapping[str, type]
) -> None:
    """Refuse keys that the record at `shape` lacks, before any value is looked at."""
    record = records.get(shape)
    if isinstance(value, CommentedMap):
        known = _keys_of(record) if record else None
        for key, item in value.items():
            if known is not None and key not in known:
                near = get_close_matches(str(key), known, n=1)
                remedy = (
                    f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
                )
                raise InvalidPlan(
                    path, value.lc.key(key)[0] + 1, f"unknown key {place + str(key)!r}", remedy
                )
            step = str(key) if known is not None else "*"
            _check_keys(item, f"{shape}.{step}".lstrip("."), f"{place}{key}.", path, records)
    elif isinstance(value, CommentedSeq):
        for index, item in enumerate(value):
            _check_keys(item, f"{shape}.*".lstrip("."), f"{place}{index}.", path, records)


def _check_values(plan: Plan, document: CommentedMap, path: str) -> None:
    if plan.reuse_times is not None and (not plan.reuse_times.strip() or "\0" in plan.reuse_times):
        remedy = "name a file that `charter-engine learn` wrote, or leave the key out"
        raise InvalidPlan(path, _line_of(document, "waits"), "waits names no file", remedy)
    if not 0 <= plan.share <= 1:
        remedy = "give a part of all sessions, from 0 to 1"
        message = f"share: {plan.share:g} is no share"
        raise InvalidPlan(path, _line_of(document, "share"), message, remedy)
    for key in ServerSettings.__struct_fields__:
        value = getattr(plan.server, key)
        if value is not None:
            with _refusal_at(document, key, path):
                parse_setting(key, str(value))
    for node_id, node in plan.nodes.items():
        with _refusal_at(document, node_id, path):
            check_priority("decode_priority", node.decode_priority)
            check_duration("decode_duration_ms", node.decode_duration_ms)
            for item in node.retention:
                _check_range(item)


@contextmanager
def _refusal_at(document: CommentedMap, key: str, path: str) -> Iterator[None]:
    try:
        yield
    except InvalidSetting as error:
        message = str(error) if error.key == key else f"{key}: {error}"
        raise InvalidPlan(path, _line_of(document, key), message, error.remedy) from None


def _check_range(item: SegmentRange) -> None:
    check_priority("priority", item.priority)
    check_duration("duration_ms", item.duration_ms)
    if item.first < 0 or (item.last is not None and item.last < item.first):
        raise InvalidSetting(
            "retention",
            f"segments {item.first} to {item.last} is no range",
            "count segments from 0",
        )


def _line_of(document: CommentedMap, hint: str) -> int:
    """The line of the deepest key that `hint` (a key, or msgspec's "… - at `$.nodes[...].x`")
    names."""
    line = 0
    stack: list[object] = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, CommentedMap):
            for key, child in item.items():
                if str(key) == hint or f".{key}" in hint:
                    line = max(line, item.lc.key(key)[0] + 1)
                stack.append(child)
        elif isinstance(item, CommentedSeq):
            stack.extend(item)
    return line
