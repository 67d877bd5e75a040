"""The Grafana dashboard, made from the rows below: `python -m scripts.dashboard` writes it anew."""

import json
from pathlib import Path
from typing import Any, NamedTuple

PLACE = Path(__file__).parents[1] / "monitoring" / "grafana" / "charter.json"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
COLUMNS = 24
HEIGHT = 8


class Chart(NamedTuple):
    """A panel: what it shows, in which unit of Grafana's, and its queries with their legends."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    about: str = ""
    kind: str = "timeseries"
    stacked: bool = False


def quantiles(family: str) -> tuple[tuple[str, str], ...]:
    """The median and the 95th percentile of a histogram."""
    buckets = f"sum by (le) (rate(charter_engine_{family}_bucket[5m]))"
    return tuple(
        (f"histogram_quantile({share}, {buckets})", f"p{share[2:]:0<2}")
        for share in ("0.5", "0.95")
    )


MARKS = {"Pushes": ("push|rollback", "blue"), "Notes": ("note", "yellow")}
"""By name: the kinds of events, and the colour of their lines."""
ROWS: tuple[tuple[str, tuple[Chart, ...]], ...] = (
    (
        "What is paid",
        (
            Chart(
                "Prompt tokens computed",
                "short",
                (("sum by (node) (rate(charter_engine_computed_tokens_total[5m]))", "{{node}}"),),
                "A second, by node: what is paid.",
                stacked=True,
            ),
            Chart(
                "Whole time", "s", quantiles("request_seconds"), "From sending to the whole answer."
            ),
            Chart("Time to first token", "s", quantiles("time_to_first_token_seconds")),
        ),
    ),
    (
        "Reuse",
        (
            Chart(
                "Token hit rate",
                "percentunit",
                (
                    ("charter:token_hit_ratio:5m", "measured"),
                    ('charter_engine_predicted_token_hit_ratio{plan="live"}', "predicted"),
                ),
                "Measured over five minutes, beside what the live plan is predicted to reach.",
            ),
            Chart("By node", "percentunit", (("charter:token_hit_ratio_by_node:5m", "{{node}}"),)),
            Chart(
                "Pool turnover",
                "percentunit",
                (("charter:pool_turnover:5m", "of the pool in 5 min"),),
                "Above 100 % the pool is computed anew every five minutes.",
            ),
        ),
    ),
    (
        "Why prompts miss",
        (
            Chart(
                "Prompt tokens by what became of them",
                "short",
                (("charter:prompt_parts_per_second:5m", "{{part}}"),),
                "A second. Diverged, evicted, rounding, scope and server were computed again.",
                stacked=True,
            ),
            Chart(
                "Computed again",
                "short",
                (
                    (
                        "topk(8, sum by (node, part) (rate(charter_engine_prompt_parts_tokens_total"
                        '{part!~"reused|new"}[5m])))',
                        "{{node}} {{part}}",
                    ),
                ),
                "Tokens a second that had been computed before, by node and cause.",
            ),
        ),
    ),
    (
        "The server",
        (
            Chart(
                "KV blocks",
                "short",
                (("sum by (state) (charter_engine_kv_blocks)", "{{state}}"),),
                stacked=True,
            ),
            Chart(
                "Requests at the engine",
                "short",
                (("sum by (state) (charter_engine_triton_requests)", "{{state}}"),),
            ),
            Chart(
                "Requests",
                "reqps",
                (("sum by (outcome) (rate(charter_engine_requests_total[5m]))", "{{outcome}}"),),
            ),
        ),
    ),
    (
        "GPUs",
        (
            Chart(
                "Memory",
                "bytes",
                (
                    (
                        "sum by (gpu, mig, part) (charter_engine_gpu_memory_bytes)",
                        "{{gpu}} {{mig}} {{part}}",
                    ),
                ),
                "Weights are what pool and buffers leave of the serving process: derived.",
                stacked=True,
            ),
            Chart(
                "Busy",
                "percentunit",
                (("charter_engine_gpu_utilization_ratio", "{{gpu}} {{of}}"),),
            ),
            Chart("Power", "watt", (("charter_engine_gpu_power_watts", "{{gpu}}"),)),
        ),
    ),
    (
        "Charter",
        (
            Chart(
                "Live revision",
                "short",
                (("max(charter_engine_live_revision)", "revision"),),
                kind="stat",
            ),
            Chart(
                "Events",
                "short",
                (
                    (
                        "sum by (kind, level) (increase(charter_engine_events_total[5m]))",
                        "{{kind}} {{level}}",
                    ),
                ),
            ),
            Chart("Event loop lag", "s", (("charter_engine_event_loop_lag_seconds", "lag"),)),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """The whole dashboard as Grafana takes it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, charts in ROWS:
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
                "panels": [],
            }
        )
        width = COLUMNS // len(charts)
        for column, chart in enumerate(charts):
            place = {"h": HEIGHT, "w": width, "x": column * width, "y": y + 1}
            panels.append(panel(chart, len(panels) + 1, place))
        y += HEIGHT + 1
    return {
        "uid": "charter",
        "title": "Charter: the KV cache of agents",
        "tags": ["charter", "llm"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "annotations": {"list": [annotation(name, *shown) for name, shown in MARKS.items()]},
        "panels": panels,
    }


def annotation(name: str, kinds: str, colour: str) -> dict[str, Any]:
    """What happened, as lines across every panel."""
    counted = f'charter_engine_events_total{{kind=~"{kinds}",level="info"}}'
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "iconColor": colour,
        "expr": f"sum by (instance, kind) (increase({counted}[1m])) > 0",
    }


def panel(chart: Chart, number: int, place: dict[str, int]) -> dict[str, Any]:
    """One panel at its place."""
    stacking = {"mode": "normal", "group": "A"} if chart.stacked else {"mode": "none", "group": "A"}
    custom = {"fillOpacity": 20 if chart.stacked else 5, "lineWidth": 1, "stacking": stacking}
    return {
        "id": number,
        "type": chart.kind,
        "title": chart.title,
        "description": chart.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {
                "unit": chart.unit,
                "min": 0,
                **({"custom": custom} if chart.kind == "timeseries" else {}),
            },
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
        if chart.kind == "timeseries"
        else {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": legend,
            }
            for index, (query, legend) in enumerate(chart.queries)
        ],
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text(), encoding="utf-8")
