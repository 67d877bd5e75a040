"""Asks pip-audit for known vulnerabilities of the locked packages: `python -m scripts.audit`.

A check that needs the network must not fail where there is none: what could not be asked is said,
and only what was found makes the exit code 1.
"""

import json
import subprocess
import sys
from typing import Any

COMMAND = (
    *(sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off"),
    *("--format", "json", "--requirement"),
)
UNREACHABLE = ("ConnectionError", "requests.exceptions")
"""What pip-audit's last words hold where its service does not answer."""


def main(requirements: str = "requirements.lock") -> int:
    """0 where nothing was found or the service could not be reached, else 1."""
    asked = subprocess.run([*COMMAND, requirements], capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        if any(word in asked.stderr for word in UNREACHABLE):
            print("pip-audit could not reach its service: nothing was checked")
            return 0
        print(f"pip-audit failed, and nothing was checked:\n{asked.stderr}", file=sys.stderr)
        return 1
    return tell(packages)


def tell(packages: list[dict[str, Any]]) -> int:
    """Print what pip-audit said of each package; returns the exit code."""
    checked = [package for package in packages if "skip_reason" not in package]
    found = [package for package in checked if package["vulns"]]
    for package in found:
        for vulnerability in package["vulns"]:
            mended = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(
                f"{package['name']} {package['version']}: {vulnerability['id']}, mended in {mended}"
            )
    if len(checked) < len(packages):
        print(f"packages its service knows nothing of: {len(packages) - len(checked)}")
    print(f"pip-audit checked {len(checked)} of {len(packages)} packages: {len(found)} vulnerable")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
