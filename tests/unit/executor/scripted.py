"""An agent and a target that answers as told, for tests of what a run does around its requests."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from charter_engine.contracts.graph import Call, CompiledFile, Dependency, Segment
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.executor.inputs import Inputs
from charter_engine.executor.run import AgentRun, RunSettings
from charter_engine.executor.target import TargetError
from charter_engine.executor.totals import NodeTotals
from charter_engine.executor.work import items_of
from charter_engine.triton.request import Generated, GenerateRequest

Answer = Callable[[GenerateRequest], Generated | Exception]


def echo(request: GenerateRequest) -> Generated:
    """The node's name in brackets, with plausible counters."""
    return Generated(
        text=f"<{request.node}>",
        prompt_tokens=100,
        output_tokens=3,
        reused_tokens=64,
        reused_blocks=2,
        missed_blocks=2,
    )


@dataclass
class ScriptedTarget:
    """Answers by `answer` after a breath, and remembers what it was asked and how many at once."""

    answer: Answer = echo
    seconds: float = 0.0
    asked: list[GenerateRequest] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def generate(self, request: GenerateRequest) -> Generated:
        self.asked.append(request)
        self.begun.set()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
            answer = self.answer(request)
        finally:
            self.in_flight -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def prompts(self) -> list[str]:
        return ["".join(part.text for part in request.parts) for request in self.asked]

    def nodes(self) -> list[str | None]:
        return [request.node for request in self.asked]


def call(name: str, *segments: Segment) -> Call:
    """A call whose output is `name`; upstream segments make it depend on their calls."""
    upstream = tuple(Dependency(segment.call) for segment in segments if segment.call)
    return Call(
        id=name,
        path="a.py",
        line=1,
        end_line=1,
        output=name,
        segments=segments,
        depends_on=upstream,
        parameters={"max_tokens": 9},
    )


def static(text: str) -> Segment:
    return Segment(kind="static", text=text)


def variable(name: str) -> Segment:
    return Segment(kind="variable", name=name, expression=name)


def upstream(name: str) -> Segment:
    return Segment(kind="upstream", name=name, call=name)


CHAIN = (
    call("first", static("S:"), variable("document")),
    call("second", static("S:"), variable("document"), upstream("first")),
)


async def run(
    target: ScriptedTarget,
    calls: Sequence[Call] = CHAIN,
    inputs: Sequence[Inputs] = ({"document": "d0"}, {"document": "d1"}),
    nodes: dict[str, NodePlan] | None = None,
    **settings: float,
) -> tuple[RunReport, AgentRun]:
    """A whole run against `target`."""
    work = prepared(target, calls, inputs, nodes, **settings)
    return await work.execute(), work


def prepared(
    target: ScriptedTarget,
    calls: Sequence[Call] = CHAIN,
    inputs: Sequence[Inputs] = ({"document": "d0"},),
    nodes: dict[str, NodePlan] | None = None,
    **settings: float,
) -> AgentRun:
    plan = Plan(agent="a.py", nodes=nodes or {})
    return AgentRun(
        compiled=CompiledFile(path="a.py", calls=tuple(calls)),
        plan=plan,
        items=items_of(calls, inputs, plan),
        target=target,
        totals=NodeTotals(item.id for item in calls),
        settings=RunSettings(run="r", **settings),  # type: ignore[arg-type]
    )


def unreachable() -> TargetError:
    return TargetError("nobody answers", repeatable=True)


def refused() -> TargetError:
    return TargetError("too long a prompt", repeatable=False)
