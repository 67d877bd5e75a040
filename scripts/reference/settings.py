"""The page of server settings, and what came with which release."""

from charter_engine.contracts.settings import SERVER_SETTINGS, ServerSetting
from charter_engine.embedded.engine.contract import (
    MORE_GAUGES,
    NEW_NAMES,
    PERF_METRICS,
    PROFILES,
    RETENTION,
    STATS,
    Version,
)
from charter_engine.triton.llmapi import PLACE_OF
from scripts.reference.tables import code, table

BROUGHT: tuple[tuple[Version, str], ...] = (
    (STATS, "KV counters of each request"),
    (RETENTION, "inputs for priority and duration of a prompt's blocks"),
    (MORE_GAUGES, "further gauges on the metrics page"),
    (PERF_METRICS, "times of each request"),
    (NEW_NAMES, "other names on the metrics page"),
)


def settings_page() -> str:
    """What a plan can set of a server, and since when its requests can do what."""
    return "".join(
        (
            "# Server settings\n\n",
            "They stand under `server` in a [plan](plan.md), by TensorRT-LLM's names on the engine "
            "path. What a change costs and loses stands in [deployments](../deployments.md).\n\n",
            table(
                (
                    "setting",
                    "what it sets",
                    "what may be given",
                    "in `model.yaml`",
                    "a change costs",
                ),
                map(_row, SERVER_SETTINGS),
            ),
            "A cost in brackets is that on the LLM API path.\n\n",
            "## Releases\n\n",
            "What a server can do is found by asking it, never assumed from its version. Where "
            "something is missing, this says which release brings it.\n\n",
            table(
                ("TensorRT-LLM", "brings"),
                ((".".join(map(str, version)), what) for version, what in BROUGHT),
            ),
            "The embedded Triton imitates these releases (`charter-engine triton up --profile "
            "RELEASE`):\n\n",
            table(
                ("Triton's container", "TensorRT-LLM"),
                ((code(name), ".".join(map(str, version))) for name, version in PROFILES.items()),
            ),
        )
    )


def _row(setting: ServerSetting) -> tuple[str, ...]:
    same = setting.cost == setting.llmapi_cost
    return (
        code(setting.key),
        setting.about,
        setting.hint,
        code(".".join(PLACE_OF[setting.key])) if setting.key in PLACE_OF else "–",
        setting.cost if same else f"{setting.cost} ({setting.llmapi_cost})",
    )
