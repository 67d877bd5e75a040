"""The revisions of a deployment: listed, shown, compared, and mended where they are damaged."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.deployments import opened, tell_drift
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Change, Revision
from charter_engine.contracts.deploying import RevisionComparison, RevisionDetails
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer
    from charter_engine.triton.journal import Journal
    from charter_engine.triton.journal_records import Record


async def history(
    triton: TritonOptions, report: Report = silent, *, kept: Path | None = None
) -> tuple[Revision, ...]:
    """All revisions on record, oldest first. Works while Triton is down; of the embedded one also
    after it ended. `kept` is the directory of a journal that was put away, to be read instead.
    Changes nothing. Raises `CharterError`."""
    async with _opened(triton, report, kept) as journal:
        return journal.revisions()


async def show(
    number: int, triton: TritonOptions, report: Report = silent, *, kept: Path | None = None
) -> RevisionDetails:
    """A revision with all that it put where; `kept` as of `history`. Raises `UsageError` if it is
    not on record."""
    async with _opened(triton, report, kept) as journal:
        record = journal.record(number)
        sizes = {path: f"{len(content)} bytes" for path, content in record.raw.items()}
        revision = next(item for item in journal.revisions() if item.number == number)
        return RevisionDetails(
            revision=revision, files={**record.files, **sizes}, served=record.served
        )


async def compare(
    old: int,
    new: int,
    triton: TritonOptions,
    report: Report = silent,
    *,
    kept: Path | None = None,
) -> RevisionComparison:
    """How the files of one revision differ from those of another; `kept` as of `history`. Raises
    `UsageError` if one is not on record."""
    async with _opened(triton, report, kept) as journal:
        before, after = journal.record(old), journal.record(new)
        return RevisionComparison(
            old=before.revision,
            new=after.revision,
            changes=_changes(before, after),
        )


def changed_files(journal: "Journal", number: int) -> tuple[Change, ...]:
    """How the files of a revision differ from those of the one it was made behind, field by field;
    nothing where one of them is not on record."""
    after = journal.record(number)
    parent = after.revision.parent if after is not None else None
    before = journal.record(parent) if parent is not None else None
    return _changes(before, after) if before is not None and after is not None else ()


def _changes(before: "Record", after: "Record") -> tuple[Change, ...]:
    from charter_engine.triton import drift
    from charter_engine.triton.journal_records import contents_of

    return drift.file_changes(contents_of(before), contents_of(after))


async def repair(triton: TritonOptions, report: Report = silent) -> tuple[str, ...]:
    """Mend the journal, and finish or take back a push that was cut short; what was done. Raises
    `CharterError`."""
    async with opened(triton, report) as deployer:
        return await deployer.repair_journal()


@dataclass(frozen=True)
class _OpenJournal:
    """A journal that is read. `is_served`: its deployment is there still."""

    journal: "Journal"
    is_served: bool = True

    def revisions(self) -> tuple[Revision, ...]:
        """All on record, oldest first; of a deployment that is gone none is live."""
        found = self.journal.history()
        if self.is_served:
            return tuple(found)
        return tuple(
            replace(item, state="ended") if item.state == "live" else item for item in found
        )

    def record(self, number: int) -> "Record":
        """One of them. Raises `UsageError` if it is not on record."""
        record = self.journal.record(number)
        if record is None:
            known = ", ".join(map(str, self.journal.numbers())) or "none"
            raise UsageError(
                f"revision {number} is not on record", remedy=f"revisions on record: {known}"
            )
        return record


@asynccontextmanager
async def _opened(
    triton: TritonOptions, report: Report, kept: Path | None
) -> AsyncIterator[_OpenJournal]:
    from charter_engine.servers.attaching import ended_journal, kept_journal

    if kept is not None:
        yield _OpenJournal(kept_journal(kept), is_served=False)
        return
    ended = ended_journal(triton)
    if ended is not None:
        told = f"no embedded Triton named {triton.name!r} is up: these revisions are on record"
        report(Progress(told))
        yield _OpenJournal(ended, is_served=False)
        return
    async with opened(triton, report) as deployer:
        with suppress(CharterError):  # Triton may be down
            await tell_drift(deployer, report)
        _tell_uninstalled(deployer, report)
        yield _OpenJournal(deployer.journal)


def _tell_uninstalled(deployer: "Deployer", report: Report) -> None:
    """Where nothing is on record any more: what shows the revisions of before."""
    from charter_engine.servers.attaching import uninstalled_journal

    earlier = None if deployer.journal.numbers() else uninstalled_journal(deployer)
    if earlier is not None:
        told = f"it was uninstalled: charter-engine history --journal {earlier.directory} shows"
        report(Progress(f"{told} what was pushed before"))
