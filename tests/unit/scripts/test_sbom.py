"""The bill of materials holds what the lock holds."""

import json
from pathlib import Path

from scripts.sbom import bill

ROOT = Path(__file__).parents[3]
LOCK = """\
aiosqlite==0.22.1 \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
numpy==1.26.4 ; python_full_version < '3.13' \\
    --hash=sha256:{a}
numpy==2.3.0 ; python_full_version >= '3.13' \\
    --hash=sha256:{b}
tritonclient[grpc, http]==2.73.0 \\
    --hash=sha256:{b}
""".format(a="a" * 64, b="b" * 64)


def test_every_package_stands_in_it_with_its_version_and_hashes() -> None:
    components = json.loads(bill(LOCK))["components"]
    assert [(one["name"], one["version"]) for one in components] == [
        ("aiosqlite", "0.22.1"),
        ("numpy", "1.26.4"),
        ("numpy", "2.3.0"),
        ("tritonclient", "2.73.0"),
    ]
    assert {digest["content"] for digest in components[0]["hashes"]} == {"a" * 64, "b" * 64}
    assert components[3]["purl"] == "pkg:pypi/tritonclient@2.73.0"


def test_it_is_of_charter_which_depends_on_all_of_them() -> None:
    found = json.loads(bill(LOCK))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["name"] == "charter-kv"
    own = next(one for one in found["dependencies"] if one["ref"] == "charter")
    assert len(own["dependsOn"]) == 4


def test_no_line_of_the_real_lock_is_left_out() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = [line for line in lock.splitlines() if "==" in line.partition(";")[0]]
    assert len(json.loads(bill(lock))["components"]) == len(pinned)
