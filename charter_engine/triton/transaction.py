"""Carries out a release: at every moment the old revision or the new one is live and verified, or
the journal says so.

Everything is staged and journaled first; then files are renamed into place, models loaded, and what
the server shows is compared with what was meant, down to an answered request. Any failure on the
way, and any crash found later, takes back what was done and verifies that too.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from charter_engine.contracts.deploy import Revision
from charter_engine.triton import drift, files, verify
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import ModelFailed, Stale, TritonError
from charter_engine.triton.files import Contents
from charter_engine.triton.journal import Journal
from charter_engine.triton.journal_records import (
    Pending,
    Record,
    contents_of,
    raw_of,
    record_of,
    texts_of,
)
from charter_engine.triton.place import Place
from charter_engine.triton.release import CONFIG_OF, Release, stamp_of
from charter_engine.triton.request import BLS_MODEL

Superseded = Literal["superseded", "rolled back"]
TOKEN_BYTES = 8
"""64 bits: no two pushes have one token."""
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
        superseded: Superseded,
        served: Mapping[str, str] | None = None,
    ) -> tuple[str, ...]:
        """Carry out a release. `served` are whole configurations that its models must show, where
        they are known. Raises what went wrong, after everything was taken back."""
        record = record_of(revision, release.files)
        previous = self.journal.current()
        contents = {path: release.files[path] for path in release.changed}
        before = await self.place.read(release.changed)
        pending = Pending(
            number=release.number,
            parent=previous.revision.number if previous else 0,
            files=texts_of(before),
            raw=raw_of(before),
            attributes=self.place.attributes(release.changed),
            token=secrets.token_hex(TOKEN_BYTES),
            stamps=(await verify.stamp(self.client), stamp_of(release.parameters(BLS_MODEL))),
        )
        await self._prepare(pending, record, contents)
        try:
            verified = await self._carry_out(release, pending, contents, served or {})
            record = replace(record, served=await drift.served(self.client))
            self.journal.commit(record)
        except BaseException as error:
            await _uncancelled(self._take_back(pending, record, previous, error))
            raise
        self.on_step("committed")
        self.place.settle(pending.token, contents)
        self.journal.end()
        if previous is not None:
            self.journal.save(
                replace(previous, revision=replace(previous.revision, state=superseded))
            )
        return verified

    async def _prepare(self, pending: Pending, record: Record, contents: Contents) -> None:
        """Journal the change, put it on disk beside its targets, and be sure that the server will
        read it there."""
        try:
            self.journal.begin(pending, record)
            self.on_step("journaled")
            self.place.stage(pending.token, contents)
            self.on_step("staged")
            await self.place.require_served(pending.token)
        except BaseException as error:
            self.place.clean(pending.token, contents)
            self.place.set_attributes(pending.attributes)
            self.journal.end()
            self._put_down_as_failed(record, error)
            if isinstance(error, OSError):
                raise TritonError(f"nothing was changed: {in_words(error)}") from None
            raise

    async def _carry_out(
        self, release: Release, pending: Pending, contents: Contents, served: Mapping[str, str]
    ) -> tuple[str, ...]:
        # Configurations go last: they carry the revision's number, and charter_bls refuses a plan
        # of another number.
        for path in sorted(contents, key=lambda path: path in CONFIG_OF.values()):
            self.place.apply(pending.token, path, contents[path])
            self.on_step(f"wrote {path}")
        for model in release.loads:
            await self._require_same_stamp(pending)
            await _to_its_end(self.place.load(model, release.files, served.get(model)))
            self.on_step(f"loaded {model}")
        for model in release.unloads:
            await self._require_same_stamp(pending)
            await _to_its_end(self.client.unload(model))
        verified = await verify.release(self.client, release)
        self.on_step("verified")
        return verified

    async def _require_same_stamp(self, pending: Pending) -> None:
        """Others may push from where this journal is out of reach. Raises `Stale`."""
        found = await verify.stamp(self.client)
        if found != pending.stamps[0]:
            raise Stale(
                "somebody else pushed at the same time, from where this deployment's journal is "
                f"out of reach: it shows {found or 'no stamp'}, and showed "
                f"{pending.stamps[0] or 'none'} when this push began",
                remedy="look at what is live and decide again",
            )

    async def _take_back(
        self, pending: Pending, record: Record, previous: Record | None, cause: BaseException
    ) -> None:
        """Back to the files and models of before. What cannot be confirmed stays journaled for the
        next start."""
        try:
            outcome = await self._put_back(pending)
            if previous is not None:
                self.journal.make_live(previous)
            self.journal.end()
        except (TritonError, OSError) as error:
            raise TritonError(
                f"{in_words(cause)}; the files of revision {pending.parent} are back, but that it "
                f"is live could not be verified: {in_words(error)}",
                remedy="charter-engine push, rollback or triton up verify it once Triton answers",
            ) from cause
        self._put_down_as_failed(record, cause)
        self.on_step(outcome)
        if isinstance(cause, TritonError):
            cause.message += f"; {outcome}"

    def _put_down_as_failed(self, record: Record, cause: BaseException) -> None:
        failed = replace(record.revision, state="failed", note=in_words(cause))
        with contextlib.suppress(OSError):  # a full disk may be the very cause
            self.journal.save(replace(record, revision=failed))

    async def _put_back(self, pending: Pending) -> str:
        """The files as they were, whatever the server says; then the models. What is live then.
        Also right when done twice."""
        before = contents_of(pending)
        self._restore_files(pending, before)
        try:
            await verify.wait_until_reachable(self.client, RETURN_SECONDS)
            shown = await verify.stamp(self.client)
            if pending.stamps and shown is not None and shown not in pending.stamps:
                return f"what somebody else pushed is live ({shown}), and was left as it is"
            return await self._reload_old(pending.parent, before)
        finally:
            # A model that was loaded meanwhile may have left what Python compiled.
            self.place.clean(pending.token, before)
            self.place.set_attributes(pending.attributes)

    def _restore_files(self, pending: Pending, before: Contents) -> None:
        self.place.restore(pending.token, before)
        self.place.clean(pending.token, before)
        self.place.set_attributes(pending.attributes)

    async def _reload_old(self, number: int, before: Contents) -> str:
        touched = [
            model for model in CONFIG_OF if any(path.startswith(f"{model}/") for path in before)
        ]
        contents = {**await self.place.read(CONFIG_OF.values()), **before}
        for model in touched:
            if contents.get(CONFIG_OF[model]) is None:
                await self._unload(model)
            elif not await verify.shows(self.client, model, contents):
                await self.place.load(model, contents)
                await verify.require(self.client, model, contents)
        try:
            await verify.answers(self.client, contents)
        except ModelFailed as error:
            return f"revision {number} is loaded again, but answers no request: {error.message}"
        return f"revision {number} is live again (verified)"

    async def _unload(self, model: str) -> None:
        """Unload a model, if it is there, and wait until it is gone."""
        if any(item.name == model and item.state == "READY" for item in await self.client.index()):
            await self.client.unload(model)
            await verify.require_gone(self.client, model)

    async def repair(self) -> str:
        """Finish or take back a push that was cut short; what was done, or "" if nothing was
        wrong."""
        pending = self.journal.interrupted()
        if pending is None:
            return ""
        if not pending.token:
            token = self.place.token_beside(contents_of(pending))
            pending = replace(pending, token=token)
        live = self.journal.current()
        if live is not None and live.revision.number == pending.number:
            self.place.settle(pending.token, contents_of(pending))
            self.journal.save(live)
            self.journal.end()
            message = f"revision {pending.number} had gone live; what its push left is removed"
        else:
            outcome = await self._put_back(pending)
            self._put_down_as_cut_short(pending)
            self.journal.end()
            message = f"the push of revision {pending.number} was cut short; {outcome}"
        self.on_step(message)
        return message

    def put_files_back(self, found: Record) -> None:
        """The files as they were found, for a server that does not answer."""
        contents = contents_of(found)
        token = secrets.token_hex(TOKEN_BYTES)
        self.place.require_writable(contents)
        self.place.stage(token, contents)
        for path, content in contents.items():
            self.place.apply(token, path, content)
        self.place.settle(token, contents)
        self.place.set_attributes(found.attributes)

    def _put_down_as_cut_short(self, pending: Pending) -> None:
        record = self.journal.record(pending.number)
        if record is not None:
            failed = replace(record.revision, state="failed", note="cut short and taken back")
            self.journal.save(replace(record, revision=failed))


def restore_files(journal: Journal, repository: Path) -> bool:
    """Before a server starts on a repository: put back the files of a push that was cut short;
    whether there was one.

    The journal keeps the push until `repair` has seen the old revision live.
    """
    pending = journal.interrupted()
    live = journal.current()
    if pending is None or (live is not None and live.revision.number == pending.number):
        return False
    before = contents_of(pending)
    token = pending.token or files.token_beside(repository, before)
    staged = files.StagedFiles(repository, token)
    staged.restore(before)
    staged.clean(before)
    files.set_attributes(repository, pending.attributes)
    return True


def in_words(error: BaseException) -> str:
    """What happened, also where the error's own text is empty or names no file."""
    if isinstance(error, asyncio.CancelledError):
        return "interrupted"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


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
