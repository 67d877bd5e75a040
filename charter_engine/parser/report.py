"""Sites → the `Call` records that leave the parser: ids, segments, edges."""

from __future__ import annotations

import ast
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath

from msgspec.structs import replace

from charter_engine.contracts.graph import (
    Call,
    Carried,
    Dependency,
    Diagnostic,
    HistoryLimit,
    Role,
    Segment,
)
from charter_engine.parser.graphs.conversations import with_conversation
from charter_engine.parser.model_calls.findings import Site, UnseenMembers
from charter_engine.parser.prompts.tokens import TokenCounter
from charter_engine.parser.prompts.turns import Turns, as_sent, limit_of, turns_of
from charter_engine.parser.prompts.varying import Turning, tries_again
from charter_engine.parser.state import Stop
from charter_engine.parser.teams.team_prompts import as_heard
from charter_engine.parser.values.pieces import flattened
from charter_engine.parser.values.values import Hole, Piece, Static
from charter_engine.prompts.parts import split_static

MAX_SEGMENTS = 400
"""Assumed: more than a prompt that somebody wrote has."""
MAX_EXPRESSION = 300
"""Assumed: characters by which an expression is recognised."""


def calls_of(sites: dict[int, Site], counter: TokenCounter) -> dict[str, tuple[Call, ...]]:
    """The calls of each file by its path, in source order, with ids that are unique over all
    files."""
    ids = identifiers(sites.values())
    found: dict[str, list[Call]] = {}
    for site in sorted(sites.values(), key=lambda item: (item.node.lineno, item.node.col_offset)):
        found.setdefault(site.module.path, []).append(call_of(site, sites, ids, counter))
    return {path: tuple(calls) for path, calls in found.items()}


def diagnostics_of(stops: Iterable[Stop], sites: Iterable[Site]) -> dict[str, Diagnostic]:
    """Where what leads to a model was not followed to the end, told once a file."""
    leading = {
        (function.module.path, function.node.lineno) for site in sites for function in site.under
    }
    by_path: dict[str, list[Stop]] = {}
    for stop in sorted(stops):
        if (stop.path, stop.line) in leading or not stop.name:
            by_path.setdefault(stop.path, []).append(stop)
    return {path: diagnostic_of(of_file) for path, of_file in by_path.items()}


def unseen_members(found: Iterable[UnseenMembers]) -> dict[str, Diagnostic]:
    """Runs of teams whose members are not at hand, told once a file."""
    by_path: dict[str, list[UnseenMembers]] = {}
    for run in sorted(found):
        by_path.setdefault(run.path, []).append(run)
    return {path: unseen_diagnostic(runs) for path, runs in by_path.items()}


def unseen_diagnostic(runs: list[UnseenMembers]) -> Diagnostic:
    first = runs[0]
    others = f" and in {len(runs) - 1} more" if len(runs) > 1 else ""
    return Diagnostic(
        path=first.path,
        line=first.line,
        message=f"Who takes part in the run in this line{others} is not at hand: "
        f"`{first.written}`. It is shown as one call.",
        remedy="Compile the file together with the folder in which the members are made.",
        severity="warning",
    )


def diagnostic_of(stops: list[Stop]) -> Diagnostic:
    first = stops[0]
    name = f"`{first.name}`" if first.name else "the top level"
    others = f" and {len(stops) - 1} more" if len(stops) > 1 else ""
    because = "code is nested too deeply" if first.deep else "they call too much"
    return Diagnostic(
        path=first.path,
        line=first.line,
        message=f"Calls of {name}{others} are followed only in part: {because}. "
        "Prompts and edges behind them may lack parts.",
        remedy="Compile the file on its own, or split the function.",
        severity="warning",
    )


def identifiers(sites: Iterable[Site]) -> dict[int, str]:
    """`Class.function:output`, or `function:line` where that isn't unique; with the module where
    files share one."""
    sites = sorted(
        sites, key=lambda item: (item.module.path, item.node.lineno, item.node.col_offset)
    )
    named = {site.number: f"{qualname(site)}:{site.output or site.node.lineno}" for site in sites}
    in_file = Counter((site.module.path, named[site.number]) for site in sites)
    for site in sites:
        if in_file[site.module.path, named[site.number]] > 1:
            named[site.number] = f"{qualname(site)}:{site.node.lineno}"
    taken = Counter(named.values())
    seen: Counter[str] = Counter()
    for site in sites:
        name = named[site.number]
        if taken[name] > 1:
            name = f"{site.module.name}.{name}"
        seen[name] += 1
        named[site.number] = name if seen[name] == 1 else f"{name}:{seen[name]}"
    return named


def qualname(site: Site) -> str:
    return site.function.qualname if site.function is not None else "<module>"


def call_of(site: Site, sites: dict[int, Site], ids: dict[int, str], counter: TokenCounter) -> Call:
    segments, limit = segments_of(site, sites, ids, counter)
    loop = None if tries_again(site, segments) else site.loop
    return Call(
        id=ids[site.number],
        path=site.module.path,
        line=site.node.lineno,
        end_line=site.node.end_lineno or site.node.lineno,
        column=site.node.col_offset + 1,
        kind="wrapper" if site.kind == "wrapper" else "sdk",
        family=site.family,
        function=qualname(site),
        via=tuple(ids[number] for number in via_of(site, sites)),
        in_loop=loop is not None,
        loop=loop,
        repeated_by=tuple(site.repeated_by),
        fanout=site.fanout,
        condition=site.condition,
        history_limit=limit,
        output=site.output,
        parameters=site.parameters,
        head=head_of(site, sites, ids, counter),
        segments=segments,
        depends_on=dependencies_of(site, ids),
    )


