"""A package compiled in clusters: its calls told apart."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from charter_engine.analysis.names import call_names
from charter_engine.analysis.opportunities import opportunities_by_file
from charter_engine.contracts.graph import Call, CompiledFile

Compiled = tuple[CompiledFile, ...]
"""The files of one cluster."""


def with_distinct_ids(clusters: Sequence[Compiled], names: Mapping[str, str]) -> list[Compiled]:
    """The clusters of one package with ids that are unique in it: the dotted name goes before
    those that several clusters have."""
    count = Counter(call.id for cluster in clusters for file in cluster for call in file.calls)
    if all(times == 1 for times in count.values()):
        return list(clusters)
    return [
        _renamed(
            cluster,
            {
                call.id: f"{names[file.path]}.{call.id}"
                for file in cluster
                for call in file.calls
                if count[call.id] > 1
            },
        )
        for cluster in clusters
    ]


def with_names(files: Iterable[CompiledFile]) -> Compiled:
    """All files of an agent with the names of their calls."""
    files = tuple(files)
    names = call_names([call for file in files for call in file.calls])
    return tuple(
        replace(file, calls=tuple(replace(call, name=names[call.id]) for call in file.calls))
        for file in files
    )


def _renamed(cluster: Compiled, new: Mapping[str, str]) -> Compiled:
    if not new:
        return cluster
    calls = {file.path: tuple(_with_ids(call, new) for call in file.calls) for file in cluster}
    opportunities = opportunities_by_file([call for of_one in calls.values() for call in of_one])
    return tuple(
        replace(file, calls=calls[file.path], opportunities=opportunities.get(file.path, ()))
        for file in cluster
    )


def _with_ids(call: Call, new: Mapping[str, str]) -> Call:
    return replace(
        call,
        id=new.get(call.id, call.id),
        via=tuple(new.get(item, item) for item in call.via),
        segments=tuple(
            segment
            if segment.call is None
            else replace(segment, call=new.get(segment.call, segment.call))
            for segment in call.segments
        ),
        depends_on=tuple(
            replace(edge, call=new.get(edge.call, edge.call)) for edge in call.depends_on
        ),
    )
