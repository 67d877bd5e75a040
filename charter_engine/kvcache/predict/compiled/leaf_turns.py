"""The leaf rule's steady state: long chains take turns, each giving its last block and queueing up
again.

What `leaf_eviction.evict_leaf` does step by step with all its cases, done here for the steps
without any: no chain ends, none changes its place in the tree. A turn is a few additions, and a
queue that turned is joined again at its ends once:

    before     A ► B ► C      each with blocks to give
    3 turns    A, B and C are one block shorter, and the queue is as it was: one *round*
    4 turns    A once more; now  B ► C ► A

Without a host tier rounds are only counted (`rounds`).
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.layout import Array, Pool
from charter_engine.kvcache.predict.compiled.rounds import first_place, next_round
from charter_engine.kvcache.predict.compiled.runs import class_of, join_host, lowest, turn_queue


def take_turns(pool: Pool, queue: int, count: int, spaced: bool) -> int:
    """Evict up to `count` blocks from the GPU runs of a queue in turns.

    Gives how many; 0 if the first of them is a case for `evict_leaf`.
    """
    if pool.settings.rounds:
        return drop_in_rounds(pool, queue, count)
    default = pool.settings.default_class
    may_move = queue // at.QUEUE_FIELDS >= pool.settings.lowest_offloaded
    host_queue = lowest(pool, at.HOST) if may_move else at.NONE
    # Host blocks left behind stand among the overwritten ones' chains if they are of one class.
    among = spaced and host_queue >= 0 and class_of(pool, host_queue) == default
    if host_queue < 0:
        if may_move and spaced:
            # The host block left behind is one to move content to.
            return 0
        done = drop_in_turns(pool, queue, count)
    else:
        if among and pool.queues[host_queue + at.TAIL] < 0:
            return 0
        done = move_in_turns(pool, queue, host_queue, count, among)
    if spaced and not among:
        join_host(pool, default, done)
    return done


def drop_in_rounds(pool: Pool, queue: int, count: int) -> int:
    """Turns in a pool without a host tier, whole rounds at once where no run ends."""
    queues = pool.queues
    done = 0
    while done < count:
        left, in_queue = queues[queue + at.TURNS_LEFT], queues[queue + at.QUEUED_RUNS]
        if left == in_queue:
            rounds = quiet_rounds(pool, queue, (count - done) // in_queue)
            queues[queue + at.ROUND] += rounds
            done += rounds * in_queue
        if left <= count - done and quiet_rounds(pool, queue, 1):
            turn_queue(pool, queue, queues[queue + at.FIRST_TURNED])
            next_round(queues, queue)
            done += left
        else:
            wanted = min(left, count - done)
            taken = single_turns(pool, queue, wanted)
            done += taken
            if taken < wanted:
                break
    pool.counters[at.EVICTED + queue // at.QUEUE_FIELDS] += done
    return int(done)


def quiet_rounds(pool: Pool, queue: int, most: int) -> int:
    """How many rounds, from the one a queue is in, no run ends in, up to `most`."""
    counters, rounds = pool.counters, pool.settings.rounds
    start = first_place(pool, queue // at.QUEUE_FIELDS)
    place = start + pool.queues[queue + at.ROUND] % rounds
    quiet = 0
    while quiet < most and not counters[place]:
        quiet += 1
        place += 1
        if place == start + rounds:
            place = start
    return quiet


def single_turns(pool: Pool, queue: int, count: int) -> int:
    """Up to `count` of the turns left in a round, up to that of a run that ends. Gives how many."""
    runs, queues = pool.runs, pool.queues
    current = queues[queue + at.ROUND]
    head = run = queues[queue + at.HEAD]
    taken = 0
    while taken < count:
        # As `last_round` has it: a call would double what a turn costs in Python.
        if runs[run + at.HIGH] - runs[run + at.LOW] == current or runs[run + at.KIND] > at.PARTIAL:
            break
        runs[run + at.TURNED] = current
        taken += 1
        run = runs[run + at.NEXT]
    if taken:
        queues[queue + at.TURNS_LEFT] -= taken
        if queues[queue + at.FIRST_TURNED] < 0:
            queues[queue + at.FIRST_TURNED] = head
        turn_queue(pool, queue, run)
    return taken


def drop_in_turns(pool: Pool, queue: int, count: int) -> int:
    """Turns of chains whose content is forgotten, beside a host tier that has nothing of them."""
    runs = pool.runs
    run = pool.queues[queue + at.HEAD]
    done = 0
    while done < count:
        last = runs[run + at.HIGH] - 1
        ends = last == runs[run + at.LOW]
        if ends or runs[run + at.KIND] != at.FULL or has_below(pool, run):
            break
        runs[run + at.HIGH] = last
        done += 1
        run = runs[run + at.NEXT]
        if run < 0:
            run = pool.queues[queue + at.HEAD]
    pool.counters[at.EVICTED + queue // at.QUEUE_FIELDS] += done
    turn_queue(pool, queue, run)
    return int(done)


def has_below(pool: Pool, run: int) -> bool:
    """Whether anything in a slower tier continues the last block of a chain."""
    runs = pool.runs
    return bool(
        runs[run + at.DEEPER] >= 0 or pool.edges[runs[run + at.EDGE] + at.CHILDREN_FIRST] >= 0
    )


def move_in_turns(pool: Pool, queue: int, host_queue: int, count: int, among: bool) -> int:
    """Turns of chains that go on in a host run of the same class, while host blocks are overwritten
    in turns. `among`: each leaves a host block behind in the queue that is overwritten.

    Whenever both queues have come round together, what they did since is repeated at once. While
    blocks outside the tree are overwritten, each round of the GPU queue is.
    """
    runs, queues = pool.runs, pool.queues
    head = run = queues[queue + at.HEAD]
    host_head = victim = queues[host_queue + at.HEAD]
    rank = runs[run + at.CLASS]
    last, front = queues[host_queue + at.TAIL], queues[host_queue + at.FRONT]
    # `rounds` and `host_rounds` are those since both queues last stood at their heads, when
    # `overwritten` was `start`.
    done = overwritten = chains = start = rounds = host_rounds = 0
    while done < count and run >= 0:
        below, first = runs[run + at.DEEPER], runs[run + at.HIGH] - 1
        # More would happen where a chain ends, or does not go on in a host run of its own class.
        if below < 0 or first == runs[run + at.LOW] or runs[below + at.CLASS] != rank:
            break
        if front:
            front -= 1
        elif victim < 0 or (runs[victim + at.HIGH] - runs[victim + at.LOW] + (victim == below) < 2):
            # More would happen than that a chain on host becomes shorter.
            break
        else:
            runs[victim + at.HIGH] -= 1
            front, runs[victim + at.AFTER] = runs[victim + at.AFTER], 0
            overwritten += 1
            last, victim = victim, runs[victim + at.NEXT]
            if victim < 0:
                victim, host_rounds = host_head, host_rounds + 1
        runs[below + at.LOW] -= 1
        runs[run + at.HIGH] = first
        if among:
            runs[last + at.AFTER] += 1
        done += 1
        run = runs[run + at.NEXT]
        if run >= 0:
            continue
        run, rounds, chains = head, rounds + 1, chains or done
        if front:
            most = min(front, count - done) // chains
            more = repeat(runs, head, at.NONE, 1, 0, most) * chains
            done, front = done + more, front - more
            if among:
                runs[last + at.AFTER] += more
        elif victim == host_head and not among:
            if overwritten - start == rounds * chains:
                most = (count - done) // (rounds * chains)
                more = repeat(runs, head, host_head, rounds, host_rounds, most) * rounds * chains
                done, overwritten = done + more, overwritten + more
            start, rounds, host_rounds = overwritten, 0, 0
    queues[host_queue + at.FRONT] = front
    pool.counters[at.OFFLOADED] += done
    pool.counters[at.EVICTED + class_of(pool, host_queue)] += overwritten
    turn_queue(pool, queue, run)
    turn_queue(pool, host_queue, victim)
    return int(done)


def repeat(runs: Array, run: int, host_run: int, rounds: int, host_rounds: int, most: int) -> int:
    """Let all chains from `run` on, and host chains from `host_run` on, take some rounds again and
    again. Gives how often.

    They have just taken as many without a case; repeated is at most `most` times, and no chain
    comes to its end.
    """
    if not most:
        return 0
    rank, head = runs[run + at.CLASS], run
    most = min(most, (shortest_chain(runs, run) - 1) // rounds)
    host_head = host_run
    while host_run >= 0:
        above = runs[host_run + at.HIGHER]
        # What goes on below a chain on the GPU grows by what that one gives.
        grows = (
            above >= 0
            and runs[above + at.LEVEL] == at.GPU
            and rank == runs[above + at.CLASS] == runs[host_run + at.CLASS]
        )
        loss = host_rounds - rounds * grows
        if loss > 0:
            length = runs[host_run + at.HIGH] - runs[host_run + at.LOW]
            most = min(most, max(0, length - host_rounds - 1) // loss)
        host_run = runs[host_run + at.NEXT]
    if most:
        shorten(runs, head, most * rounds)
        shorten(runs, host_head, most * host_rounds)
    return int(most)


def shortest_chain(runs: Array, run: int) -> int:
    """The fewest blocks of a run and of every one behind it in its queue."""
    shortest = runs[run + at.HIGH] - runs[run + at.LOW]
    while run >= 0:
        shortest = min(shortest, runs[run + at.HIGH] - runs[run + at.LOW])
        run = runs[run + at.NEXT]
    return int(shortest)


def shorten(runs: Array, run: int, count: int) -> None:
    """Take `count` blocks off the tail of a run and of every one behind it in its queue: the run
    below gets them."""
    while run >= 0:
        runs[run + at.HIGH] -= count
        if runs[run + at.DEEPER] >= 0:
            runs[runs[run + at.DEEPER] + at.LOW] -= count
        run = runs[run + at.NEXT]
