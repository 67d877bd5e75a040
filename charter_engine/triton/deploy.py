"""Push, rollback and what else changes a deployment: what may go live, and on which revision.
`deployment_view` tells what is live, `releases` works out what that puts where, and `transaction`
carries it out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from charter_engine.bls.reuse_times import ReuseTimeRules, reuse_times_section
from charter_engine.contracts.deploy import Change, Diff, Profile, PushReport, Revision, undone
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.triton import adopting, drift, preflight
from charter_engine.triton.bls_plan import reuse_times_of
from charter_engine.triton.deployment_view import DeploymentView, require_same_agent
from charter_engine.triton.errors import InvalidInput, Stale, TritonRefused, Unreachable
from charter_engine.triton.journal_records import Record, contents_of, lineage_of
from charter_engine.triton.live_state import whoever_this_is
from charter_engine.triton.release import Release, also_loading, plan_text_of
from charter_engine.triton.sealed import Damaged
from charter_engine.triton.served_figures import recent_figures
from charter_engine.triton.transaction import Superseded, Transaction


@dataclass
class Deployer(DeploymentView):
    """Pushes to one deployment, and looks at it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._transaction = Transaction(self.client, self.place, self.journal, self.on_step)

    async def repair(self) -> str:
        """Finish or take back a push that was cut short; what was done, or "" if nothing was
        wrong. One that somebody is at this moment carrying out is left to them."""
        if not self.interruption():
            return ""
        with self.journal.locked():
            return await self._transaction.repair()

    async def repair_journal(self) -> tuple[str, ...]:
        """Mend what is damaged of the journal, and finish or take back a push that was cut short;
        what was done. A revision 0 that can be read is never changed, and no journal is made."""
        if not self.journal.directory.is_dir():
            return ()
        with self.journal.locked():
            done = list(self.journal.mend())
            if self.journal.lost_live:
                back = await self.state.read_back()
                if back is not None:
                    self.journal.commit(back)
                    done.append(
                        f"revision {back.revision.number} was read back from the deployment"
                    )
            told = await self._transaction.repair()
        return (*done, told) if told else tuple(done)

    async def push(
        self,
        plan: Plan,
        calls: Sequence[Call],
        *,
        reuse_times: ReuseTimeRules | None = None,
        base_revision: int | None = None,
        note: str = "",
        force: bool = False,
    ) -> PushReport:
        """Make a plan live. `base_revision` is the one it was decided on (None: whichever is live).

        `reuse_times` are those that the plan names, by which `charter_bls` decides request by
        request.

        Raises `Stale` if another is live by now, `TritonRefused` if somebody else changed the
        deployment or another agent's plan is live (`force` overrides all three) or Triton refuses,
        `InvalidInput` for what this deployment cannot do. Whatever is raised, the revision before
        is live again, or the message says that it could not be verified.
        """
        started = time.monotonic()
        with self.journal.locked():
            await self._transaction.repair()
            current = await self._checked_current(base_revision, force)
            live = await self.state.read()
            if not force:
                require_same_agent(live, plan)
            profile = await self.profile()
            rules = reuse_times and reuse_times_section(reuse_times)
            diff = self.diff_from(live, plan, profile, rules)
            preflight.require_possible(diff)
            if not diff.changes and current.revision.number > 0 and not force:
                return _nothing_done(current, "nothing to push", diff)
            number = await self.state.next_number()
            if profile.path == "llmapi":
                release = await self.releases.of_settings(number, plan, current, diff)
            else:
                release = await self.releases.of_plan(
                    number, plan, calls, reuse_times, current, profile
                )
            self._check(release, profile)
            return await self._go_live(release, plan, current, diff, note, started)

    async def require_pushable(
        self,
        plan: Plan,
        reuse_times: ReuseTimeRules | None = None,
        *,
        base_revision: int | None = None,
        force: bool = False,
    ) -> None:
        """Raises as `push` does for what is known before anything is touched. Changes nothing."""
        current = self.journal.current()
        if current is not None and not force:
            await self._require_as_decided(current, base_revision)
        preflight.require_possible(await self.diff(plan, reuse_times, force=force))

    async def require_returnable(
        self, number: int | None = None, *, base_revision: int | None = None, force: bool = False
    ) -> None:
        """Raises as `rollback` does for what is known before anything is touched. Changes
        nothing."""
        self._require_pushed("there is nothing to go back to")
        current = self.journal.current() or await self.state.baseline()
        if not force:
            await self._require_as_decided(current, base_revision)
        self._goal(number, current)

    async def require_shareable(self) -> None:
        """Raises as `set_share` does for what is known before anything is touched. Changes
        nothing."""
        current = self.journal.current() or await self.state.baseline()
        await self._require_as_decided(current, None)
        _require_for_traffic(current)

    async def require_settleable(self, *, adopts: bool = False) -> None:
        """Raises as `put_back` does, with `adopts` as `adopt` does, for what is known before
        anything is touched. Changes nothing."""
        self._require_pushed("there is nothing to compare with")
        _, changes = await self._drifted()
        if adopts and self.place.in_files:
            adopting.require_adoptable(changes)

    async def require_uninstallable(self, *, force: bool = False) -> None:
        """Raises as `uninstall` does for what is known before anything is touched. Changes
        nothing."""
        current = self.journal.current()
        if current is not None and not force:
            await self._require_as_decided(current, None)

    async def set_share(
        self,
        share: float,
        *,
        base_revision: int | None = None,
        note: str = "",
        force: bool = False,
    ) -> PushReport:
        """Have the live plan's layouts for traffic apply to another share of the sessions, and
        change nothing else. Raises as `push` does, and `InvalidInput` where none applies."""
        started = time.monotonic()
        with self.journal.locked():
            await self._transaction.repair()
            current = await self._checked_current(base_revision, force)
            live = await self.state.read()
            _require_for_traffic(current)
            plan = replace(current.revision.plan, share=share)
            profile = await self.profile()
            reuse_times = reuse_times_of(plan_text_of(contents_of(current)))
            diff = self.diff_from(live, plan, profile, reuse_times)
            if not diff.changes:
                return _nothing_done(current, f"the share is {share:g} already", diff)
            number = await self.state.next_number()
            release = await self.releases.with_share(number, current, share)
            self._check(release, profile)
            return await self._go_live(release, plan, current, diff, note, started)

    async def rollback(
        self,
        number: int | None = None,
        *,
        base_revision: int | None = None,
        note: str = "",
        force: bool = False,
    ) -> PushReport:
        """Go back to a revision (None: the one the live one replaced), under a new number. Raises
        as `push` does.

        A push that was cut short is taken back first; without a number, that is all there is to do.
        """
        started = time.monotonic()
        self._require_pushed("there is nothing to go back to")
        with self.journal.locked():
            repaired = await self._transaction.repair()
            current = await self._checked_current(base_revision, force)
            if repaired and number is None and self.journal.is_failed(self._latest()):
                return _nothing_done(current, repaired, started=started)
            goal = self._goal(number, current)
            note = note or f"back to revision {goal.revision.number}"
            return await self._go_back(goal, current, note, started, force=force)

    async def put_back(self) -> PushReport:
        """Make the deployment what was last pushed again, over what others did to it since. Raises
        as `push` does."""
        started = time.monotonic()
        self._require_pushed("there is nothing to compare with")
        with self.journal.locked():
            await self._transaction.repair()
            current, changes = await self._drifted()
            if not changes:
                return _nothing_done(current, "nothing differs from what was pushed")
            number = await self.state.next_number()
            release = await self.releases.as_pushed(number, current)
            release = also_loading(release, {item.place for item in changes})
            self._check(release, await self.profile())
            note = f"revision {current.revision.number} put back"
            diff = drift.put_right(changes, current.revision.number)
            plan = current.revision.plan
            return await self._go_live(
                release,
                plan,
                current,
                diff,
                note,
                started,
                restores=current.revision.number,
                served=current.served,
            )

    async def adopt(self, note: str = "") -> PushReport:
        """Put on record, as a revision of its own, what others made of the deployment. Raises
        `TritonRefused` for what no file of it says, and as `push` does."""
        started = time.monotonic()
        self._require_pushed("there is nothing to compare with")
        with self.journal.locked():
            await self._transaction.repair()
            current, changes = await self._drifted()
            if not changes:
                return _nothing_done(current, "nothing differs from what was pushed")
            if self.place.in_files:
                adopting.require_adoptable(changes)
            number = await self.state.next_number()
            release = await self.releases.as_found(number, current, changes)
            self._check(release, await self.profile())
            plan = adopting.adopted_plan(current.revision.plan, contents_of(current), release.files)
            diff = Diff(
                base_revision=current.revision.number, changes=changes, cost=drift.dearest(changes)
            )
            why = note or "what others changed was adopted"
            return await self._go_live(release, plan, current, diff, why, started)

    async def uninstall(self, *, force: bool = False) -> PushReport:
        """Leave the deployment as it was found before the first push, and put its journal away.
        Raises as `rollback` does.

        Where Triton does not answer, only the files are put back: that is what its next start
        reads.
        """
        started = time.monotonic()
        found = self.journal.record(0)
        if found is None:
            return PushReport(
                ok=True,
                revision=0,
                diff=Diff(base_revision=0),
                elapsed_ms=0.0,
                message="nothing was ever pushed to this deployment from here",
            )
        with self.journal.locked():
            try:
                await self._transaction.repair()
                current = await self._checked_current(None, force)
                report = await self._go_back(found, current, "uninstalled", started, force=force)
                message = "the deployment is as it was found"
            except Unreachable as error:
                self._transaction.put_files_back(found)
                report = _nothing_done(found, "", started=started)
                message = f"{error.message}; its files are as they were found"
        kept = self.target.retire(self.journal)
        return replace(report, message=f"{message}; its history is kept in {kept}")

    async def _go_back(
        self, goal: Record, current: Record, note: str, started: float, *, force: bool
    ) -> PushReport:
        reuse_times = reuse_times_of(plan_text_of(contents_of(goal)))
        live, profile = await self.state.read(), await self.profile()
        plan = goal.revision.plan
        diff = self.diff_from(live, plan, profile, reuse_times)
        release = await self.releases.back_to(await self.state.next_number(), current, goal)
        self._check(release, profile)
        report = await self._go_live(
            release,
            plan,
            current,
            diff,
            note,
            started,
            superseded="rolled back",
            restores=goal.revision.number,
        )
        if not force:
            self.place.set_attributes(goal.attributes)
        return report

    async def _go_live(
        self,
        release: Release,
        plan: Plan,
        current: Record,
        diff: Diff,
        note: str,
        started: float,
        *,
        superseded: Superseded = "superseded",
        restores: int | None = None,
        served: Mapping[str, str] | None = None,
    ) -> PushReport:
        figures = await recent_figures(self.client, current.revision.number)
        if figures is not None:
            self.journal.keep_figures(current.revision.number, figures)
        revision = Revision(
            number=release.number,
            created_at=self.clock(),
            deployment=self.client.connection.url,
            agent=plan.agent,
            plan=plan,
            note=note,
            by=whoever_this_is(),
            parent=current.revision.number,
            parent_checksum=lineage_of(current),
            before=figures,
            cost=diff.cost,
            state="live",
            restores=restores,
        )
        verified = await self._transaction.go_live(
            release, revision, superseded=superseded, served=served
        )
        self.target.remember(self.journal)
        return PushReport(
            ok=True,
            revision=revision.number,
            diff=diff,
            elapsed_ms=(time.monotonic() - started) * 1000,
            message=f"revision {revision.number} is live",
            verified=verified,
        )

    def _check(self, release: Release, profile: Profile) -> None:
        """All that can be known of a release before anything is touched."""
        preflight.require_loadable(release, profile)
        self.place.require_writable({path: release.files[path] for path in release.changed})
        preflight.require_no_strangers(release, self.place)

    def _require_pushed(self, why: str) -> None:
        """Raises `InvalidInput` where nothing was pushed; no journal is made then."""
        if not self.journal.numbers():
            raise InvalidInput(f"nothing was pushed to this deployment from here: {why}")

    def _latest(self) -> int:
        return max(self.journal.numbers(), default=0)

    async def _drifted(self) -> tuple[Record, tuple[Change, ...]]:
        """The live record, and how the deployment differs from it."""
        current = self.journal.current()
        if current is None:
            raise Damaged(
                "which revision of this deployment is live is not on record",
                remedy="charter-engine history repair reads it back from the deployment",
            )
        return current, await drift.changes(self.client, self.place, current)

    async def _checked_current(self, base_revision: int | None, force: bool) -> Record:
        """The live record, after every check that must hold before anything is touched."""
        current = self.journal.current() or await self.state.baseline()
        if not force:
            await self._require_as_decided(current, base_revision)
        return current

    async def _require_as_decided(self, current: Record, base_revision: int | None) -> None:
        """Raises `Stale` where another revision than the base is live, and `TritonRefused` where
        somebody else changed the deployment."""
        live = current.revision.number
        if base_revision is not None and base_revision != live:
            raise Stale(
                f"this was decided on revision {base_revision}, and revision {live} is live by now",
                remedy="look at what changed and decide again",
            )
        changes = await drift.changes(self.client, self.place, current)
        if changes:
            raise TritonRefused(
                f"somebody else changed this deployment since revision {live}:"
                f"{drift.in_words(changes)}",
                remedy="charter-engine drift --adopt or --put-back settles it; --force pushes over "
                "it: other people's settings that the plan does not name are kept",
            )

    def _goal(self, number: int | None, current: Record) -> Record:
        wanted = undone(self.history(), current.revision.number) if number is None else number
        record = self.journal.record(wanted) if wanted is not None else None
        if record is None or record.revision.state == "failed":
            known = ", ".join(str(item.number) for item in self.history() if item.state != "failed")
            missing = f"there is no revision {wanted} to go back to"
            raise InvalidInput(
                "there is no push left to undo" if wanted is None else missing,
                remedy=f"revisions on record: {known or 'none'}",
            )
        return record


def _require_for_traffic(current: Record) -> None:
    """Raises `InvalidInput` where no layout of the live plan applies to traffic."""
    if not any(node.apply == "traffic" for node in current.revision.plan.nodes.values()):
        raise InvalidInput(
            "no layout of the live plan applies to traffic",
            remedy="start a trial: charter-engine trial start PLAN --share 0.1",
        )


def _nothing_done(
    current: Record, message: str, diff: Diff | None = None, *, started: float | None = None
) -> PushReport:
    number = current.revision.number
    return PushReport(
        ok=True,
        revision=number,
        diff=diff or Diff(base_revision=number),
        elapsed_ms=0.0 if started is None else (time.monotonic() - started) * 1000,
        message=message,
    )
