"""Where an agent's prompts could reuse KV blocks: five detectors over its calls."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from charter_engine.analysis.layout import content_of
from charter_engine.contracts.figures import Label
from charter_engine.contracts.graph import Call, Opportunity, Segment
from charter_engine.parser.prompts.tokens import estimate
from charter_engine.prompts.assembly import CHARACTERS_A_TOKEN, runnable
from charter_engine.prompts.graph import successors
from charter_engine.prompts.parts import whole

LEAST_SHARED_TOKENS = 8
"""Taken from the smallest block that plans try: less fills none."""

ONCE = "fork"
"""The way of running side by side in which each call is made once."""

EACH = "send"
"""The way in which a framework makes a call again for each task that it is given."""


def find_opportunities(calls: Sequence[Call]) -> tuple[Opportunity, ...]:
    """All opportunities, in the order of the patterns.

    A wrapper's call and the client's call behind it are one request, which shares nothing with
    itself; a loop or a fan-out within a wrapper is the client's call's.
    """
    requests = runnable(calls)
    return (
        *shared_prefixes(requests),
        *sequential_chains(requests),
        *branchings(calls),
        *loop_invariants(calls),
        *delta_matchings(requests),
    )


def opportunities_by_file(calls: Sequence[Call]) -> dict[str, tuple[Opportunity, ...]]:
    """The opportunities among the calls of files that belong together, by the path of the file
    that holds the first call of each."""
    path_of = {call.id: call.path for call in calls}
    found: dict[str, tuple[Opportunity, ...]] = {}
    for opportunity in find_opportunities(calls):
        path = path_of[opportunity.nodes[0]]
        found[path] = (*found.get(path, ()), opportunity)
    return found


def shared_prefixes(calls: Sequence[Call]) -> Iterator[Opportunity]:
    """Groups of prompts that begin alike, from a prefix tree over their segments.

    A group is reported where it ends: at the point where its prompts part, or some of them do.
    Definitions that differ have nothing in common, though JSON begins alike.
    """
    yield from _groups([call for call in calls if call.segments], depth=0, tokens=0)


def _groups(calls: Sequence[Call], depth: int, tokens: int) -> Iterator[Opportunity]:
    children: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls:
        segments = whole(call)
        if depth < len(segments) and segments[depth].kind != "unknown":
            children[content_of(segments[depth])].append(call)
    first = [group[0] for group in children.values()]
    offered = any(depth < len(call.head) for call in first)
    partial = 0 if offered else _common_start([whole(call)[depth] for call in first])
    shared = tokens + partial
    parts = len(children) != 1 or len(next(iter(children.values()))) < len(calls)
    if parts and len(calls) > 1 and shared >= LEAST_SHARED_TOKENS:
        yield _shared_prefix(calls, shared)
    if not offered:
        alike = [group for group in children.values() if whole(group[0])[depth].kind == "static"]
        alike.sort(key=lambda group: whole(group[0])[depth].text)
        yield from _partly_alike(calls, alike, depth, tokens, partial)
    for group in children.values():
        if len(group) > 1:
            segment = whole(group[0])[depth]
            yield from _groups(group, depth + 1, tokens + (_static_tokens(segment)))


def _partly_alike(
    calls: Sequence[Call], groups: Sequence[Sequence[Call]], depth: int, tokens: int, known: int
) -> Iterator[Opportunity]:
    """Some of the prompts that part here begin alike for longer than all do, for more than the
    `known` tokens of constant text. `groups` are sorted by that text."""
    texts = [whole(group[0])[depth] for group in groups]
    runs: list[list[Sequence[Call]]] = [list(groups[:1])]
    for before, after, group in zip(texts, texts[1:], groups[1:], strict=False):
        if _common_start((before, after)) > known:
            runs[-1].append(group)
        else:
            runs.append([group])
    for run in runs:
        if len(run) < 2:
            continue
        common = _common_start([whole(group[0])[depth] for group in run])
        own = {call.id for group in run for call in group}
        members = [call for call in calls if call.id in own]
        if tokens + common >= LEAST_SHARED_TOKENS and len(members) < len(calls):
            yield _shared_prefix(members, tokens + common)
        yield from _partly_alike(calls, run, depth, tokens, common)


def _common_start(segments: Sequence[Segment]) -> int:
    """Tokens that differing static segments have in common at their beginning."""
    if len(segments) < 2 or any(segment.kind != "static" for segment in segments):
        return 0
    columns = zip(*(segment.text for segment in segments), strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, columns))
    return _tokens_in(segments[0].text[:common])


def _tokens_in(text: str) -> int:
    """The tokens of a part of a text: in writing other than Latin, one of a character or two."""
    least = len(text) // CHARACTERS_A_TOKEN
    return least if text.isascii() else max(least, estimate(text))


def _shared_prefix(calls: Sequence[Call], tokens: int) -> Opportunity:
    return Opportunity(
        pattern="shared_prefix",
        nodes=_ids(calls),
        shared_tokens=tokens,
        tokens_label=_label(calls),
        derivation=f"the prompts of {len(calls)} calls begin with the same {tokens} tokens "
        "of constant text",
    )


def sequential_chains(calls: Sequence[Call]) -> Iterator[Opportunity]:
    """Maximal paths of data edges whose prompts have something in common."""
    by_id = {call.id: call for call in calls}
    known: dict[tuple[str, str], _Repeated] = {}
    for path in _chains(successors(calls)):
        members = [by_id[node] for node in path]
        steps = list(itertools.pairwise(path))
        for before, after in steps:
            if (before, after) not in known:
                known[before, after] = _repeated(by_id[before], by_id[after])
        shared = min(known[step].tokens for step in steps)
        again = sorted({name for step in steps for name in known[step].inputs})
        words = f" and repeats {', '.join(again)}" if again else ""
        yield Opportunity(
            pattern="sequential_chain",
            nodes=tuple(path),
            shared_tokens=shared,
            tokens_label=_label(members),
            derivation=f"each call takes the output of the one before it{words}; "
            f"at least {shared} tokens of constant text stand in neighbouring prompts",
            constant=tuple(again),
        )


class _Repeated(NamedTuple):
    """What a prompt says again of the one before it: tokens of constant text, and inputs."""

    tokens: int
    inputs: tuple[str, ...]


def _repeated(before: Call, after: Call) -> _Repeated:
    said = {content_of(segment) for segment in before.segments}
    again = [segment for segment in after.segments if content_of(segment) in said]
    return _Repeated(
        sum(map(_static_tokens, again)),
        tuple(
            segment.name or segment.expression for segment in again if segment.kind == "variable"
        ),
    )


def _chains(following: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Paths from the calls that nothing feeds, along the earliest successor; then those that enter
    what no path before has reached. Together they visit every call that is fed."""
    position = {node: index for index, node in enumerate(following)}
    feeding: dict[str, list[str]] = defaultdict(list)
    for source, targets in following.items():
        for target in targets:
            feeding[target].append(source)
    reached: set[str] = set()
    starts = [[node] for node in following if node not in feeding]
    entries = ([*_way_to(node, feeding, position), node] for node in following if node in feeding)
    for path in itertools.chain(starts, entries):
        if path[-1] in reached:
            continue
        passed = set(path)
        while (ahead := _ahead(following[path[-1]], passed, reached)) is not None:
            path.append(ahead)
            passed.add(ahead)
        if len(path) > 1:
            reached.update(path)
            yield path


