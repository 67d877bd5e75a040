"""Prints what a coverage report says in a few lines: `python -m scripts.least_covered REPORT`.

REPORT is what `coverage json` writes. Printed are the total and the least covered modules of the
rooms in which nothing may go untested.
"""

import json
import sys
from pathlib import Path

ROOMS = ("api", "triton", "store")
SHOWN = 10


def main(report: str) -> None:
    covered = json.loads(Path(report).read_text())
    share = {
        name: file["summary"]["percent_covered"]
        for name, file in covered["files"].items()
        if name.startswith(tuple(f"charter_engine/{room}/" for room in ROOMS))
    }
    print(f"coverage of all: {covered['totals']['percent_covered']:.1f} % of lines")
    print(f"least covered of {', '.join(ROOMS)}:")
    for name in sorted(share, key=share.__getitem__)[:SHOWN]:
        print(f"{share[name]:6.1f} %  {name}")


if __name__ == "__main__":
    main(sys.argv[1])
