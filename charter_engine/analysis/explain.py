"""Why a line is or isn't a call, and where its segments and edges come from, in words."""

from __future__ import annotations

from charter_engine.analysis.compile import CompileOptions, indexed
from charter_engine.contracts.graph import Call, Segment
from charter_engine.parser.findings import Site
from charter_engine.parser.interpreter import interpret
from charter_engine.parser.reading import read_source
from charter_engine.parser.report import calls_of


def explain(
    path: str, source: str | bytes, line: int, *, options: CompileOptions | None = None
) -> tuple[str, ...]:
    """Everything that was decided about one line of a file. Raises `Unreadable` where the file
    can't be compiled."""
    options = options or CompileOptions()
    module = indexed(read_source(path, source), "explained")
    analysis = interpret({module.name: module}, options.catalogue, asked_line=line)
    calls = {
        (call.line, call.column): call
        for call in calls_of(analysis.findings.sites, options.tokens).get(path, ())
    }
    told: list[str] = []
    for site in analysis.findings.sites.values():
        call = calls[site.node.lineno, site.node.col_offset + 1]
        if call.line <= line <= call.end_line:
            told += call_explained(call, site)
    told += [note for note in analysis.progress.notes if not told or "is no call" in note]
    return tuple(told) or (f"line {line} calls nothing that could be a model",)


def call_explained(call: Call, site: Site) -> list[str]:
    """Why it is a call, what repeats it, and where its segments and edges come from."""
    told = [f"{call.id} (lines {call.line} to {call.end_line}) is a call: {'; '.join(site.why)}"]
    if call.via:
        told.append(f"  it leads to {', '.join(call.via)}")
    if call.loop is not None:
        told.append(f"  it is in a loop ({call.loop.kind}, line {call.loop.line})")
    told += [f"  it is repeated by a {loop.kind} (line {loop.line})" for loop in call.repeated_by]
    told += [
        f"  segment {number}: {segment_explained(segment)}"
        for number, segment in enumerate(call.segments)
    ]
    told += [
        f"  takes the output of {edge.call} ({edge.carried}, by way of {edge.how})"
        for edge in call.depends_on
    ]
    return told


def segment_explained(segment: Segment) -> str:
    """What a segment is and which line it comes from."""
    role = f"{segment.role}: " if segment.role else ""
    if segment.kind == "static":
        constant = f" from {segment.name}" if segment.name else ""
        size = f"{segment.tokens} tokens {segment.tokens_label}"
        return f"{role}text{constant} (line {segment.line}), {size}"
    if segment.kind == "upstream":
        way = f"through `{segment.expression}` (line {segment.line})"
        return f"{role}the output of {segment.call} {way}"
    if segment.kind == "variable":
        return f"{role}`{segment.expression}` (line {segment.line})"
    return f"{role}unknown: its text is made where the analysis can't see it"
