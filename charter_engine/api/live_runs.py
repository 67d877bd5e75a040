"""Runs of an open agent on a server that is up, for whoever shows them as they go."""

import secrets
import time
from collections.abc import Sequence

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.live_server import LiveServer
from charter_engine.contracts.plan import Plan
from charter_engine.executor.run import AgentRun, OnChange, OnRequest, RunSettings
from charter_engine.executor.totals import NodeTotals
from charter_engine.executor.work import Item

__all__ = ["AgentRun", "Item", "NodeTotals", "RunSettings", "agent_run", "new_run"]


def new_run() -> str:
    """A name for a run that no other has, even one that begins in the same second: records and
    traffic are told apart by it."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"


def agent_run(
    agent: OpenedAgent,
    plan: Plan,
    items: Sequence[Item],
    deployment: LiveServer,
    settings: RunSettings,
    *,
    totals: NodeTotals | None = None,
    on_change: OnChange = lambda: None,
    on_request: OnRequest = lambda _: None,
) -> AgentRun:
    """A run of `items` that is ready to be executed. Nothing is sent before that.

    `totals` are added to (None: totals of this run alone). Raises `CharterError` where prompts
    cannot be sent from here.
    """
    return AgentRun(
        compiled=agent.compiled,
        plan=plan,
        items=items,
        target=deployment.target(agent.compiled.path, settings.run),
        totals=NodeTotals(call.id for call in agent.compiled.calls) if totals is None else totals,
        settings=settings,
        on_change=on_change,
        on_request=on_request,
    )
