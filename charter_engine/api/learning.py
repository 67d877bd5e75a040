"""Learning from recorded sessions when prompts come back."""

from collections.abc import Sequence
from pathlib import Path

from charter_engine.api.plan_files import require_folder_of
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.reuse_times_files import write_reuse_times
from charter_engine.api.workloads import load
from charter_engine.bls.retention import DecideAt
from charter_engine.contracts.learning import LearnRequest, LearnResult
from charter_engine.contracts.notes import Note
from charter_engine.contracts.workload_files import BY_FORMAT, ReadAs
from charter_engine.errors import UsageError
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.joining import joined
from charter_engine.plan.retention.learnt import learn_report
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.model import learn as learnt

POOR = Note(
    "what was learnt explains little of when sessions return: plans stay with defaults unless a "
    "gain is predicted"
)


def learn(request: LearnRequest, report: Report = silent) -> LearnResult:
    """Learn from all sessions together, and write the reuse-times file whole or not at all. Blocks.
    Raises `CharterError`."""
    require_folder_of(request.output)
    model, notes = learn_from(
        request.sources,
        request.decide_at,
        strict=request.strict,
        read_as=request.read_as,
        report=report,
    )
    written = None
    if request.output:
        report(Progress("writing the reuse times"))
        written = write_reuse_times(Path(request.output), model, request.sources)
    told = learn_report(model, output=request.output, sources=request.sources)
    return LearnResult(
        report=told,
        reuse_times_written=written,
        notes=notes if told.usable else (*notes, POOR),
    )


def learn_from(
    sources: Sequence[str],
    decide_at: DecideAt,
    *,
    strict: bool,
    read_as: ReadAs = BY_FORMAT,
    report: Report = silent,
) -> tuple[ReuseTimeModel, tuple[Note, ...]]:
    """What the sessions in some files teach, and what of the files could not be used. Raises
    `UsageError`."""
    workloads: list[Workload] = []
    notes: list[Note] = []
    names = list(dict.fromkeys(sources))
    for number, source in enumerate(names):
        report(Progress("reading sessions", number, len(names)))
        workload, found = load(source, strict=strict, read_as=read_as)
        workloads.append(workload)
        notes += found
    report(Progress("learning reuse times"))
    try:
        return learnt(joined(workloads), decide_at), tuple(notes)
    except ValueError as error:
        raise UsageError(
            f"{', '.join(sources)}: {error}",
            remedy=(
                "reuse times are learnt from requests with a `session`: recordings, agent "
                "sessions, or such workloads"
            ),
        ) from None
