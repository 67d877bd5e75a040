"""The leaf rule's turns without a host tier, a whole round of a queue at once.

Under the leaf rule the runs of a queue take turns, each giving its last block and queueing up
again. While no run comes to its end, a *round*, one turn of every run, only makes each of them one
block shorter. So a queue counts its rounds, and how short a run has become is worked out when it is
asked for:

    HEAD ► … turns left in this round … ► FIRST_TURNED ► … had their turn … ► TAIL

    a run that joins in round 5 with blocks [2, 9)     HIGH = 9 + 5, TURNED = 5
    round 7, before its turn                           HIGH - (7 - 1) = 8: it has [2, 8)
    round 7, after it, TURNED = 7                      HIGH - 7 = 7: it has [2, 7)
    round HIGH - LOW = 12                              its turn takes the last block

Only in rounds in which some run gives its last block, and in one that is not finished, do runs take
their turns one by one. The pool's counters tell how many runs end in each of the next rounds.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.layout import Array, Pool


def high_of(pool: Pool, run: int) -> int:
    """The number of the block after a run's last one."""
    runs = pool.runs
    turned = runs[run + at.TURNED]
    high: int = runs[run + at.HIGH]
    if turned == at.NONE:
        return high
    current: int = pool.queues[runs[run + at.CLASS] * at.QUEUE_FIELDS + at.ROUND]
    return high - (current if turned == current else current - 1)


def join_round(pool: Pool, queue: int, run: int) -> None:
    """A run has joined the tail of its queue: its first turn is in the next round."""
    runs, queues = pool.runs, pool.queues
    current = queues[queue + at.ROUND]
    runs[run + at.TURNED] = current
    runs[run + at.HIGH] += current
    queues[queue + at.QUEUED_RUNS] += 1
    if queues[queue + at.FIRST_TURNED] < 0:
        queues[queue + at.FIRST_TURNED] = run
    pool.counters[place_of(pool, run, last_round(runs, run))] += 1


def go_first(pool: Pool, queue: int, run: int) -> None:
    """A run that has just joined is moved to the head of its queue: its turn is next."""
    runs, queues = pool.runs, pool.queues
    pool.counters[place_of(pool, run, last_round(runs, run))] -= 1
    runs[run + at.TURNED] -= 1
    runs[run + at.HIGH] -= 1
    queues[queue + at.TURNS_LEFT] += 1
    if queues[queue + at.FIRST_TURNED] == run:
        queues[queue + at.FIRST_TURNED] = runs[run + at.NEXT]
    pool.counters[place_of(pool, run, last_round(runs, run))] += 1


def leave_round(pool: Pool, queue: int, run: int) -> None:
    """A run is about to leave its queue: it is as long from here on as its turns have left it."""
    runs, queues = pool.runs, pool.queues
    pool.counters[place_of(pool, run, last_round(runs, run))] -= 1
    queues[queue + at.QUEUED_RUNS] -= 1
    if runs[run + at.TURNED] != queues[queue + at.ROUND]:
        queues[queue + at.TURNS_LEFT] -= 1
    if queues[queue + at.FIRST_TURNED] == run:
        queues[queue + at.FIRST_TURNED] = runs[run + at.NEXT]
    runs[run + at.HIGH] = high_of(pool, run)
    runs[run + at.TURNED] = at.NONE


def next_round(queues: Array, queue: int) -> None:
    """All runs of a queue have had their turn."""
    queues[queue + at.ROUND] += 1
    queues[queue + at.TURNS_LEFT] = queues[queue + at.QUEUED_RUNS]
    queues[queue + at.FIRST_TURNED] = at.NONE


def last_round(runs: Array, run: int) -> int:
    """The round in which a queued run's turn is more than that it becomes shorter."""
    if runs[run + at.KIND] > at.PARTIAL:
        turned: int = runs[run + at.TURNED]
        return turned + 1
    low, high = runs[run + at.LOW], runs[run + at.HIGH]
    return int(high - low)


def place_of(pool: Pool, run: int, number: int) -> int:
    """Where the runs of a run's class that end in a round are counted."""
    return int(first_place(pool, pool.runs[run + at.CLASS]) + number % pool.settings.rounds)


def first_place(pool: Pool, rank: int) -> int:
    """Where the runs of a class that end in its rounds are counted, a place a round."""
    return at.EVICTED + pool.settings.classes + rank * pool.settings.rounds