def _ahead(nodes: Sequence[str], passed: Set[str], reached: Set[str]) -> str | None:
    """The earliest of the next calls that no path has reached, or else the earliest; None: a path
    has passed all of them."""
    first: str | None = None
    for node in nodes:
        if node not in passed:
            if node not in reached:
                return node
            first = first or node
    return first


def _way_to(
    node: str, feeding: Mapping[str, Sequence[str]], position: Mapping[str, int]
) -> list[str]:
    """The calls that lead to one from a call that nothing feeds, by the earliest of each."""
    way: dict[str, None] = {}
    while before := [source for source in feeding.get(node, ()) if source not in way]:
        node = min(before, key=position.__getitem__)
        way[node] = None
    return list(reversed(way))


def branchings(calls: Sequence[Call]) -> Iterator[Opportunity]:
    """One prefix with several uses at once: outputs that feed several calls, and calls that fan
    out."""
    following = successors(calls)
    by_id = {call.id: call for call in calls}
    for call in calls:
        branches = [by_id[node] for node in following[call.id]]
        if len(branches) > 1:
            yield Opportunity(
                pattern="branching",
                nodes=(call.id, *_ids(branches)),
                shared_tokens=sum(_static_tokens(segment) for segment in whole(call)),
                tokens_label=_label([call]),
                derivation=f"{call.id} feeds {len(branches)} calls, "
                "which can share what comes before its output",
            )
        elif call.fanout:
            yield Opportunity(
                pattern="branching",
                nodes=(call.id,),
                shared_tokens=_head_tokens(call),
                tokens_label=_label([call]),
                derivation=f"requests run side by side here ({call.fanout}); what they begin with "
                "alike is computed once",
            )


