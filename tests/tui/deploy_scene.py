"""Canned records of a deployment: revisions, a watch, a trial, drift, a canary, and advice."""

from msgspec.structs import replace

from charter_engine.contracts.advice import DoctorFinding, DoctorReport
from charter_engine.contracts.benching import Percentiles
from charter_engine.contracts.canary import CanaryAlarm, CanaryAnswer, CanaryPair, CanaryReport
from charter_engine.contracts.commands import (
    Adopt,
    Diagnose,
    ListRevisions,
    PreviewLayouts,
    Push,
    PutBack,
    SetShare,
    ShowTrial,
    TryDraft,
    Uninstall,
)
from charter_engine.contracts.deploy import (
    Change,
    Diff,
    PushReport,
    ServedFigures,
    WatchedQuality,
    WatchOutcome,
    WatchReport,
)
from charter_engine.contracts.gauges import Deploying, DeployStep, PushWatched, Triton
from charter_engine.contracts.layout_preview import LayoutFigures, LayoutPreview
from charter_engine.contracts.plan import NodePlan
from charter_engine.contracts.trial import ArmDifference, ArmFigures, TrialReport
from charter_engine.servers.canary import REMEDY
from tests.tui.scene import (
    DRAFT,
    DRAFT_PLAN,
    PLAN,
    PROFILE,
    REVISIONS,
    SESSION,
    START,
    TRITON,
    VALIDATED,
)
from tests.tui.scripted import Answer


def served(at: float, computed: float, ttft: float) -> ServedFigures:
    return ServedFigures(
        begin=START + at,
        end=START + at + 600,
        requests=1_204,
        failures=2,
        computed_tokens=computed,
        ttft_ms=ttft,
        total_ms=ttft * 6,
    )


MEASURED_REVISIONS = (
    REVISIONS[0],
    replace(
        REVISIONS[1],
        by="kim@gpu-07",
        before=served(0, 812.0, 240.0),
        after=served(600, 530.0, 171.0),
    ),
    replace(
        REVISIONS[2],
        by="ada@gpu-07",
        before=served(600, 530.0, 171.0),
        after=served(1_200, 548.0, 173.0),
    ),
)
TRIED = replace(
    PLAN, nodes={VALIDATED: NodePlan(layout="prefix-first", apply="traffic")}, share=0.1
)
ON_TRIAL = replace(SESSION, plan=TRIED, notice="")
DRIFT = (
    Change(
        place="tensorrt_llm/config.pbtxt",
        key="kv_cache_free_gpu_mem_fraction",
        old="0.9",
        new="0.4",
        cost="engine reload",
        loses="the KV cache",
    ),
    Change(
        place="charter_bls/plan.json",
        key="nodes.entities.priority",
        old="90",
        new="35",
        cost="plan reload",
        loses="nothing",
    ),
)
DRIFTED = replace(SESSION, drift=DRIFT, notice="")
LESS_ABLE = replace(
    SESSION,
    notice="",
    profile=replace(
        PROFILE,
        retention=False,
        times=False,
        reasons={
            "retention": "tensorrt_llm has no inputs retention_token_range_starts and _ends: "
            "a release before 0.16",
            "times": "tensorrt_llm has no output of its times",
        },
        original={"kv_cache_free_gpu_mem_fraction": "0.85"},
    ),
)


def trial(stop: str = "") -> TrialReport:
    def arm(name: str, sessions: int, computed: int, hit: float, ttft: float) -> ArmFigures:
        requests = sessions * 9
        return ArmFigures(
            arm=name,
            sessions=sessions,
            requests=requests,
            laid_out=requests if name == "treated" else 0,
            failures=1,
            prompt_tokens=requests * 1_600,
            computed_tokens=requests * computed,
            hit_rate=hit,
            ttft_ms=ttft,
            total_ms=ttft * 8,
            ttft=Percentiles(ttft * 0.9, ttft * 1.7, ttft * 2.2, ttft, requests),
            total=Percentiles(ttft * 7, ttft * 12, ttft * 15, ttft * 8, requests),
        )

    return TrialReport(
        revision=3,
        share=0.1,
        treated=arm("treated", 31, 488, 0.69, 158.0),
        control=arm("control", 287, 826, 0.48, 232.0),
        differences=(
            ArmDifference(
                quality="hit rate",
                treated=0.69,
                control=0.48,
                difference=0.21,
                low=0.17,
                high=0.24,
            ),
            ArmDifference(
                quality="computed tokens a request",
                treated=488.0,
                control=826.0,
                difference=-338.0,
                low=-391.0,
                high=-280.0,
            ),
            ArmDifference(
                quality="TTFT ms",
                treated=158.0,
                control=232.0,
                difference=-74.0,
                low=-92.0,
                high=-51.0,
                at_least=-0.41,
            ),
            ArmDifference(
                quality="whole latency ms",
                treated=1_264.0,
                control=1_256.0,
                difference=8.0,
                low=-61.0,
                high=74.0,
                at_least=-0.12,
            ),
        ),
        stop=stop,
        notes=("the treated arm's prompts are rearranged: its outputs may differ",),
    )


