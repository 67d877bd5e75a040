"""What a server's counters grew by between two looks at them."""

from charter_engine.contracts.live import CounterRates, ServerCounters


def rates_between(before: ServerCounters, after: ServerCounters, seconds: float) -> CounterRates:
    """By the second. Counters that fell began anew with their server, and tell nothing.

    The hit rate is that of tokens; where a server counts blocks alone, that of blocks.
    """
    prompt = _growth(before.prompt_tokens, after.prompt_tokens)
    reused = _growth(before.reused_tokens, after.reused_tokens)
    evicted = _growth(before.evicted_tokens, after.evicted_tokens)
    asked, found, blocks = prompt, reused, None
    if prompt is None or reused is None:
        found = _growth(before.reused_blocks, after.reused_blocks)
        missed = _growth(before.missed_blocks, after.missed_blocks)
        asked = blocks = None if found is None or missed is None else found + missed
    return CounterRates(
        seconds=seconds,
        prompt_tokens=_by_second(prompt, seconds),
        reused_tokens=_by_second(reused, seconds),
        prompt_blocks=_by_second(blocks, seconds),
        hit_rate=found / asked if asked and found is not None else None,
        evicted_tokens=_by_second(evicted, seconds),
        reuse=after.reuse,
    )


def _growth(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None or after < before else after - before


def _by_second(growth: int | None, seconds: float) -> float | None:
    return None if growth is None or seconds <= 0 else growth / seconds
