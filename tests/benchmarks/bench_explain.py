"""Why requests missed: whether the cause is named, whether the parts add up, and how fast.

Bars: in every situation that people report the cause is named right and the parts of every prompt
add up to it; 10,000 requests are explained in less than 10 s, by their tokens and texts as by their
hashes alone. Times are of the processor, since others may use it.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from charter_engine.bls.chain import Chain
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.costs import Costs, report_of
from charter_engine.traffic.explanations import explanation_of
from charter_engine.traffic.misses import Knowledge, Miss, main_part, misses
from charter_engine.traffic.seen import NO_TOKENS, SeenPrompt, TokenIds
from tests.situations import SITUATIONS, text_of, tokenizer

REQUESTS = 10_000
SESSIONS = 400
SYSTEM_TOKENS, TURN_TOKENS, ANSWER_TOKENS = 800, 120, 80
POOL = PoolSettings(20_000, 32)
TRIMMED_TURNS = 12
WITH_WORDS = 100
STAMPED_SHARE = 4
"""One session in so many has a time first that is another in each prompt."""


def traffic() -> list[SeenPrompt]:
    """Conversations of many sessions, interleaved; some are stamped, and all trimmed when long."""
    random = np.random.default_rng(7)

    def words(size: int) -> TokenIds:
        return random.integers(300, 1500, size, dtype=np.int32)

    system: TokenIds = words(SYSTEM_TOKENS)
    turns: list[list[TokenIds]] = [[] for _ in range(SESSIONS)]
    chain, found = Chain(), []
    for number in range(REQUESTS):
        session = int(random.integers(SESSIONS))
        history = turns[session]
        history.append(words(TURN_TOKENS))
        stamp = _time(number) if session % STAMPED_SHARE == 0 else NO_TOKENS
        prompt = np.concatenate((stamp, system, *history[-TRIMMED_TURNS:]))
        answer: TokenIds = words(ANSWER_TOKENS)
        history.append(answer)
        hashes, answer_hashes = chain.with_answer(prompt, answer)
        found.append(
            SeenPrompt(
                request=str(number),
                at=1e9 + number,
                prompt_tokens=len(prompt),
                hashes=hashes.astype(np.int64),
                answer_hashes=answer_hashes.astype(np.int64),
                token_ids=np.concatenate((prompt, answer)),
                session=f"s{session}",
                node="Agent.step",
                output_tokens=len(answer),
                ready_at=1e9 + number + 0.5,
            )
        )
    return found


def _time(number: int) -> TokenIds:
    text = time.strftime("It is %H:%M:%S.\n", time.gmtime(number))
    return np.array(tokenizer().encode(text)[0], np.int32)


def timed(prompts: Sequence[SeenPrompt], knowledge: Knowledge) -> tuple[list[Miss], float]:
    """All explained, the last of them with their words, and the processor seconds that took."""
    started = time.process_time()
    found = misses(prompts, knowledge)
    costs = Costs(found)
    for place, miss in enumerate(found, start=WITH_WORDS - len(found)):
        explanation_of(miss, costs.of(miss), knowledge.text if place > 0 else None)
    return found, time.process_time() - started


def show(name: str, prompts: Sequence[SeenPrompt], knowledge: Knowledge) -> None:
    found, seconds = timed(prompts, knowledge)
    exact = sum(miss.parts.total == miss.seen.prompt_tokens for miss in found)
    tokens = sum(miss.seen.prompt_tokens for miss in found)
    print(
        f"{name}: {len(found):,} requests of {tokens:,} prompt tokens explained in {seconds:.1f} s "
        f"of processor time (bar 10 s), parts exact in {exact:,}"
    )
    started = time.process_time()
    report = report_of(found, knowledge.pool)
    took = time.process_time() - started
    print(f"  by cause, with what mending gives, in {took:.1f} s:")
    for group in report.causes:
        print(
            f"    {group.cause}: {group.requests:,} requests, {group.tokens:,} tokens again, "
            f"mending gives {group.mended_tokens}"
        )


def situations() -> None:
    named = exact = prompts = 0
    for situation in SITUATIONS:
        found = situation.told()
        told = found[situation.place]
        right = (told.cause.kind, main_part(told.parts)) == (situation.cause, situation.part)
        named += right
        exact += sum(miss.parts.total == miss.seen.prompt_tokens for miss in found)
        prompts += len(found)
        print(f"  {'right' if right else 'WRONG'}: {situation.name}: {told.cause.kind}")
    print(
        f"cause named right in {named} of {len(SITUATIONS)} situations, "
        f"parts exact in {exact} of {prompts} prompts"
    )


def main() -> None:
    situations()
    prompts = traffic()
    text: Callable[[SeenPrompt, int, int], str] = partial(text_of, tokenizer())
    show("by tokens and texts", prompts, Knowledge(text=text, pool=POOL))
    hashed = [dataclasses.replace(seen, token_ids=NO_TOKENS) for seen in prompts]
    show("by hashes alone", hashed, Knowledge(pool=POOL))


if __name__ == "__main__":
    main()
