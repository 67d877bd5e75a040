"""Planning: what is asked for in, a plan with its reasons out; the same for every door."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from charter_engine.analysis.assumed_inputs import (
    ASSUMED_PASSES,
    ASSUMED_SIZES,
    Sizes,
    completed,
    is_open,
    named,
    synthetic_inputs,
    what_is_open,
)
from charter_engine.analysis.recorded_sizes import (
    RecordedCall,
    answering_as_recorded,
    recorded_calls,
    recorded_sizes,
    sessions_of,
)
from charter_engine.api import plan_sources
from charter_engine.api.agents import OpenedAgent, warnings_of
from charter_engine.api.output_files import write_output
from charter_engine.api.plan_files import previous_plan, require_folder_of
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.reuse_times_files import read_reuse_times, write_reuse_times
from charter_engine.api.times import latency_of
from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Plan, Reason
from charter_engine.contracts.planning import (
    Derivation,
    Levers,
    PlanRequest,
    PlanResult,
    WaitsWritten,
)
from charter_engine.errors import UsageError
from charter_engine.executor.head_starts import HEAD_START_SECONDS
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.limits import within
from charter_engine.plan.plan_file import plan_schema
from charter_engine.plan.propose import WITHOUT_NODES, asked_of, propose, propose_without_agent
from charter_engine.plan.recorded_workload import RecordedWorkload
from charter_engine.plan.replan import replan
from charter_engine.prompts.assembly import MissingInput
from charter_engine.prompts.histories import grows

__all__ = ["plan", "plan_schema"]


def plan(
    request: PlanRequest,
    opened: OpenedAgent | None = None,
    report: Report = silent,
    passed: Workload | None = None,
) -> PlanResult:
    """Find the best plan for what is asked, and write it where the request names a file. Blocks.

    `opened` is the request's agent where it was read already, with its inputs, and `passed` the
    workload that the request names where it is of no file. Raises `CharterError`; then nothing was
    written.
    """
    if not request.agent and not request.workload and opened is None:
        raise UsageError("no AGENT given", remedy="charter-engine plan agent.py")
    return _Planning(request, opened, report, passed).result()


class _Planning:
    """One request on its way to a plan."""

    def __init__(
        self,
        request: PlanRequest,
        opened: OpenedAgent | None,
        report: Report,
        passed: Workload | None,
    ) -> None:
        require_folder_of(request.output)
        self._passed = passed
        self._request = request
        self._report = report
        self._notes: list[Note] = []
        self._previous = previous_plan(Path(request.output)) if request.output else None
        self._latency = request.latency or latency_of(request.model, request.device)
        self._profile = plan_sources.profile_of(request)
        self._levers, self._left_out = self._limits()
        self._deployment = plan_sources.current_server(request, self._profile)
        self._compiled = self._agent(opened)
        self._notes += warnings_of(self._compiled) if self._compiled is not None else ()
        self._inputs = plan_sources.inputs_of(request, opened)
        self._preset_name, self._preset = plan_sources.preset_of(request, self._compiled)

    def result(self) -> PlanResult:
        """The plan, written where it is to be."""
        request = self._request
        recorded = self._recorded()
        try:
            derivation = (
                self._without_agent(recorded)
                if self._compiled is None
                else self._of_agent(self._compiled, recorded)
            )
        except MissingInput as missing:
            raise UsageError(str(missing), remedy=missing.remedy) from None
        except ValueError as error:
            raise UsageError(str(error), remedy="give --reuse-times, or another --policy") from None
        plan, written = self._with_reuse_times_named(derivation.plan, recorded)
        text = replan(plan, self._previous)
        if request.output:
            write_output(Path(request.output), text)
        return PlanResult(
            derivation=replace(derivation, plan=plan),
            text=text,
            preset=self._preset_name,
            preset_description=self._preset.description if self._preset_name else "",
            at_once=self._request.at_once,
            reuse_times_written=written,
            notes=tuple(self._notes),
        )

    def _limits(self) -> tuple[Levers, dict[str, Reason]]:
        """What the deployment leaves of the levers, and why not the rest. Raises `UsageError` for a
        policy it cannot take."""
        request = self._request
        levers, left_out = request.levers, dict[str, Reason]()
        if self._profile is not None:
            levers, left_out = within(levers, self._profile)
        if request.policy not in (None, "default") and not levers.retention:
            alone = "--no-retention leaves retention alone"
            reason = left_out["policy"].text if "policy" in left_out else alone
            raise UsageError(f"--policy {request.policy}: {reason}", remedy="leave --policy out")
        return levers, left_out

    def _agent(self, opened: OpenedAgent | None) -> CompiledFile | None:
        if opened is not None:
            return opened.compiled
        return plan_sources.compiled_agent(self._request) if self._request.agent else None

    def _recorded(self) -> RecordedWorkload | None:
        if not self._request.workload:
            return None
        recorded, notes = plan_sources.recorded_workload(
            self._request,
            self._deployment,
            self._latency,
            self._compiled,
            self._report,
            self._passed,
        )
        self._notes += notes
        return recorded

    def _of_agent(self, compiled: CompiledFile, recorded: RecordedWorkload | None) -> Derivation:
        request = self._request
        reuse_times = read_reuse_times(Path(request.reuse_times)) if request.reuse_times else None
        encode = open_tokenizer(request.tokenizer).encode
        seen = recorded_calls(recorded.workload) if recorded is not None else {}
        sizes = ASSUMED_SIZES
        if recorded is not None and seen:
            sizes = recorded_sizes(compiled.calls, seen, sessions_of(recorded.workload), encode)
        inputs, name = self._given_or_assumed(compiled, recorded, seen, sizes)
        return propose(
            replace(compiled, calls=answering_as_recorded(compiled.calls, seen)),
            inputs,
            encode,
            self._deployment,
            latency=self._latency,
            preset=self._preset,
            objective=request.objective,
            levers=self._levers,
            policy=request.policy,
            model=reuse_times.model if reuse_times else None,
            left_out=self._left_out,
            recorded=recorded,
            workload=name,
            at_once=request.at_once,
            head_start_ms=HEAD_START_SECONDS * 1000 if request.at_once else 0.0,
            tell=lambda done: self._report(Progress("predicting layouts and settings", done)),
        )

    def _without_agent(self, recorded: RecordedWorkload | None) -> Derivation:
        request = self._request
        assert recorded is not None
        if request.policy not in (None, *WITHOUT_NODES):
            raise UsageError(
                f"--policy {request.policy} is asked for by an agent's calls",
                remedy="name the AGENT, too",
            )
        asked = asked_of(
            self._preset, request.objective, self._levers, request.policy, self._left_out
        )
        return propose_without_agent(recorded, asked)

    def _given_or_assumed(
        self,
        compiled: CompiledFile,
        recorded: RecordedWorkload | None,
        seen: Mapping[str, RecordedCall],
        sizes: Sizes,
    ) -> tuple[Sequence[Mapping[str, Any]], str]:
        """The inputs to generate requests of, and what to call them. Layouts are not searched on
        assumed inputs where a workload tells what is really sent."""
        if self._inputs:
            name = self._request.inputs_file or f"{len(self._inputs)} inputs of the agent"
            return self._completed(compiled, self._inputs, recorded, sizes), name
        turns, _ = what_is_open(compiled.calls, {}, sizes.turns)
        loops = f"; {turns} take {ASSUMED_PASSES} turns" if turns else ""
        measured = _as_recorded(compiled, seen, sizes)
        if recorded is not None and measured:
            words = f"no inputs given; what is sent is as large as recorded in {recorded.name}"
            self._notes.append(Note(f"{words}: {measured}"))
            if loops:
                self._notes.append(Note(f"assumed, since no request of a session tells it{loops}"))
        else:
            self._notes.append(
                Note(
                    f"no inputs given; the plan rests on assumed ones{loops}",
                    "give --inputs FILE to make it rest on yours",
                )
            )
        if recorded is not None:
            self._levers = replace(self._levers, layout=False)
            words = (
                f"as written: {recorded.name} tells what prompts share, not which segments they "
                "are made of; --inputs lets layouts be searched"
            )
            self._left_out["layout"] = Reason(words, "assumed")
        assumed = [synthetic_inputs(compiled.calls, run, sizes) for run in range(sizes.runs)]
        of_sizes = "of the sizes recorded" if measured else "with assumed inputs"
        return assumed, f"{sizes.runs} runs {of_sizes}"

    def _completed(
        self,
        compiled: CompiledFile,
        given: Sequence[Mapping[str, Any]],
        recorded: RecordedWorkload | None,
        sizes: Sizes,
    ) -> Sequence[Mapping[str, Any]]:
        """Inputs with what they leave open, which is told."""
        turns, texts = what_is_open(compiled.calls, given[0], sizes.turns)
        known = [
            f"{call.id} {sizes.turns[call.id]} turns"
            for call in compiled.calls
            if call.id in sizes.turns and is_open(call, given[0]) and grows(call)
        ]
        if recorded is not None and known:
            told = f"the inputs do not tell how often loops go round; recorded in {recorded.name}: "
            self._notes.append(Note(told + named(known)))
        if turns:
            self._notes.append(
                Note(
                    f"the inputs do not tell how often loops go round: {turns} are assumed to take "
                    f"{ASSUMED_PASSES} turns",
                    'give a number as "turns" in the inputs, or a list with each turn\'s values',
                )
            )
        if texts:
            self._notes.append(
                Note(f"the text of {texts} is not at hand and assumed", "give it with the inputs")
            )
        return [completed(compiled.calls, values, run, sizes) for run, values in enumerate(given)]

    def _with_reuse_times_named(
        self, plan: Plan, recorded: RecordedWorkload | None
    ) -> tuple[Plan, WaitsWritten | None]:
        """The plan with the reuse times it is decided by: those given, or those learnt, written
        beside the plan."""
        request = self._request
        if plan.policy != "next-use":
            return plan, None
        if request.reuse_times:
            name = os.path.relpath(request.reuse_times, Path(request.output).parent)
            return _named(plan, name, Reason(f"given: {request.reuse_times}", "measured")), None
        if recorded is None or recorded.model is None:
            return plan, None
        if not (request.output or request.reuse_times_output):
            self._notes.append(
                Note(
                    "the reuse times learnt are not kept",
                    "write the plan with -o FILE, and they are kept beside it",
                )
            )
            return plan, None
        model = recorded.model
        path = Path(request.output)
        path = (
            path.with_name(f"{path.stem}.waits.json")
            if request.output
            else Path(request.reuse_times_output)
        )
        written = write_reuse_times(
            path, model, (request.workload,), recorded.pricing_under(plan.server)
        )
        words = (
            f"learnt from {model.requests:,} requests of {model.sessions:,} sessions of "
            f"{request.workload}; explains {model.explained:.0%} of when sessions not seen return"
        )
        name = path.name if request.output else str(path)
        return _named(plan, name, Reason(words, "measured")), written


def _as_recorded(compiled: CompiledFile, seen: Mapping[str, RecordedCall], sizes: Sizes) -> str:
    """What a recording shows of the agent's calls, in words; empty where it has none of them."""
    told = []
    for call in compiled.calls:
        if (one := seen.get(call.id)) is None:
            continue
        turns = sizes.turns.get(call.id, 0)
        grown = f", {one.growth:,} more each turn" if turns > 1 and one.growth else ""
        often = f"{turns} turns of {one.prompt:,} tokens{grown}" if turns > 1 else ""
        sent = often or f"{one.prompt:,} tokens"
        cut = f" (of {one.turns})" if turns < one.turns else ""
        told.append(f"{call.id} {sent}{cut}, {one.answer:,} answered")
    return f"{named(told)} (measured)" if told else ""


def _named(plan: Plan, reuse_times: str, why: Reason) -> Plan:
    return replace(plan, reuse_times=reuse_times, why={**plan.why, "waits": why})
