"""Why a line is or isn't a call, and where its segments and edges come from, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from charter_engine.analysis.compile import CompileOptions, indexed, module_names, together
from charter_engine.contracts.graph import Call, Segment
from charter_engine.parser.interpreter import interpret
from charter_engine.parser.model_calls.findings import Site
from charter_engine.parser.model_calls.nearest import NearCall
from charter_engine.parser.prompts.prompt_files import TextFiles
from charter_engine.parser.report import calls_of
from charter_engine.parser.source.reading import Unreadable, read_source
from charter_engine.parser.source.symbols import Module
from charter_engine.parser.state import Analysis, AskedPlace

MOST_NEAR = 3
"""Assumed: whoever asks about a line means one of the calls next to it."""
MOST_QUOTED = 60
"""Assumed: characters by which a text is recognised, and a line of a terminal still holds."""


def explain(
    path: str,
    sources: Mapping[str, str | bytes],
    line: int,
    *,
    options: CompileOptions | None = None,
    files: TextFiles | None = None,
) -> tuple[str, ...]:
    """Everything that was decided about one line of a file, among the files it belongs to. Raises
    `Unreadable` where the file can't be compiled."""
    options = options or CompileOptions()
    read_source(path, sources[path])
    modules = next(
        found
        for found in clusters_of(sources)
        if any(module.path == path for module in found.values())
    )
    analysis = interpret(modules, options.catalogue, AskedPlace(path, line), files)
    calls = {
        (call.line, call.column): call
        for call in calls_of(analysis.findings.sites, options.tokens).get(path, ())
    }
    told: list[str] = []
    for site in analysis.findings.sites.values():
        call = calls.get((site.node.lineno, site.node.col_offset + 1))
        if site.module.path == path and call is not None and call.line <= line <= call.end_line:
            told += call_explained(call, site)
    return tuple(told + rejected(analysis, bool(told))) or (
        f"line {line} calls nothing that could be a model",
    )


def rejected(analysis: Analysis, is_call: bool) -> list[str]:
    """Why what is asked for is no call; where nothing there is one, with what would make it one."""
    near = sorted(analysis.progress.near.values(), key=lambda call: -call.likeness)
    told = [*analysis.progress.notes, *(call.told for call in near)]
    wanted = near[0] if near and not near[0].makes_object else None
    return told if is_call or wanted is None else [*told, *recognizers_for(wanted)]


def nearest(
    sources: Mapping[str, str | bytes], *, options: CompileOptions | None = None
) -> tuple[str, ...]:
    """Of files without calls: what came nearest to one, and what would make it one. Empty: nothing
    speaks of a model."""
    options = options or CompileOptions()
    near: list[NearCall] = []
    for modules in clusters_of(sources):
        analysis = interpret(modules, options.catalogue, AskedPlace())
        near += [call for call in analysis.progress.near.values() if is_likely(call)]
    near.sort(key=lambda call: (-call.likeness, call.path, call.line))
    told = [f"{call.path}:{call.line}: {call.told}" for call in near[:MOST_NEAR]]
    return (*told, *recognizers_for(near[0])) if near else ()


def is_likely(call: NearCall) -> bool:
    return call.likeness > 1 and not call.makes_object


def recognizers_for(call: NearCall) -> list[str]:
    """The table that makes it a call, in words for people."""
    return [
        f"if {call.written}(…) asks a model, these lines in a file given with --config make it a "
        "call:",
        *(f"  {line}" for line in call.recognizers),
    ]


def clusters_of(sources: Mapping[str, str | bytes]) -> Sequence[dict[str, Module]]:
    """The files that can be read, by what belongs together."""
    names = module_names(sources)
    modules: dict[str, Module] = {}
    for path, source in sources.items():
        try:
            modules[names[path]] = indexed(read_source(path, source), names[path])
        except Unreadable:
            continue
    return list(together(modules))


def call_explained(call: Call, site: Site) -> list[str]:
    """Why it is a call, what repeats it, and where its segments and edges come from."""
    told = [f"{call.id} (lines {call.line} to {call.end_line}) is a call: {'; '.join(site.why)}"]
    if call.via:
        told.append(f"  it leads to {', '.join(call.via)}")
    if call.loop is not None:
        told.append(f"  it is in a loop ({call.loop.kind}, line {call.loop.line})")
    told += [f"  it is repeated by a {loop.kind} (line {loop.line})" for loop in call.repeated_by]
    told += [f"  offers the model {offer_explained(part)}" for part in call.head]
    told += [
        f"  segment {number}: {segment_explained(segment)}"
        for number, segment in enumerate(call.segments)
    ]
    told += [
        f"  takes the output of {edge.call} ({edge.carried}, by way of {edge.how})"
        for edge in call.depends_on
    ]
    return told


def offer_explained(part: Segment) -> str:
    """A definition of a tool or a schema in front of the prompt, by its beginning."""
    if part.kind != "static":
        return f"`{part.expression or part.name}` (line {part.line}), whose text is not known"
    size = f"{part.tokens} tokens {part.tokens_label}"
    return f"{part.text[:MOST_QUOTED]}… (line {part.line}), {size}"


def segment_explained(segment: Segment) -> str:
    """What a segment is and which line it comes from."""
    role = f"{segment.role}: " if segment.role else ""
    if segment.kind == "static":
        constant = f" from {segment.name}" if segment.name else ""
        size = f"{segment.tokens} tokens {segment.tokens_label}"
        place = f"{segment.path}, line {segment.line}" if segment.path else f"line {segment.line}"
        return f"{role}text{constant} ({place}), {size}"
    if segment.kind == "upstream":
        place = f" (line {segment.line})" if segment.line else ""
        way = f"through `{segment.expression}`{place}"
        return f"{role}the output of {segment.call} {way}"
    if segment.kind == "variable":
        return f"{role}`{segment.expression}` (line {segment.line})"
    return f"{role}unknown: its text is made where the analysis can't see it"
