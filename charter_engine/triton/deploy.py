"""Push and rollback: what may go live, on which revision, and what stands in it. `transaction`
carries it out."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from charter_engine.bls.reuse_times import ReuseTimeRules, reuse_times_section
from charter_engine.contracts.deploy import Change, Diff, Profile, PushReport, Revision
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.plan.belonging import agent_in_words, same_agent
from charter_engine.plan.diff import diff_plans
from charter_engine.plan.settings import is_unset, set_value
from charter_engine.triton import preflight, verify
from charter_engine.triton.bls_plan import (
    compile_bls_plan,
    planned_in,
    reuse_times_in_words,
    reuse_times_of,
)
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import InvalidInput, ModelFailed, Stale, TritonRefused
from charter_engine.triton.files import Contents
from charter_engine.triton.journal import DeploymentRecord, Journal, Record, contents_of
from charter_engine.triton.journals import new_identity
from charter_engine.triton.llmapi import MODEL_YAML, llmapi_release
from charter_engine.triton.model_config import parameters_in, parameters_of
from charter_engine.triton.place import Place, RepositoryPlace, ServerPlace
from charter_engine.triton.profile import probe
from charter_engine.triton.release import (
    BLS_CONFIG,
    BLS_PLAN,
    CONFIG_OF,
    ENGINE_CONFIG,
    REVISION_PARAMETER,
    Release,
    Stamp,
    bls_parameters,
    engine_config_back,
    engine_parameters,
    plan_release,
    plan_text_of,
    release_of,
    restamped,
    stamp_of,
)
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL
from charter_engine.triton.transaction import Transaction, record_of

STAMP_BYTES = 8
BuildEngine = Callable[[int, Path], Path]
"""Gives the directory of an engine like the one in a directory, with other `tokens_per_block`;
builds it if need be."""


@dataclass(frozen=True)
class DeployTarget:
    """A deployment to push to. `repository` where its model repository can be written from here.

    `bls_template` are the files of `charter_bls` (`embedded.repository.bls_files()`). `tokenizer`
    is used where `charter_bls` is installed for the first time and the engine names none.
    `shown_id` is the id that the deployment shows of itself.
    """

    client: TritonClient
    journal: Journal
    bls_template: dict[str, bytes]
    repository: Path | None = None
    metrics_url: str | None = None
    tokenizer: str | None = None
    shown_id: str | None = None
    build_engine: BuildEngine | None = None
    remember: Callable[[Journal], None] = lambda _: None
    """Makes the journal found again by the deployment's id and address."""


@dataclass(frozen=True)
class _Live:
    """The live revision, if there is one, and the `plan.json` that is served."""

    revision: Revision | None
    plan_text: str | None


