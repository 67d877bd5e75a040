"""The alerts: each is told of in the documents, and stands when its figures say so."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[4]
RULES = CHECKOUT / "monitoring" / "rules.yml"


@pytest.mark.parametrize(
    ("alert", "series", "values", "stands"),
    [
        ("CharterGpuLost", "charter_engine_gpus", "2x5 1x5", True),
        ("CharterGpuLost", "charter_engine_gpus", "0x10", False),
        ("CharterNotKept", 'charter_engine_not_kept{what="traffic"}', "1x10", True),
        ("CharterTritonDown", "charter_engine_triton_ready", "1x5 0x5", True),
        ("CharterTritonDown", "charter_engine_triton_ready", "1x10", False),
    ],
)
def test_an_alert_stands_when_its_figures_say_so(
    alert: str, series: str, values: str, stands: bool, tmp_path: Path
) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    query = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    samples = [{"labels": "{}", "value": 1}] if stands else []
    asked: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values}],
        "promql_expr_test": [{"expr": query, "eval_time": "9m", "exp_samples": samples}],
    }
    case = tmp_path / "case.yml"  # JSON is YAML
    case.write_text(json.dumps({"rule_files": [str(RULES)], "tests": [asked]}), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", str(case)], text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