def loop_invariants(calls: Sequence[Call]) -> Iterator[Opportunity]:
    """The constant part of a repeated call: computed in the first pass, reusable in every later
    one. What the callers of a wrapper repeat is told of these."""
    behind = {number for call in calls for number in call.via}
    for call in calls:
        is_repeated = _repeats(call) or call.fanout == EACH
        if not is_repeated or (call.id in behind and not call.in_loop):
            continue
        constant = [segment for segment in whole(call) if segment.kind == "static"]
        tokens = sum(_static_tokens(segment) for segment in constant)
        if tokens and any(segment.text.strip() for segment in constant):
            head = _head_tokens(call)
            yield Opportunity(
                pattern="loop_invariant",
                nodes=(call.id,),
                shared_tokens=tokens,
                tokens_label=_label([call]),
                derivation=f"{tokens} tokens are the same in every pass, "
                f"{head} of them in front as written; "
                "the first pass computes them",
                varying=_varying(call),
            )


def delta_matchings(calls: Sequence[Call]) -> Iterator[Opportunity]:
    """One template filled again and again: repeated calls, and different calls with the same
    constant parts, or of which one is given in the source what others fill in."""
    templates: dict[tuple[str, ...], list[Call]] = defaultdict(list)
    for call in calls:
        constant = tuple(segment.text for segment in call.segments if segment.kind == "static")
        if any(text.strip() for text in constant) and _varying(call):
            templates[constant].append(call)
    written = [one for one in calls if one.segments and not _varying(one)]
    for constant, filled in templates.items():
        given = [one for one in written if _is_given(one, filled[0])]
        members = [*filled, *given]
        repeated = any(_repeats(call) or call.fanout not in (None, ONCE) for call in members)
        if not repeated and len(members) < 2:
            continue
        tokens = sum(
            _static_tokens(segment) for segment in members[0].segments if segment.kind == "static"
        )
        varying = tuple(dict.fromkeys(name for call in members for name in _varying(call)))
        yield Opportunity(
            pattern="delta_matching",
            nodes=_ids(members),
            shared_tokens=tokens,
            tokens_label=_label(members),
            derivation=f"the same {tokens} tokens of template each time; "
            f"only {', '.join(varying)} differ",
            constant=constant,
            varying=varying,
        )


def _is_given(call: Call, template: Call) -> bool:
    """Whether a call's prompt, which is all constant, is that of another one with a text where that
    varies."""
    parts = [one.text if one.kind == "static" else "" for one in template.segments]
    text = "".join(segment.text for segment in call.segments)
    if sum(map(len, parts)) < LEAST_SHARED_TOKENS * CHARACTERS_A_TOKEN:
        return False
    if not text.startswith(parts[0]) or not text.endswith(parts[-1]):
        return False
    place = 0
    for part in parts:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


def _repeats(call: Call) -> bool:
    return call.in_loop or bool(call.repeated_by)


def _varying(call: Call) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            segment.name or segment.expression or segment.kind
            for segment in call.segments
            if segment.kind != "static"
        )
    )


def _head_tokens(call: Call) -> int:
    tokens = 0
    for segment in whole(call):
        if segment.kind != "static":
            break
        tokens += _static_tokens(segment)
    return tokens


def _static_tokens(segment: Segment) -> int:
    if segment.kind != "static":
        return 0
    return segment.tokens if segment.tokens is not None else len(segment.text) // CHARACTERS_A_TOKEN


def _ids(calls: Sequence[Call]) -> tuple[str, ...]:
    return tuple(call.id for call in calls)


def _label(calls: Sequence[Call]) -> Label:
    counted = all(
        segment.tokens_label == "measured"
        for call in calls
        for segment in whole(call)
        if segment.text
    )
    return "measured" if counted else "assumed"
