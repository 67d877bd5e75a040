"""The plan as `charter_bls` reads it: `plan.json` in the model's version directory.

Standard library only: these modules run on any Triton machine, where Charter itself need not be
installed.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from .checks import (
    PlanError,
    duration,
    list_of,
    name_of,
    object_of,
    part_of_one,
    priority,
    require,
    whole,
)
from .rearrangement import Rearrangement, parse_rearrangement
from .retention import ReleaseWhen, SegmentRange, SegmentRetention
from .reuse_times import UNMATCHED, ReuseTimeRules, parse_reuse_times

FORMAT = 1

Pieces = tuple[str | None, ...]
"""Texts of the static pieces of a prompt; None stands for one that is known only when the request
arrives."""


AS_WRITTEN, AS_PLANNED, CONTINUATION = "as written", "as planned", "continuation"
"""What the shapes of a prompt are called."""

OWN_RUNS = "its layout is for own runs"
"""Why prompts of a node are not laid out, where its plan says nothing else."""


IN_MARKUP = "came within the markup of a chat template that the plan does not tell"
OTHER_MARKUP = "came in other markup than the model's chat template writes"
"""Why a prompt that is known within the markup of some chat template is not laid out."""


LEAST_FIXED = 16
"""Characters by which a prompt is known wherever they stand in it; fewer may stand anywhere."""


@dataclass(frozen=True)
class Form:
    """One shape in which a node's prompt may arrive, and what it is called.

    `positions[i]` is the planned segment of piece `i`; None where the plan has none like it.
    A `rendered` form is the same prompt within the markup of any chat template.
    """

    pieces: Pieces
    positions: tuple[int | None, ...]
    name: str = ""
    rendered: bool = False


@dataclass(frozen=True)
class Node:
    """One call of the agent.

    `forms` are the shapes of its prompt: first as planned, then as written in the source, then
    the same as a chat template renders them.
    `order` lays out `segments` texts sent in source order.
    `wording` replaces static ones by source index.
    A node that `continues` another call's prompt cannot be laid out from its own segments.
    `rearrangement` lays out prompts that come as written; None: they go on so, as
    `not_rearranged` says, and as `within_markup` says where a chat template has rendered them.
    `markup` numbers the plan's node sets; see `ServedPlan.templated`.
    """

    name: str
    forms: tuple[Form, ...] = ()
    segments: int = 0
    order: tuple[int, ...] = ()
    wording: dict[int, str] = field(default_factory=dict)
    continues: bool = False
    retention: SegmentRetention = field(default_factory=SegmentRetention)
    rearrangement: Rearrangement | None = None
    not_rearranged: str = OWN_RUNS
    within_markup: str = IN_MARKUP
    markup: int = 0


@dataclass(frozen=True)
class ServedPlan:
    """A whole plan. `revision` numbers the push that brought it.

    `templated` are the nodes whose prompts are known in the very markup of the model's chat
    template: a set for each way in which it writes them, without tools and with some. `markup` 0
    are `nodes`, and so on.
    With `reuse_times`, every request asks for what its session's past makes likely.
    That stands in place of its node's retention.
    `share` is the share of sessions whose prompts are laid out, where their nodes' layouts apply to
    traffic.
    `release` says what the engine is told to forget, where it can be told.
    """

    revision: int = 0
    agent: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)
    templated: tuple[dict[str, Node], ...] = ()
    reuse_times: ReuseTimeRules | None = None
    share: float = 1.0
    release: ReleaseWhen = "never"

    @property
    def node_sets(self) -> tuple[dict[str, Node], ...]:
        """The nodes by their `markup`."""
        return (self.nodes, *self.templated)


def read_plan(path: Path, stamped: str | None = None) -> ServedPlan:
    """Read and check the plan.

    A missing file is an empty plan of the revision `stamped` on the configuration.
    Raises `PlanError`, also for a plan and a configuration of different pushes: they must not go
    live together.
    """
    try:
        plan = parse_plan(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ServedPlan(revision=int(stamped or 0))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path.name} cannot be read: {error}") from None
    if stamped and stamped != str(plan.revision):
        raise PlanError(
            f"plan.json is of revision {plan.revision} and config.pbtxt of revision {stamped}: "
            "a push was cut short; the next push, rollback or start of Charter repairs it"
        )
    return plan


def parse_plan(text: str) -> ServedPlan:
    """Check everything that would otherwise fail, or be ignored, request by request. Raises
    `PlanError`."""
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise PlanError(f"plan.json line {error.lineno}: {error.msg}") from None
    require(isinstance(raw, dict) and raw.get("format") == FORMAT, "format", f"must be {FORMAT}")
    nodes: dict[str, Node] = {}
    for index, item in enumerate(list_of(raw, "nodes", "")):
        node = _node(item, f"nodes[{index}]")
        require(node.name not in nodes, f"nodes[{index}].node", f"{node.name!r} appears twice")
        nodes[node.name] = node
    templated = _templated_sets(list_of(raw, "nodes", ""), nodes)
    for alike in (nodes, *templated):
        for node in alike.values():
            _check_continued(node, alike)
    section = raw.get("waits")
    reuse_times = parse_reuse_times(section, "waits") if section is not None else None
    for name in reuse_times.nodes if reuse_times else ():
        if name != UNMATCHED:
            nodes.setdefault(name, Node(name=name))
    return ServedPlan(
        revision=whole(raw, "revision", "", 0),
        agent=str(raw.get("agent", "")),
        nodes=nodes,
        templated=templated,
        reuse_times=reuse_times,
        share=part_of_one(raw, "share", "", 1.0),
        release=_release(raw),
    )


def _release(raw: dict[str, Any]) -> ReleaseWhen:
    release: ReleaseWhen = raw.get("release", "never")
    known = get_args(ReleaseWhen)
    require(release in known, "release", f"must be one of {', '.join(known)}")
    return release


def parse_retention(raw: Any, place: str, segments: int | None = None) -> SegmentRetention:
    """Retention by segments from JSON. With `segments`, ranges must begin within that many.

    Raises `PlanError`.
    """
    raw = object_of(raw, place)
    ranges = tuple(
        _range(item, f"{place}.ranges[{index}]", segments)
        for index, item in enumerate(list_of(raw, "ranges", place))
    )
    return SegmentRetention(
        ranges=ranges,
        decode_priority=priority(raw, "decode_priority", place),
        decode_duration_ms=duration(raw, "decode_duration_ms", place),
    )


def _node(raw: Any, place: str) -> Node:
    raw = object_of(raw, place)
    name = name_of(raw, "node", place)
    segments = whole(raw, "segments", place, 0)
    order = tuple(list_of(raw, "order", place)) or tuple(range(segments))
    legal = all(type(index) is int and 0 <= index < segments for index in order)
    require(
        legal and len(set(order)) == len(order),
        f"{place}.order",
        f"must permute 0 to {segments - 1}",
    )
    continues = raw.get("continues") is True
    missing = segments - len(order)
    require(
        continues or not missing, f"{place}.order", f"leaves out {missing} of {segments} segments"
    )
    wording = _wording(raw.get("wording", {}), f"{place}.wording", segments)
    rearranged = bool(wording) or order != tuple(range(segments))
    planned = CONTINUATION if continues else AS_PLANNED if rearranged else AS_WRITTEN
    forms = _forms(raw, place, planned)
    known = [position for position in forms[0].positions if position is not None] if forms else []
    traffic = raw.get("traffic")
    return Node(
        name=name,
        forms=forms,
        segments=segments,
        order=order,
        wording=wording,
        continues=continues,
        retention=parse_retention(
            raw.get("retention", {}),
            f"{place}.retention",
            max(known, default=-1) + 1 if forms else None,
        ),
        rearrangement=_rearrangement(traffic, f"{place}.traffic", forms),
        not_rearranged=_not_rearranged(traffic),
        within_markup=_within_markup(list_of(raw, "templated", place)),
    )


def _templated_sets(raw: list[Any], nodes: dict[str, Node]) -> tuple[dict[str, Node], ...]:
    """The nodes as the model's chat template writes their prompts, in each of its ways."""
    found: list[dict[str, Node]] = []
    for index, (item, node) in enumerate(zip(raw, nodes.values(), strict=True)):
        for number, written in enumerate(item.get("templated", ())):
            place = f"nodes[{index}].templated[{number}]"
            section = object_of(written, place)
            if len(found) == number:
                found.append({})
            if "not" in section:
                continue
            planned = node.forms[0].name if node.forms else AS_WRITTEN
            forms = tuple(form for form, _ in _told_forms(section, place, planned))
            require(bool(forms), place, "must have a form")
            traffic = section.get("traffic")
            found[number][node.name] = replace(
                node,
                forms=forms,
                rearrangement=_rearrangement(traffic, f"{place}.traffic", forms),
                not_rearranged=_not_rearranged(traffic),
                markup=number + 1,
            )
    return tuple(found)


