"""Which prompt is to give way first because it has come to be worth less than what is evicted next.

A priority stands until a session's next request, but a session that does not come is due less and
less. A request of one token over what the pool still holds of its prompt ranks that below all
else, what was demoted before it included. What a session has left behind is worth nothing once two
of its prompts have: one over the earlier prompt demotes that.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .presumed_pool import HeldStretch, PresumedPool
from .retention import DEFAULT_PRIORITY, Retention, Rule, TokenRange
from .reuse_times import NodeRules, pays_beside
from .worths import WorthTable

STANDS_S = 10.0
"""For so long, as a rule, a demotion changes what is evicted next."""
MOST_LOOKED_AT = 64
"""So many sessions' prompts are looked at behind a request, by turns where more are idle: a request
costs no more with many sessions. In pools of three to twelve prompts 24 at once change no decision,
and 8 cost at most .001 of the token hit rate (predicted, two draws)."""


@dataclass(frozen=True)
class Demotion:
    """A session whose prompt is to give way first: the tokens of it that are still there, what is
    asked for them, and how many of other prompts that saves.

    `prompt` is what was told of the prompt. With `left` it is an earlier one, of which the session
    has left behind what comes after `start` tokens.
    """

    session: Any
    tokens: int
    rule: Rule
    saved: float
    prompt: Any = None
    left: HeldStretch | None = None
    start: int = 0

    def may_go(self, cost: float, under_way: int) -> bool:
        """Whether it is worth the time that computing `cost` tokens takes, beside so many
        requests."""
        return bool(pays_beside(self.saved, cost, under_way))

    def asks(self, node: NodeRules, kept: Rule, tokens: int) -> Retention:
        """What its request of so many tokens asks for, over a prompt of this node; `kept` is what
        `carry_out` gives."""
        ranges = (
            node.ranges(self.rule, tokens)
            if self.left is None
            else ranges_left(node, kept, self.start, self.rule)
        )
        return Retention(ranges, self.rule.priority)


def best_demotion(pool: PresumedPool, worths: WorthTable, now_s: float) -> Demotion | None:
    """The demotion that saves most, of the sessions looked at and of what is superseded; None if of
    them that goes first which is worth least. What sessions have left behind is worth nothing:
    where it goes next, whatever is demoted goes in its place."""
    first, gone_before = pool.first_idle(now_s, MOST_LOOKED_AT)
    if first is None:
        return None
    idle = [first, *pool.next_idle(MOST_LOOKED_AT)]
    size, left = pool.room.tokens_per_block, pool.superseded()
    rows = np.array([held.worths for held in idle])
    since_s = np.array([held.since_s for held in idle])
    blocks = np.array([held.blocks for held in (*idle, *left)])
    worth = np.append(worths.shortly(rows, now_s - since_s), np.zeros(len(left)))
    instead = np.minimum(blocks, gone_before + first.blocks)
    spared = np.maximum(instead - gone_before, 0)
    saved = (worth[0] * spared - worth * instead) * size * STANDS_S
    best = int(np.argmax(saved))
    if saved[best] <= 0:
        return None
    rule = below(first.priority)
    if best < len(idle):
        chosen = idle[best]
        there = chosen.blocks * size
        return Demotion(chosen.session, there, rule, float(saved[best]), chosen.prompt)
    behind = left[best - len(idle)]
    return Demotion(
        pool.session_of(behind),
        (-(-behind.start // size) + behind.blocks) * size,
        rule,
        float(saved[best]),
        behind.prompt,
        behind,
        behind.start // size * size,
    )


def carry_out(pool: PresumedPool, demotion: Demotion, now_s: float) -> Rule:
    """The pool takes a demotion as sent. Gives what is asked for the part of the prompt before what
    a session has left behind: what its last prompt, which goes on from there, asks for."""
    kept = pool.asked(demotion.session, now_s)
    if demotion.left is None:
        pool.ask(demotion.session, demotion.rule, now_s)
    else:
        pool.demote(demotion.left, demotion.rule, now_s)
    return kept


def ranges_left(node: NodeRules, kept: Rule, start: int, rule: Rule) -> tuple[TokenRange, ...]:
    """What is asked for an earlier prompt of a node, of which the session's own part is kept up to
    `start` tokens, and the rest gives way by this rule."""
    shared = kept if node.shared.priority < kept.priority else node.shared
    end = node.shared_tokens + start
    parts = ((0, node.shared_tokens, shared), (node.shared_tokens, end, kept), (end, None, rule))
    return tuple(
        TokenRange(first, last, one.priority, one.duration_ms)
        for first, last, one in parts
        if last is None or first < last
    )


def below(priority: int) -> Rule:
    """What is asked for a prompt that goes before what has this priority, and before blank blocks:
    of what is demoted the last is worth least. At priority 0 they go by turns."""
    return Rule(max(0, min(priority, DEFAULT_PRIORITY) - 1))
