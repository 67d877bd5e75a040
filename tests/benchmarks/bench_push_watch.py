"""How often and how soon a push watch calls a push worse, by how much slower requests became.

Requests of two nodes whose first-token times scatter by a third; the watch looks after every 15.
"""

from statistics import median

from charter_engine.traffic.regression import compare
from tests.unit.traffic.test_regression import passed

BEFORE, MOST_AFTER, STEP, PUSHES = 400, 600, 15, 300


def called_worse_after(seed: int, slower: float, margin: float) -> int | None:
    """The number of requests after which a push is called worse; None where it never is."""
    before = passed(BEFORE, seed)
    after = passed(MOST_AFTER, PUSHES + seed, slower=slower)
    sizes = range(2 * STEP, MOST_AFTER + 1, STEP)
    return next((size for size in sizes if compare(before, after[:size], margin).worse), None)


def main() -> None:
    for slower, margin in ((1.0, 0.0), (1.0, 0.05), (1.1, 0.05), (1.2, 0.05), (1.5, 0.05)):
        sizes = [called_worse_after(seed, slower, margin) for seed in range(PUSHES)]
        found = [size for size in sizes if size is not None]
        told = f"after {median(found):.0f} requests" if found else "never"
        print(
            f"first token × {slower}, margin {margin:.0%}: called worse {len(found)} of {PUSHES} "
            f"times, {told}"
        )


if __name__ == "__main__":
    main()