def watched(outcome: WatchOutcome = "watching") -> PushWatched:
    worse = outcome == "taken back"
    return PushWatched(
        revision=3,
        started_at=START,
        seconds=300.0,
        report=WatchReport(
            outcome=outcome,
            seconds=92.0,
            margin=0.05,
            error_rate=0.05,
            requests_before=212,
            requests_after=118,
            qualities=(
                WatchedQuality(
                    name="computed tokens",
                    before=530.0,
                    after=721.0 if worse else 519.0,
                    change=0.36 if worse else -0.021,
                    at_least=0.22 if worse else -0.11,
                    worse=worse,
                ),
                WatchedQuality(
                    name="first token", before=171.0, after=168.0, change=-0.018, at_least=-0.08
                ),
                WatchedQuality(
                    name="whole request",
                    before=1_205.0,
                    after=1_219.0,
                    change=0.012,
                    at_least=-0.05,
                ),
                WatchedQuality(
                    name="failures", before=0.002, after=0.0, change=-0.002, at_least=-0.02
                ),
            ),
        ),
    )


PUSHING = Deploying(
    kind="push",
    state="running",
    steps=(DeployStep("journaled", 11.0), DeployStep("wrote charter_bls/plan.json", 4.0)),
)
PUSHED = Deploying(
    kind="push",
    state="done",
    steps=(
        *PUSHING.steps,
        DeployStep("loaded charter_bls", 1_130.0),
        DeployStep("verified", 204.0),
        DeployStep("committed", 3.0),
    ),
    elapsed_ms=1_371.0,
    message="revision 3 is live",
    verified=("charter_bls answered a request", "it served revision 3"),
)
REFUSED = replace(
    PUSHING,
    state="failed",
    elapsed_ms=412.0,
    message="Triton refused to load charter_bls: tokenizer.json is not the engine's; "
    "revision 3 is live again",
    remedy="name the engine's own with --tokenizer",
)
WATCHING = CanaryReport(
    state="watching",
    every_seconds=60.0,
    rounds=31,
    requests=124,
    pairs=93,
    noise_pairs=31,
    tolerance=0.02,
    computed_tokens=23_808,
    generated_tokens=1_984,
    computed_tokens_per_hour=46_080.0,
)
ALARM = replace(
    WATCHING,
    state="alarm",
    differing=2,
    alarm=CanaryAlarm(
        at=START,
        reason="another answer with reuse",
        pair=CanaryPair(
            reference=CanaryAnswer(token_ids=(311, 42, 7, 1_990, 12), prompt_tokens=192),
            answer=CanaryAnswer(
                token_ids=(311, 42, 8, 604, 55), prompt_tokens=192, reused_blocks=6
            ),
        ),
        remedy=REMEDY,
    ),
)
OPEN_BREAKER = Triton(
    replace(
        TRITON.sample,
        health="unreachable",
        reason="127.0.0.1:8000 did not answer and is asked again in 2.1 s",
        breaker="open",
        breaker_reason="127.0.0.1:8000: Connection refused",
        kv_pool=None,
    )
)
ADVICE = DoctorReport(
    deployment="127.0.0.1:8000",
    findings=(
        DoctorFinding(
            kind="restrictions",
            severity="wrong",
            message="whoever reaches this Triton can change it, and have it run code",
            evidence="it answered model-repository, shared-memory without a key",
            remedy='start tritonserver with "--grpc-restricted-protocol=model-repository:key=KEY"',
        ),
        DoctorFinding(
            kind="thrashing",
            severity="costly",
            message="the KV pool of 1,024 blocks is too small for what comes again",
            evidence="61,204 tokens, 18% of all, were evicted and computed again",
            remedy="give the pool more memory (kv_cache_free_gpu_mem_fraction)",
            tokens_per_hour=412_000.0,
            setting="kv_cache_free_gpu_mem_fraction",
        ),
        DoctorFinding(
            kind="installation",
            severity="worth knowing",
            message="no NVIDIA driver on this machine",
            remedy="GPUs of another machine are shown by an engine that runs there",
        ),
    ),
    sound=("reuse", "retention", "the block size", "drift"),
    unknown=("what prompts share: the tap was never read",),
)
PREVIEW = LayoutPreview(
    source="recorded traffic",
    requests=300,
    matched=281,
    laid_out=274,
    reasons={"the document is in the prompt twice": 7},
    before=LayoutFigures(prompt_tokens=480_000, computed_tokens=248_000, hit_rate=0.483),
    after=LayoutFigures(prompt_tokens=480_000, computed_tokens=149_000, hit_rate=0.69),
)
DRAFT_FOR_TRAFFIC = replace(DRAFT, plan=replace(DRAFT_PLAN, nodes=TRIED.nodes))


CHANGES = (Push, TryDraft, SetShare, PutBack, Adopt, Uninstall)
"""The commands that change what is live."""


def live(number: int, message: str = "") -> PushReport:
    """What a push, or what is like it, is answered with."""
    return PushReport(
        ok=True,
        revision=number,
        diff=Diff(base_revision=3),
        elapsed_ms=1_371.0,
        message=message or f"revision {number} is live",
    )


def about_the_deployment() -> dict[type, Answer]:
    """What the deploy screen asks for, and every change carried out."""
    return {
        ListRevisions: lambda _: MEASURED_REVISIONS,
        PreviewLayouts: lambda _: PREVIEW,
        ShowTrial: lambda _: trial(),
        Diagnose: lambda _: ADVICE,
        **{
            kind: lambda _: live(4)
            for kind in (Push, TryDraft, SetShare, PutBack, Adopt, Uninstall)
        },
    }
