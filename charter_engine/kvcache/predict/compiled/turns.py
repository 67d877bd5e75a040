"""The leaf rule's steady state: long chains take turns, each giving its last block and queueing up
again.

What `evict.evict_leaf` does step by step with all its cases, done here for the steps without any:
no chain ends, none changes its place in the tree. A turn is a few additions, and a queue that
turned is joined again at its ends once.
"""

from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.pool import Array, join_host, lowest


def take_turns(S: Array, E: Array, Q: Array, G: Array, q: int, count: int, spaced: bool) -> int:
    """Evict up to `count` blocks from the GPU runs of a queue in turns. Gives how many; 0 if the
    first has a case."""
    if q // at.QUEUE_FIELDS < G[at.FLOOR_CLASS]:
        return drop_in_turns(S, E, Q, G, q, count, spaced)
    host = lowest(Q, G, at.HOST)
    if host != at.NONE:
        return offload_in_turns(S, Q, G, q, host, count, spaced)
    return 0 if spaced else drop_in_turns(S, E, Q, G, q, count, spaced)


def drop_in_turns(S: Array, E: Array, Q: Array, G: Array, q: int, count: int, spaced: bool) -> int:
    """Turns of chains whose content is forgotten. After a first round, as many rounds as no chain
    ends in at once."""
    head = x = Q[q + at.HEAD]
    alone = G[at.HOST_BLOCKS] == 0
    done = 0
    chains, shortest = 0, count
    while done < count:
        if S[x + at.KIND] != at.FULL or S[x + at.HIGH] - S[x + at.LOW] == 1:
            break
        if not alone and (
            S[x + at.DEEPER] != at.NONE or E[S[x + at.EDGE] + at.CHILDREN_FIRST] != at.NONE
        ):
            break
        S[x + at.HIGH] -= 1
        done += 1
        chains += 1
        shortest = min(shortest, S[x + at.HIGH] - S[x + at.LOW])
        x = S[x + at.NEXT]
        if x == at.NONE:
            rounds = min(shortest - 1, (count - done) // chains)
            if rounds:
                shorten(S, head, rounds)
                done += rounds * chains
            x = head
            chains, shortest = 0, count
    G[at.EVICTED + q // at.QUEUE_FIELDS] += done
    turn_queue(S, Q, q, x)
    if spaced and done:
        join_host(S, Q, G, G[at.DEFAULT_CLASS], done)
    return done


def offload_in_turns(
    S: Array, Q: Array, G: Array, q: int, host: int, count: int, spaced: bool
) -> int:
    """Turns of chains that go on in a host run of the same class, while host blocks are overwritten
    in turns.

    Whenever both queues have come round together, what they did since is repeated at once. While
    blocks outside the tree are overwritten, each round of the GPU queue is.
    """
    head = x = Q[q + at.HEAD]
    host_head = y = Q[host + at.HEAD]
    last, front = Q[host + at.TAIL], Q[host + at.FRONT]
    # Host blocks left behind stand among the overwritten ones' chains if they are of one class.
    among = spaced and host // at.QUEUE_FIELDS - G[at.CLASSES] == G[at.DEFAULT_CLASS]
    if among and last == at.NONE:
        return 0
    # The rounds are those since both queues last stood at their heads, when `start` blocks had been
    # overwritten.
    done = overwritten = chains = start = rounds = host_rounds = 0
    while done < count:
        below = continued(S, x)
        if below == at.NONE:
            break
        if front:
            front -= 1
        elif y == at.NONE or S[y + at.HIGH] - S[y + at.LOW] + (y == below) < 2:
            break
        else:
            S[y + at.HIGH] -= 1
            front, S[y + at.AFTER] = S[y + at.AFTER], 0
            overwritten += 1
            last, y = y, S[y + at.NEXT]
            if y == at.NONE:
                y, host_rounds = host_head, host_rounds + 1
        S[below + at.LOW] -= 1
        S[x + at.HIGH] -= 1
        if among:
            S[last + at.AFTER] += 1
        done += 1
        x = S[x + at.NEXT]
        if x != at.NONE:
            continue
        x, rounds, chains = head, rounds + 1, chains or done
        if front:
            more = repeat(S, head, at.NONE, 1, 0, min(front, count - done) // chains) * chains
            done, front = done + more, front - more
            if among:
                S[last + at.AFTER] += more
        elif y == host_head and not among:
            if overwritten - start == rounds * chains:
                most = (count - done) // (rounds * chains)
                more = repeat(S, head, host_head, rounds, host_rounds, most) * rounds * chains
                done, overwritten = done + more, overwritten + more
            start, rounds, host_rounds = overwritten, 0, 0
    Q[host + at.FRONT] = front
    G[at.OFFLOADED] += done
    G[at.EVICTED + host // at.QUEUE_FIELDS - G[at.CLASSES]] += overwritten
    turn_queue(S, Q, q, x)
    if y != at.NONE:
        turn_queue(S, Q, host, y)
    if spaced and not among and done:
        join_host(S, Q, G, G[at.DEFAULT_CLASS], done)
    return done


def continued(S: Array, x: int) -> int:
    """The host run which the last block of a chain joins when it moves, if that does no more than
    this; else NONE."""
    below = S[x + at.DEEPER]
    if S[x + at.KIND] != at.FULL or S[x + at.HIGH] - S[x + at.LOW] == 1 or below == at.NONE:
        return at.NONE
    return int(below) if S[below + at.CLASS] == S[x + at.CLASS] else at.NONE


def repeat(S: Array, x: int, y: int, rounds: int, host_rounds: int, most: int) -> int:
    """Let all chains from `x` on, and host chains from `y` on, take some rounds again and again.
    Gives how often.

    They have just taken as many without a case; repeated is at most `most` times, and no chain
    comes to its end.
    """
    if not most:
        return 0
    priority, head = S[x + at.CLASS], x
    shortest = S[x + at.HIGH] - S[x + at.LOW]
    while x != at.NONE:
        shortest = min(shortest, S[x + at.HIGH] - S[x + at.LOW])
        x = S[x + at.NEXT]
    most = min(most, (shortest - 1) // rounds)
    host_head = y
    while y != at.NONE:
        above = S[y + at.HIGHER]
        # What goes on below a chain on the GPU grows by what that one gives.
        grows = (
            above != at.NONE
            and S[above + at.LEVEL] == at.GPU
            and priority == S[above + at.CLASS] == S[y + at.CLASS]
        )
        loss = host_rounds - rounds * grows
        if loss > 0:
            most = min(most, max(0, S[y + at.HIGH] - S[y + at.LOW] - host_rounds - 1) // loss)
        y = S[y + at.NEXT]
    if most:
        shorten(S, head, most * rounds)
        shorten(S, host_head, most * host_rounds)
    return int(most)


def shorten(S: Array, x: int, count: int) -> None:
    """Take `count` blocks off the tail of a run and of every one behind it in its queue: the run
    below gets them."""
    while x != at.NONE:
        S[x + at.HIGH] -= count
        if S[x + at.DEEPER] != at.NONE:
            S[S[x + at.DEEPER] + at.LOW] -= count
        x = S[x + at.NEXT]


def turn_queue(S: Array, Q: Array, q: int, x: int) -> None:
    """Make a run the first of its queue; those before it queue up behind the last one."""
    head, tail = Q[q + at.HEAD], Q[q + at.TAIL]
    if x == head:
        return
    before = S[x + at.PREVIOUS]
    S[tail + at.NEXT] = head
    S[head + at.PREVIOUS] = tail
    S[x + at.PREVIOUS] = at.NONE
    S[before + at.NEXT] = at.NONE
    Q[q + at.HEAD] = x
    Q[q + at.TAIL] = before
