"""What ranking a prompt takes beside those that are held.

Sessions come back at random, half of them answered in between, each prompt of one of 60 kinds.

    bench_ranking.py
"""

import time

import numpy as np

from charter_engine.bls.ranking import Ranking
from charter_engine.bls.retention import MAX_PRIORITY, Rule
from charter_engine.bls.worths import Worths
from charter_engine.plan.retention.next_use import AGES_S

SESSIONS = (200, 2_000, 10_000)
KINDS = 60
RETURN_S = 60.0
"""Assumed: the mean time until a session comes back."""
REQUESTS = 500


def main() -> None:
    """Print the processor time of a request by how many prompts are held."""
    random = np.random.default_rng(0)
    falling = np.sort(random.random((KINDS, len(AGES_S))))[:, ::-1]
    for sessions in SESSIONS:
        ranking = Ranking(Worths(AGES_S, falling.tolist(), (1.0, 3.0)))
        now_s = began = 0.0
        for number in range(sessions + REQUESTS):
            if number == sessions:
                began = time.process_time()
            now_s += random.exponential(RETURN_S / sessions)
            session = number if number < sessions else int(random.integers(sessions))
            kind = int(random.integers(KINDS))
            rule = Rule(int(random.integers(36, MAX_PRIORITY + 1)), 1_000_000)
            ranking.hold(session, kind, rule, int(random.integers(1_000, 100_000)), now_s)
            if number % 2:
                ranking.answered(session, kind, now_s)
        each_ms = 1000 * (time.process_time() - began) / REQUESTS
        print(f"beside {sessions:,} prompts: {each_ms:.2f} ms of processor time (measured)")


if __name__ == "__main__":
    main()
