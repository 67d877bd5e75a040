"""Large workload files of every format that is read, made up: conversations that share their first
blocks and grow by their turns."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Line = Mapping[str, Any]
SHARED_BLOCKS = 12
TURN_TOKENS = 400


@dataclass(frozen=True)
class Turn:
    """A request of a conversation, the `number`-th of it from 0; `blocks` name all of its
    prompt."""

    at_ms: int
    conversation: int
    number: int
    blocks: list[int]
    answer_tokens: int


def turns(count: int, random: Random, most_added: int) -> Iterator[Turn]:
    """Turns of conversations, each of which adds up to so many blocks."""
    conversations: list[list[int]] = []
    numbers: list[int] = []
    fresh = 1_000_000
    for at in range(count):
        if not conversations or random.random() < 0.3:
            conversations.append(list(range(SHARED_BLOCKS)))
            numbers.append(0)
        place = random.randrange(max(0, len(conversations) - 50), len(conversations))
        added = random.randint(1, most_added)
        conversations[place] = [*conversations[place], *range(fresh, fresh + added)]
        fresh += added
        yield Turn(50 * at, place, numbers[place], conversations[place], random.randint(1, 500))
        numbers[place] += 1


def lengths(random: Random) -> Iterator[str]:
    """A million requests of which only the lengths are known."""
    for at in range(1_000_000):
        prompt, output = random.randint(100, 4000), random.randint(1, 500)
        yield f'{{"timestamp": {3 * at}, "input_length": {prompt}, "output_length": {output}}}\n'


def blocks_of_16(random: Random) -> Iterator[str]:
    """60,000 turns by blocks of 16 tokens."""
    for turn in turns(60_000, random, 220):
        yield _json({**_request(turn, 16), "hash_ids": turn.blocks, "block_tokens": 16})


def mooncake(random: Random) -> Iterator[str]:
    """Turns as Mooncake publishes them, by blocks of 512 tokens."""
    for turn in turns(150_000, random, 6):
        yield _json({**_request(turn, 512), "hash_ids": turn.blocks})


def mooncake_sessions(random: Random) -> Iterator[str]:
    """The same with sessions, and the delay of every turn but the first."""
    for turn in turns(150_000, random, 6):
        line = {"session_id": f"session-{turn.conversation}", **_request(turn, 512)}
        if turn.number:
            del line["timestamp"]
            line["delay"] = random.randint(100, 90_000)
        yield _json({**line, "hash_ids": turn.blocks})


def agentic_mooncake(random: Random) -> Iterator[str]:
    """Requests that wait for the one before them in their session, and for its tools."""
    yield _json({"schema": "dynamo.agentic_mooncake", "version": 1, "block_size": 512})
    for turn in turns(120_000, random, 6):
        session = f"session-{turn.conversation}"
        line = {
            "request_id": f"{session}-{turn.number}", "session_id": session, **_request(turn, 512),
            "hash_ids": turn.blocks,
        }  # fmt: skip
        if turn.number:
            del line["timestamp"]
            line |= {
                "wait_for": [f"{session}-{turn.number - 1}"], "delay": 12.5,
                "tool_wait_ms": random.randint(0, 9000) / 8,
            }  # fmt: skip
        yield _json(line)


def dynamo(random: Random) -> Iterator[str]:
    """The ends of requests in Dynamo's trace, by hashes of 64 bits."""
    for turn in turns(30_000, random, 40):
        replay = {
            "trace_block_size": 64, "input_length": 64 * len(turn.blocks),
            "input_sequence_hashes": [_hash(block) for block in turn.blocks],
        }  # fmt: skip
        request = {
            "request_id": f"request-{turn.at_ms}", "model": "m",
            "input_tokens": 64 * len(turn.blocks), "output_tokens": turn.answer_tokens,
            "request_received_ms": 1_700_000_000_000 + turn.at_ms, "total_time_ms": 812.25,
            "replay": replay,
        }  # fmt: skip
        yield _json(
            {
                "schema": "dynamo.request.trace.v1", "event_type": "request_end",
                "event_time_unix_ms": 1_700_000_001_000 + turn.at_ms,
                "agent_context": {"session_id": str(turn.conversation)}, "request": request,
            }
        )  # fmt: skip


def bailian(random: Random) -> Iterator[str]:
    """Chats by blocks of 16 tokens, which name the one that they continue."""
    last: dict[int, int] = {}
    for chat, turn in enumerate(turns(60_000, random, 60)):
        parent = last.get(turn.conversation, -1)
        last[turn.conversation] = chat
        yield _json(
            {
                "chat_id": chat, "parent_chat_id": parent, **_request(turn, 16),
                "timestamp": turn.at_ms / 1000, "type": "text", "turn": turn.number + 1,
                "hash_ids": turn.blocks,
            }
        )  # fmt: skip