def via_of(site: Site, sites: dict[int, Site]) -> list[int]:
    """The calls that a wrapper's call leads to: those of wrappers that it asks by, then those of
    clients."""
    if site.called is None or not site.via:
        return site.via
    found: list[int] = []
    functions = [site.called]
    for function in functions:
        for one in sites.values():
            is_asked = one.function is function and bool(one.via) and {*one.via} <= {*site.via}
            if is_asked and one.called is not None and one.number not in {site.number, *found}:
                found.append(one.number)
                functions.append(one.called)
    return [number for number in (*found, *site.via) if number != site.number]


def head_of(
    site: Site, sites: dict[int, Site], ids: dict[int, str], counter: TokenCounter
) -> tuple[Segment, ...]:
    """The definitions that go with a request. The tokens of one that an SDK makes of a function or
    class are assumed."""
    found: list[Segment] = []
    for offer in site.head:
        if isinstance(offer.piece, Static):
            label = "assumed" if offer.made else counter.label
            text = offer.piece.text
            count = counter.count(text)
            line = offer.piece.line
            found.append(
                Segment(kind="static", text=text, tokens=count, tokens_label=label, line=line)
            )
        else:
            found += segments_for(offer.piece, site, sites, ids, counter)
    return tuple(found)


def dependencies_of(site: Site, ids: dict[int, str]) -> tuple[Dependency, ...]:
    """One edge from each upstream call: what reaches this call in the same turn does so in later
    turns as well."""
    return tuple(
        Dependency(ids[source], carried, how)
        for (source, carried), how in sorted(site.edges.items(), key=lambda item: item[0])
        if carried == "data" or (source, "data") not in site.edges
    )


def segments_of(
    site: Site, sites: dict[int, Site], ids: dict[int, str], counter: TokenCounter
) -> tuple[tuple[Segment, ...], HistoryLimit | None]:
    """The prompt's runs in order, and what bounds its history.

    Static text is exact: filled in and joined, the parts of a message are its text. It is split at
    blank lines, so that layouts can move paragraphs; a named constant stays whole.
    """
    site = as_heard(with_conversation(as_sent(site, sites)))
    turns = turns_of(site)
    turning = Turning(site)
    opening, anew, each, closing = (
        [
            replace(segment, role=ROLES.get(role), fixed=is_fixed(segment, piece, site, turning))
            for role, value in messages
            for piece in flattened(value.pieces or ())
            for segment in segments_for(piece, site, sites, ids, counter)
        ]
        for messages in turns
    )
    each = [replace(segment, each_turn=True) for segment in each]
    segments = (*opening, *anew, *each, *closing)[:MAX_SEGMENTS]
    return segments, history_limit(turns, len(opening), len(anew))


def is_fixed(segment: Segment, piece: Piece, site: Site, turning: Turning) -> bool:
    if segment.kind != "variable":
        return False
    return piece.key in site.settled or turning.fixes(segment.expression, segment.line)


def history_limit(turns: Turns, opening: int, anew: int) -> HistoryLimit | None:
    """What bounds a history, by the segments that it begins with."""
    limit = limit_of(turns)
    if limit is None:
        return None
    always = next(
        (number for number, (_, value) in enumerate(turns.opening) if value.limit is not None),
        len(turns.opening),
    )
    return HistoryLimit(
        limit.size,
        limit.unit,
        min(opening, always + limit.kept),
        (opening, opening + anew) if anew else None,
    )


ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


def segments_for(
    piece: Piece, site: Site, sites: dict[int, Site], ids: dict[int, str], counter: TokenCounter
) -> tuple[Segment, ...]:
    if isinstance(piece, Static):
        segment = Segment(
            kind="static",
            text=piece.text,
            name=piece.name,
            tokens=counter.count(piece.text),
            tokens_label=counter.label,
            line=piece.line,
            path=path_from(site.module.path, piece.path),
        )
        return (segment,) if piece.name else split_static((segment,))
    expression = source_of(piece.source)
    upstream = upstream_of(piece, site)
    if upstream is not None:
        number, carried = upstream
        name = sites[number].output or name_of(piece.source, expression)
        line = piece.key[0]
        return (
            Segment(
                kind="upstream",
                name=name,
                call=ids[number],
                carried=carried,
                expression=expression,
                line=line,
            ),
        )
    name = name_of(piece.source, expression)
    line = piece.key[0] or site.node.lineno
    return (
        Segment(
            kind="variable" if expression else "unknown",
            name=name,
            expression=expression,
            line=line,
        ),
    )


def path_from(source: str, path: str) -> str:
    """A file's path from the folder of a source on; empty for the source itself."""
    return os.path.relpath(path, PurePath(source).parent) if path else ""


def upstream_of(piece: Hole, site: Site) -> tuple[int, Carried] | None:
    """The call whose output fills a hole: of several, the one that does so in the same turn and
    stands last."""
    found = site.fillings.get(piece.key)
    if not found:
        return None
    own = [found[item.chain] for item in piece.value.all_origins() if item.chain in found]
    return max(own or found.values(), key=lambda item: (item[1] == "data", item[0]))


def source_of(source: ast.expr | str) -> str:
    return (source if isinstance(source, str) else ast.unparse(source))[:MAX_EXPRESSION]


def name_of(source: ast.expr | str, expression: str) -> str:
    """A short name for what fills a hole: the variable's, the attribute's or the key's own."""
    if isinstance(source, str):
        try:
            source = ast.parse(source, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return expression
    if isinstance(source, ast.Attribute):
        return source.attr
    if isinstance(source, ast.Subscript) and isinstance(source.slice, ast.Constant):
        return str(source.slice.value)
    return source.id if isinstance(source, ast.Name) else expression[:60]
