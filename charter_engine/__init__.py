"""Charter: the KV cache of LLM agents on Triton and TensorRT-LLM, seen, predicted and changed.

    import charter_engine as charter

    agent = charter.compile("agent.py")
    plan = agent.plan()
    agent.predict(plan)
    result = agent.execute(plan=plan)

These are the names for notebooks and scripts. Each is loaded when it is first asked for, so that
importing the package costs nothing.
"""

TYPE_CHECKING = False

if TYPE_CHECKING:
    from charter_engine.api.agent import Agent, AgentPlan
    from charter_engine.api.agent import compile_agent as compile
    from charter_engine.api.agent import compile_agent_async as compile_async
    from charter_engine.api.connection import (
        ConnectedDeployment,
        EmbeddedDeployment,
        connect,
        embedded_triton,
    )
    from charter_engine.api.kept_runs import (
        compare_runs,
        compare_runs_async,
        runs,
        runs_async,
        show_run,
        show_run_async,
    )
    from charter_engine.api.operations import (
        calibrate,
        calibrate_async,
        explain,
        explain_async,
        learn,
        learn_async,
        lint,
        lint_async,
        predict,
        predict_async,
    )
    from charter_engine.api.own_inputs import over_inputs
    from charter_engine.api.progress import Progress
    from charter_engine.api.results import Result
    from charter_engine.api.workload_file import WorkloadFile, workload
    from charter_engine.client import AsyncClient, Client
    from charter_engine.errors import CharterError, UsageError

__version__ = "0.1.0"
__all__ = [
    "Agent",
    "AgentPlan",
    "AsyncClient",
    "CharterError",
    "Client",
    "ConnectedDeployment",
    "EmbeddedDeployment",
    "Progress",
    "Result",
    "UsageError",
    "WorkloadFile",
    "calibrate",
    "calibrate_async",
    "compare_runs",
    "compare_runs_async",
    "compile",
    "compile_async",
    "connect",
    "embedded_triton",
    "explain",
    "explain_async",
    "learn",
    "learn_async",
    "lint",
    "lint_async",
    "over_inputs",
    "predict",
    "predict_async",
    "runs",
    "runs_async",
    "show_run",
    "show_run_async",
    "workload",
]
_HOMES = {
    "Agent": "api.agent:Agent",
    "AgentPlan": "api.agent:AgentPlan",
    "AsyncClient": "client:AsyncClient",
    "CharterError": "errors:CharterError",
    "Client": "client:Client",
    "ConnectedDeployment": "api.connection:ConnectedDeployment",
    "EmbeddedDeployment": "api.connection:EmbeddedDeployment",
    "Progress": "api.progress:Progress",
    "Result": "api.results:Result",
    "UsageError": "errors:UsageError",
    "WorkloadFile": "api.workload_file:WorkloadFile",
    "calibrate": "api.operations:calibrate",
    "calibrate_async": "api.operations:calibrate_async",
    "compare_runs": "api.kept_runs:compare_runs",
    "compare_runs_async": "api.kept_runs:compare_runs_async",
    "compile": "api.agent:compile_agent",
    "compile_async": "api.agent:compile_agent_async",
    "connect": "api.connection:connect",
    "embedded_triton": "api.connection:embedded_triton",
    "explain": "api.operations:explain",
    "explain_async": "api.operations:explain_async",
    "learn": "api.operations:learn",
    "learn_async": "api.operations:learn_async",
    "lint": "api.operations:lint",
    "lint_async": "api.operations:lint_async",
    "over_inputs": "api.own_inputs:over_inputs",
    "predict": "api.operations:predict",
    "predict_async": "api.operations:predict_async",
    "runs": "api.kept_runs:runs",
    "runs_async": "api.kept_runs:runs_async",
    "show_run": "api.kept_runs:show_run",
    "show_run_async": "api.kept_runs:show_run_async",
    "workload": "api.workload_file:workload",
}
"""Where each public name is defined."""


if not TYPE_CHECKING:  # a type checker knows each name by its own import

    def __getattr__(name: str) -> object:
        """A public name, loaded when it is first asked for (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module, _, attribute = _HOMES[name].partition(":")
        found = getattr(import_module(f"{__name__}.{module}"), attribute)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