def _within_markup(templated: list[Any]) -> str:
    """Why a prompt in the markup of some chat template is not in that of the model's own."""
    reasons = [str(item["not"]) for item in templated if isinstance(item, dict) and "not" in item]
    if len(reasons) < len(templated):
        return OTHER_MARKUP
    return reasons[0] if reasons else IN_MARKUP


def _check_continued(node: Node, nodes: dict[str, Node]) -> None:
    """The call that a prompt continues must have the pieces that the plan says."""
    moves = node.rearrangement
    if moves is not None and moves.extends:
        extended = nodes.get(moves.extends)
        pieces = len(extended.forms[0].pieces) if extended and extended.forms else -1
        place = f"nodes: {node.name}: traffic.earlier"
        require(moves.earlier == pieces + 1, place, f"is not the prompt of {moves.extends!r}")


def _rearrangement(raw: Any, place: str, forms: tuple[Form, ...]) -> Rearrangement | None:
    """How prompts as written are laid out; None where they are not."""
    if raw is None or "not" in object_of(raw, place):
        return None
    written = [form for form in forms[1:] if form.name == AS_WRITTEN and not form.rendered]
    require(len(written) == 1, place, "needs one form as planned and one as written")
    return parse_rearrangement(raw, place, written[0].pieces, forms[0].pieces)


