"""Lays out hostile prompts: `python -m tests.fuzz.layouts [PROMPTS]`.

None may be sent with other content than planned. The prompts are the same at every run. Ends with 1
where one was.
"""

import random
import sys
import time

from tests.unit.bls.hostile import continued, reordered

PROMPTS = 100_000
SEED = 20_261_126


def attempt(number: int) -> tuple[bool, bool]:
    """Whether a prompt was laid out, and whether with just the planned content."""
    chance = random.Random(f"{SEED} {number}")
    if number % 2:
        outcome = reordered(chance)
        return outcome.laying.texts is not None, outcome.laying.texts in (None, outcome.expected)
    outcome, tokens = continued(chance)
    laying = outcome.laying
    if laying.texts is None:
        return False, True
    if laying.earlier is None or tokens is None:
        return True, False
    same = laying.earlier.token_ids.tolist() == tokens.tolist()
    return True, same and laying.texts == outcome.expected


def main() -> int:
    prompts = int(sys.argv[1]) if len(sys.argv) > 1 else PROMPTS
    started = time.perf_counter()
    laid_out = 0
    wrong = []
    for number in range(prompts):
        done, right = attempt(number)
        laid_out += done
        if not right:
            wrong.append(number)
    seconds = time.perf_counter() - started
    print(f"{prompts:,} prompts in {seconds:.0f} s: {laid_out:,} laid out, {len(wrong):,} wrong")
    print(*(f"prompt {number} is sent with other content" for number in wrong[:10]), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
