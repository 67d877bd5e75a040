"""Releases for one deployment: what a plan, or an earlier revision, puts where."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from charter_engine.bls.reuse_times import ReuseTimeRules
from charter_engine.contracts.deploy import Change, Diff, Profile
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.plan.settings import is_unset, set_value
from charter_engine.prompts.templated import Writes
from charter_engine.triton import adopting, preflight
from charter_engine.triton.bls_plan import compile_bls_plan
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.files import Contents
from charter_engine.triton.journal_records import Record, contents_of
from charter_engine.triton.live_state import LiveState, bls_parameters_in
from charter_engine.triton.llmapi import MODEL_YAML, llmapi_release
from charter_engine.triton.model_config import parameters_in
from charter_engine.triton.release import (
    BLS_CONFIG,
    BLS_PLAN,
    ENGINE_CONFIG,
    Release,
    also_loading,
    bls_parameters,
    engine_config_back,
    engine_parameters,
    plan_release,
    release_of,
    restamped,
)
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL
from charter_engine.triton.templated_forms import lays_out_chats


@dataclass(frozen=True)
class Releases:
    """Works out releases; reads the deployment, and changes nothing of it but that an engine may be
    built beside it."""

    state: LiveState
    on_step: Callable[[str], None]

    async def of_plan(
        self,
        number: int,
        plan: Plan,
        calls: Sequence[Call],
        reuse_times: ReuseTimeRules | None,
        current: Record,
        profile: Profile,
    ) -> Release:
        """What makes a plan live on the engine path. Raises `InvalidInput`."""
        target, place = self.state.target, self.state.place
        original = target.journal.record(0) or current
        known = {*current.files, *current.raw}
        now = await place.read({*known, *target.bls_template, BLS_PLAN})
        writers = await asyncio.to_thread(self._writers, now) if lays_out_chats(plan, calls) else ()
        plan_text = compile_bls_plan(plan, calls, number, reuse_times, writers)
        if profile.path == "none":
            raise InvalidInput(
                f"there is nothing to push to: {profile.reasons['engine']}",
                remedy="is this the right Triton?",
            )
        engine = await target.client.contract(ENGINE_MODEL, fresh=True)
        directory = await asyncio.to_thread(
            self._engine_directory, plan.server.tokens_per_block, contents_of(original)
        )
        block_size = plan.server.tokens_per_block or self._original_block_size(profile)
        stamp = await self.state.new_stamp(number)
        return plan_release(
            number,
            now,
            contents_of(original),
            target.bls_template,
            last=contents_of(current),
            plan_text=plan_text,
            engine=engine_parameters(plan.server, directory),
            bls=bls_parameters(stamp, engine, block_size, self._tokenizer(now)),
            defaults=profile.defaults,
            in_files=place.in_files,
            decoupled=engine.decoupled,
        )

    async def of_settings(self, number: int, plan: Plan, current: Record, diff: Diff) -> Release:
        """What makes a plan's settings live on the LLM API path; layouts are applied where requests
        are made."""
        now = await self.state.place.read({*current.files, *current.raw, MODEL_YAML})
        if diff.cost in {None, "request"}:
            return release_of(number, now, now)
        original = self.state.target.journal.record(0) or current
        return llmapi_release(number, now, contents_of(original), plan.server)

    async def back_to(self, number: int, current: Record, goal: Record) -> Release:
        """The contents of an earlier revision, with what somebody else edited since in the engine's
        configuration."""
        now = await self._now(current, goal)
        wanted = restamped(contents_of(goal), await self.state.new_stamp(number))
        engine = engine_config_back(
            now.get(ENGINE_CONFIG),
            contents_of(current).get(ENGINE_CONFIG),
            wanted.get(ENGINE_CONFIG),
        )
        files = {**dict.fromkeys(now), **wanted, ENGINE_CONFIG: engine}
        return release_of(number, now, files)

    async def as_pushed(self, number: int, current: Record) -> Release:
        """The contents of the live revision as they were pushed, over what others did since."""
        now = await self._now(current)
        return release_of(
            number, now, restamped(contents_of(current), await self.state.new_stamp(number))
        )

    async def with_share(self, number: int, current: Record, share: float) -> Release:
        """The live revision, with its layouts for traffic applied to another share of sessions."""
        now = await self._now(current)
        stamp = await self.state.new_stamp(number)
        return release_of(number, now, restamped(contents_of(current), stamp, share))

    async def as_found(self, number: int, current: Record, changes: Collection[Change]) -> Release:
        """What others made of the live revision by these changes."""
        client = self.state.target.client
        now = await self._now(current)
        wanted = await adopting.with_served(client, now, changes)
        release = release_of(number, now, restamped(wanted, await self.state.new_stamp(number)))
        return also_loading(release, await adopting.served_otherwise(client, release))

    def original_parameters(self, profile: Profile) -> dict[str, str]:
        """The settings the deployment had before the first push; empty if there was none."""
        record = self.state.target.journal.record(0)
        if record is None:
            return {}
        found = parameters_in(contents_of(record).get(ENGINE_CONFIG), ENGINE_CONFIG)
        found = {key: value for key, value in found.items() if not is_unset(value)}
        size = self._original_block_size(profile)
        return {**found, "tokens_per_block": str(size)} if size else found

    async def _now(self, *records: Record) -> dict[str, bytes | None]:
        return await self.state.place.read(
            {path for record in records for path in (*record.files, *record.raw)}
        )

    def _original_block_size(self, profile: Profile) -> int | None:
        """The block size of the engine as found; while another is live, the metrics page shows the
        other's."""
        record = self.state.target.journal.record(0)
        found = bls_parameters_in(record) if record else {}
        return int(found.get("tokens_per_block") or 0) or profile.tokens_per_block

    def _engine_directory(self, tokens_per_block: int | None, original: Contents) -> str | None:
        if tokens_per_block is None:
            return None
        found = parameters_in(original.get(ENGINE_CONFIG), ENGINE_CONFIG)
        build_engine = self.state.target.build_engine
        directory = Path(found.get("gpt_model_path", ""))
        if build_engine is None or not directory.is_dir():
            raise InvalidInput(
                f"tokens_per_block {tokens_per_block} needs another engine, which cannot be built "
                "from here",
                remedy=(
                    f"trtllm-build --tokens_per_block {tokens_per_block}, then point "
                    "gpt_model_path at its output"
                ),
            )
        built = build_engine(tokens_per_block, directory)
        self.on_step(f"built {built}")
        return str(built)

    def _writers(self, now: Contents) -> tuple[Writes, ...]:
        """How the model's chat template writes messages; nothing where it is out of reach, which is
        told."""
        from charter_engine.triton.chat_template import chat_writers  # Jinja takes 50 ms

        target = self.state.target
        # charter_bls takes the directory as seen from its own.
        path = (target.repository or Path()) / BLS_MODEL / self._tokenizer(now)
        if target.tokenizer is not None and Path(target.tokenizer).exists():
            path = Path(target.tokenizer)
        try:
            if path.exists():
                return chat_writers(path)
            reason = f"there is no {path} here"
        except UsageError as error:
            reason = error.message
        self.on_step(f"chat prompts go on as they come, without the chat template: {reason}")
        return ()

    def _tokenizer(self, now: Contents) -> str:
        """What `charter_bls` has, else what was given, else what the engine names; what was given
        must be the model's."""
        engine = parameters_in(now.get(ENGINE_CONFIG), ENGINE_CONFIG)
        present = set_value(parameters_in(now.get(BLS_CONFIG), BLS_CONFIG).get("tokenizer_dir"))
        given = self.state.target.tokenizer
        if given is not None and Path(given).exists():
            preflight.require_own_tokenizer(given, present, engine)
        chosen = present or given or set_value(engine.get("tokenizer_dir"))
        if chosen is None:
            raise InvalidInput(
                "charter_bls needs the model's tokenizer, and the engine's config.pbtxt names none",
                remedy="give the directory that holds tokenizer.json with --tokenizer",
            )
        return chosen
