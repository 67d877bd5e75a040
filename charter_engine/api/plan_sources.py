"""What a plan request names, read: the agent, its inputs, the deployment, the preset, the
workload."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from charter_engine.api.agents import OpenedAgent, agent_without_errors
from charter_engine.api.compile_options import compile_options
from charter_engine.api.pools import chunk_tokens_of, eviction_of, host_bytes_of
from charter_engine.api.progress import Report
from charter_engine.api.reuse_times_files import read_reuse_times
from charter_engine.api.sweep import SweepPoint, predicted
from charter_engine.api.times import kv_bytes_per_token
from charter_engine.api.workloads import load
from charter_engine.contracts.compiling import TOKENS_PER_BLOCK
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.notes import Note
from charter_engine.contracts.planning import PlanRequest
from charter_engine.contracts.prediction import Prediction
from charter_engine.errors import UsageError
from charter_engine.executor.inputs import (
    InputError,
    default_inputs_path,
    parse_inputs,
    read_inputs,
)
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.pool import (
    DEFAULT_POOL_TOKENS,
    CurrentServer,
)
from charter_engine.plan.preset import InvalidPreset, Preset, all_presets, matching_preset
from charter_engine.plan.propose import EVERYTHING
from charter_engine.plan.recorded_workload import RecordedWorkload, Trial
from charter_engine.plan.retention.refreshes import refresh_cost
from charter_engine.plan.settings import InvalidSetting, parse_setting, set_value

LARGEST_PROFILE_BYTES = 16 << 20
"""Assumed: a printed profile has a few KiB; this keeps another file out of memory."""
NAMED_AT_MOST = 8
"""Assumed: as many names as are read; the message says that there are more."""


def compiled_agent(request: PlanRequest) -> CompiledFile:
    """The agent, compiled. Raises `UsageError` where it cannot be, or makes no calls."""
    options = compile_options(request.recognizers, request.tokenizer)
    agent = agent_without_errors(Path(request.agent), options)
    if not agent.usable:
        raise UsageError(
            f"{request.agent}: no LLM calls found",
            remedy="charter-engine compile --explain LINE tells why a line is not one",
        )
    return agent.compiled


def inputs_of(request: PlanRequest, opened: OpenedAgent | None) -> Sequence[Mapping[str, Any]]:
    """The inputs given, typed, named, or found beside the agent; none where there are none. Raises
    `UsageError`."""
    if request.inputs:
        return request.inputs
    try:
        if request.inputs_typed:
            return (parse_inputs(request.inputs_typed, Path.cwd()),)
        if request.inputs_file:
            return read_inputs(Path(request.inputs_file))
        if opened is not None:
            return opened.inputs
        beside = default_inputs_path(Path(request.agent).absolute()) if request.agent else None
        return read_inputs(beside) if beside is not None else ()
    except InputError as error:
        raise UsageError(str(error)) from None


def profile_of(request: PlanRequest) -> Profile | None:
    """The profile given, or in a file: by itself, or under the key `profile` of what a command
    printed. Raises `UsageError`."""
    name = request.profile_file
    if request.profile is not None or not name:
        return request.profile
    try:
        with Path(name).open("rb") as file:
            printed = msgspec.json.decode(file.read(LARGEST_PROFILE_BYTES), type=dict[str, Any])
        content = printed.get("profile", printed)
        if not isinstance(content, dict) or "path" not in content:
            raise msgspec.ValidationError("it names no `path`, engine or llmapi")
        return msgspec.convert(content, Profile)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}", remedy="name a readable file") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{name}: no profile: {error}",
            remedy="give what `charter-engine triton profile --json` prints",
        ) from None


def current_server(request: PlanRequest, profile: Profile | None) -> CurrentServer:
    """The deployment as it is: as the request says, else by its profile, else assumed. Raises
    `UsageError`."""
    known = profile.parameters if profile is not None else {}
    profiled = profile.tokens_per_block if profile is not None else None
    size = request.tokens_per_block or profiled or TOKENS_PER_BLOCK
    tokens = request.pool_tokens or set_value(known.get("max_tokens_in_paged_kv_cache"))
    try:
        parse_setting("tokens_per_block", str(size))
        pool = parse_setting("max_tokens_in_paged_kv_cache", str(tokens or DEFAULT_POOL_TOKENS))
    except InvalidSetting as error:
        raise UsageError(str(error), remedy=error.remedy) from None
    bytes_per_token = request.bytes_per_token or kv_bytes_per_token(request.model)
    if request.host_tokens is not None and request.host_tokens < 0:
        raise UsageError(
            f"a host tier of {request.host_tokens} tokens cannot be", remedy="give 0 for none"
        )
    reuse = known.get("enable_kv_cache_reuse", "true").strip().lower()
    return CurrentServer(
        tokens_per_block=size,
        pool_tokens=int(pool),
        bytes_per_token=bytes_per_token,
        host_bytes=(
            host_bytes_of(profile)
            if request.host_tokens is None
            else request.host_tokens * bytes_per_token
        ),
        reuse=reuse not in ("false", "0"),
        eviction=eviction_of(profile) if profile else CurrentServer().eviction,
        chunk_tokens=chunk_tokens_of(profile),
    )


def preset_of(request: PlanRequest, compiled: CompiledFile | None) -> tuple[str, Preset]:
    """The preset asked for or matching, by name; without one, everything is searched. Raises
    `UsageError`."""
    import platformdirs

    folder = platformdirs.user_config_path("charter") / "presets"
    own = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    try:
        presets = all_presets(own)
    except InvalidPreset as error:
        raise UsageError(str(error), remedy=f"correct or remove it in {folder}") from None
    name = request.preset or (matching_preset(presets, compiled) if compiled else None)
    if name is None or name == "none":
        return "", _comparing(EVERYTHING, request)
    if name not in presets:
        raise UsageError(f"there is no preset {name}", remedy=f"presets are {', '.join(presets)}")
    return name, _comparing(presets[name], request)


def recorded_workload(
    request: PlanRequest,
    deployment: CurrentServer,
    latency: LatencyModel,
    compiled: CompiledFile | None,
    report: Report,
    passed: Workload | None = None,
) -> tuple[RecordedWorkload, tuple[Note, ...]]:
    """The workload the request names, unless it is that of what `passed`; and what an operator
    should know of it. Raises `UsageError`."""
    read_as = request.read_as
    if not read_as.tokenizer:
        read_as = replace(read_as, tokenizer=request.tokenizer)
    workload, notes = (
        load(request.workload, strict=False, read_as=read_as)
        if passed is None
        else (passed, tuple[Note, ...]())
    )
    limits = tuple(Note(f"{request.workload}: {note}") for note in workload.notes)
    reuse_times = read_reuse_times(Path(request.reuse_times)) if request.reuse_times else None

    def run(predictor: Predictor, trials: Sequence[Trial]) -> Sequence[Prediction]:
        points = [
            SweepPoint(
                settings=one.settings,
                latency=latency,
                retention=one.retention,
                demotions=one.demotions,
                release=one.release,
                bracket=False,
            )
            for one in trials
        ]
        return predicted(predictor, points, request.jobs, report, dask=request.dask)

    recorded = RecordedWorkload(
        workload,
        request.workload,
        deployment,
        run=run,
        given=reuse_times,
        decide_at=request.decide_at,
        refresh_cost=refresh_cost(latency),
    )
    return recorded, (*notes, *limits, *_strangers(workload, request.workload, compiled))


def _comparing(preset: Preset, request: PlanRequest) -> Preset:
    return preset if request.policies is None else replace(preset, policies=request.policies)


def _strangers(workload: Workload, name: str, compiled: CompiledFile | None) -> tuple[Note, ...]:
    """Where a workload and an agent do not know each other's calls: their reuse times stay
    assumed."""
    if compiled is None:
        return ()
    calls = {call.id for call in compiled.calls}
    strangers = [node for node in workload.nodes if node and node not in calls]
    unseen = sorted(calls.difference(workload.nodes))
    notes = []
    if strangers:
        shown = ", ".join(strangers[:NAMED_AT_MOST])
        notes.append(
            Note(f"{name}: {len(strangers)} of its nodes are no calls of the agent: {shown}")
        )
    if unseen:
        shown = ", ".join(unseen[:NAMED_AT_MOST])
        notes.append(
            Note(f"{name}: no request of {shown}; their sizes and reuse times stay assumed")
        )
    return tuple(notes)
