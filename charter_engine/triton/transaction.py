"""Carries out a release: at every moment the old revision or the new one is live and verified, or
the journal says so.

Everything is staged and journaled first; then files are renamed into place, models loaded, and what
the server shows is compared with what was meant, down to an answered request. Any failure on the
way, and any crash found later, takes back what was done and verifies that too.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from charter_engine.contracts.deploy import Revision
from charter_engine.triton import files, verify
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonError
from charter_engine.triton.files import Contents
from charter_engine.triton.journal import Journal, Pending, Record, contents_of, texts_of
from charter_engine.triton.place import Place
from charter_engine.triton.release import CONFIG_OF, Release

RETURN_SECONDS = 20.0
"""How long a server that vanished in mid-push may take to come back before the way back is left to
the next start."""


@dataclass(frozen=True)
class Transaction:
    """Changes one deployment whose journal is locked. `on_step` hears of every step as it is
    done."""

    client: TritonClient
    place: Place
    journal: Journal
    on_step: Callable[[str], None]

    async def go_live(
        self,
        release: Release,
        revision: Revision,
        *,
        superseded: Literal["superseded", "rolled back"],
    ) -> tuple[str, ...]:
        """Carry out a release. Raises what went wrong, after everything was taken back."""
        record = Record(revision=revision, files=texts_of(release.files))
        previous = self.journal.current()
        contents = {path: release.files[path] for path in release.changed}
        before = await self.place.read(release.changed)
        try:
            self.place.stage(contents)
        except OSError as error:
            raise TritonError(f"nothing was changed: {error.filename}: {error.strerror}") from None
        try:
            self.on_step("staged")
            parent = previous.revision.number if previous else 0
            self.journal.begin(
                Pending(number=release.number, parent=parent, files=texts_of(before))
            )
        except BaseException:
            self.place.clean(contents)
            raise
        try:
            self.on_step("journaled")
            verified = await self._carry_out(release, contents)
            self.journal.commit(record)
        except BaseException as error:
            await _uncancelled(self._take_back(record, previous, before, error))
            raise
        self.on_step("committed")
        self.journal.end()
        self.place.clean(contents)
        if previous is not None:
            self.journal.save(
                replace(previous, revision=replace(previous.revision, state=superseded))
            )
        return verified

    async def _carry_out(self, release: Release, contents: Contents) -> tuple[str, ...]:
        # Configurations go last: they carry the revision's number, and charter_bls refuses a plan
        # of another number.
        for path in sorted(contents, key=lambda path: path in CONFIG_OF.values()):
            self.place.apply(path, contents[path])
            self.on_step(f"wrote {path}")
        for model in release.loads:
            await _to_its_end(self.place.load(model, release.files))
            self.on_step(f"loaded {model}")
        for model in release.unloads:
            await _to_its_end(self.client.unload(model))
        verified = await verify.release(self.client, release)
        self.on_step("verified")
        return verified

    async def _take_back(
        self, record: Record, previous: Record | None, before: Contents, cause: BaseException
    ) -> None:
        """Back to the files and models of before. What cannot be confirmed stays journaled for the
        next start."""
        live = record.revision.parent or 0
        try:
            self.place.restore(before)
            await self._reload_old(before)
            if previous is not None:
                self.journal.make_live(previous)
        except (TritonError, OSError) as error:
            raise TritonError(
                f"{cause}; the files of revision {live} are back, but that it is live could not be "
                f"verified: {error}",
                remedy="charter-engine push, rollback or triton up verify it once Triton answers",
            ) from cause
        self.journal.end()
        self.place.clean(before)
        kind = "interrupted" if isinstance(cause, asyncio.CancelledError) else type(cause).__name__
        failed = replace(record.revision, state="failed", note=str(cause) or kind)
        with contextlib.suppress(OSError):  # a full disk may be the very cause
            self.journal.save(replace(record, revision=failed))
        self.on_step(f"revision {live} is live again")
        if isinstance(cause, TritonError):
            cause.message += f"; revision {live} is live again (verified)"

    async def _reload_old(self, before: Contents) -> None:
        await verify.wait_until_reachable(self.client, RETURN_SECONDS)
        touched = [
            model for model in CONFIG_OF if any(path.startswith(f"{model}/") for path in before)
        ]
        contents = {**await self.place.read(CONFIG_OF.values()), **before}
        for model in touched:
            if contents.get(CONFIG_OF[model]) is None:
                await self.client.unload(model)
            elif not await verify.shows(self.client, model, contents):
                await self.place.load(model, contents)
                await verify.require(self.client, model, contents)

    async def repair(self) -> str:
        """Finish or take back a push that was cut short; what was done, or "" if nothing was
        wrong."""
        pending = self.journal.pending()
        if pending is None:
            return ""
        live = self.journal.current()
        if live is not None and live.revision.number == pending.number:
            self.place.clean(pending.files)
            self.journal.end()
            return f"revision {pending.number} had gone live; what its push left behind is removed"
        before = contents_of(pending)
        self.place.restore(before)
        await self._reload_old(before)
        self.place.clean(before)
        self.journal.end()
        message = (
            f"the push of revision {pending.number} was cut short; revision {pending.parent} is "
            "live again"
        )
        self.on_step(message)
        return message


def restore_files(journal: Journal, repository: Path) -> bool:
    """Before a server starts on a repository: put back the files of a push that was cut short;
    whether there was one.

    The journal keeps the push until `repair` has seen the old revision live.
    """
    pending = journal.pending()
    live = journal.current()
    if pending is None or (live is not None and live.revision.number == pending.number):
        return False
    files.restore(repository, contents_of(pending))
    return True


async def _uncancelled(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work even if whoever waits is cancelled again meanwhile."""
    task = asyncio.create_task(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    task.result()


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Let Triton finish before a cancellation goes on: it would load to the end all the same, over
    what is put back."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # asyncio reports one that nobody looked at
        raise