@dataclass
class Deployer:
    """Pushes to one deployment. `on_step` hears of every step as it is done."""

    target: DeployTarget
    on_step: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.time
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.target.client
        self.journal = self.target.journal
        repository = self.target.repository
        self.place = (
            ServerPlace(self.client)
            if repository is None
            else RepositoryPlace(self.client, repository)
        )
        self._transaction = Transaction(self.client, self.place, self.journal, self.on_step)

    async def live(self) -> Revision | None:
        """The revision that is live, read from the deployment; None where no plan was ever pushed.

        One that is not on record here was pushed from elsewhere: its plan is what the deployment
        itself tells of it, and before the first push from here it counts as revision 0. Raises
        `Unreachable`.
        """
        return (await self._live()).revision

    def recorded(self) -> Revision | None:
        """The revision that was last pushed from here, whatever became of it; works while Triton
        is down."""
        record = self.journal.current()
        return record.revision if record else None

    async def profile(self) -> Profile:
        """What the deployment can do, found by asking it."""
        return await probe(
            self.client, repository=self.target.repository, metrics_url=self.target.metrics_url
        )

    def history(self) -> list[Revision]:
        """All revisions on record, oldest first; what is damaged or was cut short says so."""
        return self.journal.history()

    async def diff(
        self, plan: Plan, reuse_times: ReuseTimeRules | None = None, *, force: bool = False
    ) -> Diff:
        """What pushing this plan, with the reuse times it names, would change of what is live.
        Raises `TritonRefused` where another agent's plan is live, unless `force`."""
        live = await self._live()
        if not force:
            _require_same_agent(live, plan)
        return self._diff(
            live, plan, await self.profile(), reuse_times and reuse_times_section(reuse_times)
        )

    async def foreign_changes(self) -> tuple[Change, ...]:
        """How the deployment differs from what was last pushed: somebody else's doing."""
        record = self.journal.current()
        return (
            ()
            if record is None
            else await verify.foreign_changes(self.client, self.place, contents_of(record))
        )

    async def repair(self) -> str:
        """Finish or take back a push that was cut short; what was done, or "" if nothing was
        wrong. One that somebody is at this moment carrying out is left to them."""
        if self.journal.pending() is None or self.journal.is_held:
            return ""
        with self.journal.locked():
            return await self._transaction.repair()

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
            live = await self._live()
            if not force:
                _require_same_agent(live, plan)
            profile = await self.profile()
            diff = self._diff(live, plan, profile, reuse_times and reuse_times_section(reuse_times))
            preflight.require_possible(diff)
            if not diff.changes and current.revision.number > 0 and not force:
                return PushReport(
                    ok=True,
                    revision=current.revision.number,
                    diff=diff,
                    elapsed_ms=0.0,
                    message="nothing to push",
                )
            number = await self._next_number()
            if profile.path == "llmapi":
                release = await self._settings_release(number, plan, current, diff)
            else:
                release = await self._release(number, plan, calls, reuse_times, current, profile)
            self._check(release, profile)
            revision = self._revision(number, plan, current, diff, note)
            verified = await self._transaction.go_live(release, revision, superseded="superseded")
            self.target.remember(self.journal)
        return _report(revision, diff, verified, started)

    async def rollback(
        self, number: int | None = None, *, base_revision: int | None = None, force: bool = False
    ) -> PushReport:
        """Go back to a revision (None: the one the live one replaced), under a new number. Raises
        as `push` does.

        A push that was cut short is taken back first; without a number, that is all there is to do.
        """
        started = time.monotonic()
        with self.journal.locked():
            repaired = await self._transaction.repair()
            current = await self._checked_current(base_revision, force)
            if repaired and number is None and self.journal.is_failed(self._latest()):
                return self._as_repaired(current, repaired, started)
            goal = self._goal(number, current)
            reuse_times = reuse_times_of(plan_text_of(contents_of(goal)))
            live, profile = await self._live(), await self.profile()
            diff = self._diff(live, goal.revision.plan, profile, reuse_times)
            fresh = await self._next_number()
            release = await self._release_back(fresh, current, goal)
            self._check(release, profile)
            note = f"back to revision {goal.revision.number}"
            back = self._revision(fresh, goal.revision.plan, current, diff, note)
            revision = replace(back, restores=goal.revision.number)
            verified = await self._transaction.go_live(release, revision, superseded="rolled back")
            if not force:
                self.place.set_attributes(goal.attributes)
        return _report(revision, diff, verified, started)

    def _check(self, release: Release, profile: Profile) -> None:
        """All that can be known of a release before anything is touched."""
        preflight.require_loadable(release, profile)
        self.place.require_writable({path: release.files[path] for path in release.changed})
        preflight.require_no_strangers(release, self.place)

    def _latest(self) -> int:
        return max(self.journal.numbers(), default=0)

    def _as_repaired(self, current: Record, message: str, started: float) -> PushReport:
        number = current.revision.number
        return PushReport(
            ok=True,
            revision=number,
            diff=Diff(base_revision=number),
            elapsed_ms=(time.monotonic() - started) * 1000,
            message=message,
        )

    async def _checked_current(self, base_revision: int | None, force: bool) -> Record:
        """The live record, after every check that must hold before anything is touched."""
        current = self.journal.current() or await self._baseline()
        live = current.revision.number
        if base_revision is not None and base_revision != live and not force:
            raise Stale(
                f"this was decided on revision {base_revision}, and revision {live} is live by now",
                remedy="look at what changed and decide again",
            )
        changes = (
            []
            if force
            else await verify.foreign_changes(self.client, self.place, contents_of(current))
        )
        if changes:
            shown = "".join(
                f"\n  {item.place} {item.key}: pushed {item.old}, found {item.new}"
                for item in changes
            )
            raise TritonRefused(
                f"somebody else changed this deployment since revision {live}:{shown}",
                remedy="--force pushes over it; "
                "other people's settings that the plan does not name are kept",
            )
        return current

    async def _baseline(self) -> Record:
        """Revision 0: the deployment as it was found."""
        paths = {*CONFIG_OF.values(), BLS_PLAN, MODEL_YAML, *self.target.bls_template}
        files = await self.place.read(paths)
        plan = planned_in(plan_text_of(files)) or Plan(agent="")
        record = replace(
            record_of(self._found(0, plan), files), attributes=self.place.attributes(paths)
        )
        self.journal.keep_found(record)
        return record

    def _deployment(self) -> DeploymentRecord:
        """What the deployment is known by. One that shows an id already keeps it."""
        known = self.journal.deployment()
        repository = self.target.repository
        found = DeploymentRecord(
            id=known.id if known else self.target.shown_id or new_identity(),
            repository=str(repository) if repository else known.repository if known else "",
        )
        self.journal.keep_deployment(found)
        return found

    def _stamp(self, number: int) -> Stamp:
        """What tells a push of this moment from every other, also one of the same number."""
        return Stamp(number, self._deployment().id, secrets.token_hex(STAMP_BYTES))

    async def _live(self) -> _Live:
        """What the deployment serves: as recorded, where it shows the recorded revision's stamp."""
        record = self.journal.current()
        shown = await self._shown()
        if record is not None and stamp_of(_bls_parameters(record)) == stamp_of(shown):
            return _Live(record.revision, plan_text_of(contents_of(record)))
        text = plan_text_of(await self.place.read((BLS_CONFIG, BLS_PLAN)))
        plan = planned_in(text)
        if record is None and plan is None:
            return _Live(None, text)
        number = _number(shown) if record is not None else 0
        return _Live(self._found(number, plan or Plan(agent="")), text)

    async def _shown(self) -> dict[str, str]:
        """The parameters of the served `charter_bls`; none where it serves none."""
        try:
            return parameters_of(await self.client.config(BLS_MODEL))
        except (TritonRefused, ModelFailed):
            return {}

    def _found(self, number: int, plan: Plan) -> Revision:
        """A revision that is live and was not pushed from here."""
        return Revision(
            number=number,
            created_at=self.clock(),
            deployment=self.client.connection.url,
            agent=plan.agent,
            plan=plan,
            note="as found",
        )

    async def _release(
        self,
        number: int,
        plan: Plan,
        calls: Sequence[Call],
        reuse_times: ReuseTimeRules | None,
        current: Record,
        profile: Profile,
    ) -> Release:
        plan_text = compile_bls_plan(plan, calls, number, reuse_times)
        original = self.journal.record(0) or current
        known = {*current.files, *current.raw}
        now = await self.place.read({*known, *self.target.bls_template, BLS_PLAN})
        if profile.path == "none":
            raise InvalidInput(
                f"there is nothing to push to: {profile.reasons['engine']}",
                remedy="is this the right Triton?",
            )
        engine = await self.client.contract(ENGINE_MODEL, fresh=True)
        directory = await asyncio.to_thread(
            self._engine_directory, plan.server.tokens_per_block, contents_of(original)
        )
        block_size = plan.server.tokens_per_block or self._original_block_size(profile)
        return plan_release(
            number,
            now,
            contents_of(original),
            self.target.bls_template,
            last=contents_of(current),
            plan_text=plan_text,
            engine=engine_parameters(plan.server, directory),
            bls=bls_parameters(self._stamp(number), engine, block_size, self._tokenizer(now)),
            defaults=profile.defaults,
            in_files=self.place.in_files,
            decoupled=engine.decoupled,
        )

    async def _release_back(self, number: int, current: Record, goal: Record) -> Release:
        """The contents of an earlier revision, with what somebody else edited since in the engine's
        configuration."""
        now = await self.place.read({*current.files, *current.raw, *goal.files, *goal.raw})
        wanted = restamped(contents_of(goal), self._stamp(number))
        engine = engine_config_back(
            now.get(ENGINE_CONFIG),
            contents_of(current).get(ENGINE_CONFIG),
            wanted.get(ENGINE_CONFIG),
        )
        files = {**dict.fromkeys(now), **wanted, ENGINE_CONFIG: engine}
        return release_of(number, now, files)

    async def _settings_release(
        self, number: int, plan: Plan, current: Record, diff: Diff
    ) -> Release:
        """On the LLM API path only settings are pushed; layouts are applied where requests are
        made."""
        now = await self.place.read({*current.files, *current.raw, MODEL_YAML})
        if diff.cost in {None, "request"}:
            return release_of(number, now, now)
        return llmapi_release(
            number, now, contents_of(self.journal.record(0) or current), plan.server
        )

    def original_parameters(self, profile: Profile) -> dict[str, str]:
        """The settings the deployment had before the first push; empty if there was none."""
        record = self.journal.record(0)
        if record is None:
            return {}
        found = parameters_in(contents_of(record).get(ENGINE_CONFIG), ENGINE_CONFIG)
        found = {key: value for key, value in found.items() if not is_unset(value)}
        size = self._original_block_size(profile)
        return {**found, "tokens_per_block": str(size)} if size else found

    def _original_block_size(self, profile: Profile) -> int | None:
        """The block size of the engine as found; while another is live, the metrics page shows the
        other's."""
        record = self.journal.record(0)
        found = _bls_parameters(record) if record else {}
        return int(found.get("tokens_per_block") or 0) or profile.tokens_per_block

    def _engine_directory(self, tokens_per_block: int | None, original: Contents) -> str | None:
        if tokens_per_block is None:
            return None
        found = parameters_in(original.get(ENGINE_CONFIG), ENGINE_CONFIG)
        directory = Path(found.get("gpt_model_path", ""))
        if self.target.build_engine is None or not directory.is_dir():
            raise InvalidInput(
                f"tokens_per_block {tokens_per_block} needs another engine, which cannot be built "
                "from here",
                remedy=(
                    f"trtllm-build --tokens_per_block {tokens_per_block}, then point "
                    "gpt_model_path at its output"
                ),
            )
        built = self.target.build_engine(tokens_per_block, directory)
        self.on_step(f"built {built}")
        return str(built)

    def _tokenizer(self, now: Contents) -> str:
        """What `charter_bls` has, else what was given, else what the engine names; what was given
        must be the model's."""
        engine = parameters_in(now.get(ENGINE_CONFIG), ENGINE_CONFIG)
        present = set_value(parameters_in(now.get(BLS_CONFIG), BLS_CONFIG).get("tokenizer_dir"))
        given = self.target.tokenizer
        if given is not None and Path(given).exists():
            preflight.require_own_tokenizer(given, present, engine)
        chosen = present or given or set_value(engine.get("tokenizer_dir"))
        if chosen is None:
            raise InvalidInput(
                "charter_bls needs the model's tokenizer, and the engine's config.pbtxt names none",
                remedy="give the directory that holds tokenizer.json with --tokenizer",
            )
        return chosen

    def _diff(self, live: _Live, plan: Plan, profile: Profile, reuse_times: Any) -> Diff:
        base = live.revision.plan if live.revision else Plan(agent=plan.agent)
        # A push brings charter_bls: its cost classes hold, whether or not it is there yet.
        expected = replace(
            profile,
            charter_bls=profile.path == "engine",
            original=self.original_parameters(profile),
        )
        number = live.revision.number if live.revision else 0
        in_words = (
            reuse_times_in_words(reuse_times_of(live.plan_text)),
            reuse_times_in_words(reuse_times),
        )
        return diff_plans(base, plan, expected, number, in_words)

    def _goal(self, number: int | None, current: Record) -> Record:
        wanted = current.revision.parent if number is None else number
        record = self.journal.record(wanted) if wanted is not None else None
        if record is None or record.revision.state == "failed":
            known = ", ".join(str(item.number) for item in self.history() if item.state != "failed")
            raise InvalidInput(
                f"there is no revision {'before the live one' if wanted is None else wanted} to go "
                "back to",
                remedy=f"revisions on record: {known or 'none'}",
            )
        return record

    async def _next_number(self) -> int:
        """A number that no revision has, pushed from here or from elsewhere."""
        return max(0, *self.journal.numbers(), _number(await self._shown())) + 1

    def _revision(
        self, number: int, plan: Plan, current: Record, diff: Diff, note: str
    ) -> Revision:
        return Revision(
            number=number,
            created_at=self.clock(),
            deployment=self.client.connection.url,
            agent=plan.agent,
            plan=plan,
            note=note,
            parent=current.revision.number,
            cost=diff.cost,
            state="live",
        )


def _bls_parameters(record: Record) -> dict[str, str]:
    """What `charter_bls` shows under a revision."""
    return parameters_in(contents_of(record).get(BLS_CONFIG), BLS_CONFIG)


def _number(shown: Mapping[str, str]) -> int:
    number = shown.get(REVISION_PARAMETER, "")
    return int(number) if number.isdecimal() else 0


def _require_same_agent(live: _Live, plan: Plan) -> None:
    if live.revision is not None and not same_agent(live.revision.plan, plan):
        raise TritonRefused(
            f"revision {live.revision.number} is live for agent "
            f"{agent_in_words(live.revision.plan)}; this plan is for {agent_in_words(plan)}",
            remedy="charter-engine rollback 0 takes it back first; --force replaces it",
        )


def _report(
    revision: Revision, diff: Diff, verified: tuple[str, ...], started: float
) -> PushReport:
    return PushReport(
        ok=True,
        revision=revision.number,
        diff=diff,
        elapsed_ms=(time.monotonic() - started) * 1000,
        message=f"revision {revision.number} is live",
        verified=verified,
    )