def token_ids(random: Random) -> Iterator[str]:
    """Prompts by their tokens, as Charter records them."""
    shared = [random.randrange(128_000) for _ in range(2000)]
    for turn in turns(4_000, random, 6):
        prompt = shared + [random.randrange(128_000) for _ in range(TURN_TOKENS)]
        yield _json(
            {
                "timestamp": turn.at_ms, "input_length": len(prompt),
                "output_length": turn.answer_tokens, "token_ids": prompt, "node": "main",
                "session": str(turn.conversation),
            }
        )  # fmt: skip


def weka(random: Random) -> Iterator[str]:
    """Sessions of kv-cache-tester, every fourth with a sub-agent, whose times count from the
    session's start: that no marker is preceded is known only behind the last one."""
    for number in range(1_000):
        calls: list[dict[str, Any]] = []
        blocks = list(range(SHARED_BLOCKS))
        for turn in range(60):
            blocks = [*blocks, *range(1000 * (turn + 1), 1000 * (turn + 1) + random.randint(1, 12))]
            calls.append(_weka_call(10.0 * turn, blocks))
        if not number % 4:
            nested = [_weka_call(605.0 + 10 * at, blocks[: 40 + 10 * at]) for at in range(20)]
            calls.append({"t": 600.0, "type": "subagent", "requests": nested})
        yield _json({"id": f"session-{number}", "block_size": 64, "requests": calls})


def azure(random: Random) -> Iterator[str]:
    """Azure's table: times by the clock, to seven digits of a second."""
    yield "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    start = datetime(2023, 11, 16, 18, 15, 46, tzinfo=UTC)
    for at in range(500_000):
        moment = start + timedelta(milliseconds=7 * at, microseconds=random.randrange(1000))
        yield f"{moment:%Y-%m-%d %H:%M:%S.%f}0,{random.randint(1, 4000)},{random.randint(1, 500)}\n"


def burst_gpt(random: Random) -> Iterator[str]:
    """BurstGPT's table: times in seconds, and words that are not read."""
    yield "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    for at in range(500_000):
        prompt, output = random.randint(1, 4000), random.randint(1, 500)
        yield f"{at // 3}.0,ChatGPT,{prompt},{output},{prompt + output},Conversation log\n"


def vidur(random: Random) -> Iterator[str]:
    """Vidur's table: a numbered line each, and times with all digits of a double."""
    yield ",arrived_at,num_prefill_tokens,num_decode_tokens\n"
    at = 0.0
    for number in range(500_000):
        at += random.expovariate(3)
        yield f"{number},{at!r},{random.randint(1, 4000)},{random.randint(1, 500)}\n"


def texts(random: Random) -> Iterator[str]:
    """Conversations as text, in bodies of OpenAI's chats that grow by their turns."""
    words = [_word(random) for _ in range(20_000)]
    for number in range(400):
        messages = [{"role": "system", "content": _said(random, words[:300], 600)}]
        for _ in range(6):
            messages.append({"role": "user", "content": _said(random, words, 80)})
            yield _json({"session_id": str(number), "messages": messages, "max_tokens": 200})
            messages.append({"role": "assistant", "content": _said(random, words, 150)})


FILES: Mapping[str, Callable[[Random], Iterator[str]]] = {
    "lengths.jsonl": lengths,
    "blocks_of_16.jsonl": blocks_of_16,
    "mooncake.jsonl": mooncake,
    "mooncake_sessions.jsonl": mooncake_sessions,
    "agentic_mooncake.jsonl": agentic_mooncake,
    "dynamo.jsonl": dynamo,
    "bailian.jsonl": bailian,
    "token_ids.jsonl": token_ids,
    "weka.jsonl": weka,
    "azure.csv": azure,
    "burst_gpt.csv": burst_gpt,
    "vidur.csv": vidur,
    "texts.jsonl": texts,
}
"""By the name of the file."""


def _request(turn: Turn, block_tokens: int) -> dict[str, Any]:
    return {
        "timestamp": turn.at_ms,
        "input_length": block_tokens * len(turn.blocks) - 3,
        "output_length": turn.answer_tokens,
    }


def _weka_call(at: float, blocks: list[int]) -> dict[str, Any]:
    return {
        "t": at, "type": "n", "in": 64 * len(blocks), "out": 120, "hash_ids": blocks,
        "api_time": 3.25, "think_time": 6.5, "model": "m",
    }  # fmt: skip


def _hash(block: int) -> int:
    return (block + 1) * 0x9E3779B97F4A7C15 % (1 << 64)


def _word(random: Random) -> str:
    return "".join(random.choice("etaoinshrdlu") for _ in range(random.randint(2, 9)))


def _said(random: Random, words: list[str], count: int) -> str:
    return " ".join(random.choices(words, k=count))


def _json(line: Line) -> str:
    return json.dumps(line) + "\n"