def _not_rearranged(raw: Any) -> str:
    return str(raw["not"]) if isinstance(raw, dict) and "not" in raw else OWN_RUNS


def _forms(raw: dict[str, Any], place: str, planned: str) -> tuple[Form, ...]:
    """The planned form and the others, and each as a chat template renders it."""
    told = _told_forms(raw, place, planned)
    within_markup = (rendered(form, headings) for form, headings in told)
    return (*(form for form, _ in told), *filter(None, within_markup))


def _told_forms(raw: dict[str, Any], place: str, planned: str) -> list[tuple[Form, frozenset[int]]]:
    """The planned form and the others, with the headings of their messages.

    `other_forms` are those with pieces that the plan has none like: an older `charter_bls` passes
    over them.
    """
    every_piece = [
        _form(item, f"{place}.forms[{index}]", AS_WRITTEN if index else planned)
        for index, item in enumerate(list_of(raw, "forms", place))
    ]
    some_pieces = [
        _form(item, f"{place}.other_forms[{index}]", AS_WRITTEN, gaps=True)
        for index, item in enumerate(list_of(raw, "other_forms", place))
    ]
    return [*every_piece, *some_pieces]


def rendered(form: Form, headings: frozenset[int]) -> Form | None:
    """A prompt as any chat template renders it: something before, between and behind its messages.

    `headings` are the pieces that stand between messages. Templates take white space off the ends
    of a message. None where too little fixed text is left to be known by.
    """
    last = len(form.pieces) - 1
    kept: list[tuple[str | None, int | None]] = []
    if 0 not in headings:
        kept.append((None, next(iter(form.positions), None)))
    for index, (piece, position) in enumerate(zip(form.pieces, form.positions, strict=True)):
        if piece is None or index in headings:
            kept.append((None, position))
        else:
            begins = index == 0 or index - 1 in headings
            ends = index == last or index + 1 in headings
            text = piece.lstrip() if begins else piece
            text = text.rstrip() if ends else text
            kept += [(text, position)] if text else []
    if last not in headings:
        kept.append((None, kept[-1][1]))
    if sum(len(text.strip()) for text, _ in kept if text is not None) < LEAST_FIXED:
        return None
    pieces, positions = zip(*kept, strict=True)
    return Form(pieces, positions, form.name, rendered=True)


def _form(raw: Any, place: str, name: str, *, gaps: bool = False) -> tuple[Form, frozenset[int]]:
    """A form, and which of its pieces are headings of messages."""
    raw = object_of(raw, place)
    pieces, positions = list_of(raw, "pieces", place), list_of(raw, "positions", place)
    texts = all(item is None or isinstance(item, str) for item in pieces)
    require(texts, f"{place}.pieces", "holds texts and nulls")
    legal = all((type(item) is int and item >= 0) or (gaps and item is None) for item in positions)
    require(
        legal and len(positions) == len(pieces),
        f"{place}.positions",
        "must give the planned segment of each piece",
    )
    headings = list_of(raw, "headings", place)
    require(
        all(type(item) is int and 0 <= item < len(pieces) for item in headings),
        f"{place}.headings",
        "holds indices of pieces",
    )
    return Form(tuple(pieces), tuple(positions), name), frozenset(headings)


def _wording(raw: Any, place: str, count: int) -> dict[int, str]:
    raw = object_of(raw, place)
    for key, text in raw.items():
        require(key.isdecimal() and int(key) < count, place, f"{key!r} is no segment's index")
        require(isinstance(text, str), f"{place}.{key}", "must be a text")
    return {int(key): text for key, text in raw.items()}


def _range(raw: Any, place: str, segments: int | None) -> SegmentRange:
    raw = object_of(raw, place)
    first = whole(raw, "first", place, 0)
    last = None if raw.get("last") is None else whole(raw, "last", place, 0)
    require(
        segments is None or first < max(segments, 1),
        f"{place}.first",
        f"{first} is beyond the last segment",
    )
    require(last is None or last >= first, f"{place}.last", f"{last} is before {first}")
    return SegmentRange(
        first=first,
        last=last,
        priority=priority(raw, "priority", place),
        duration_ms=duration(raw, "duration_ms", place),
    )
