"""Situations in which requests miss, as people report them, and what each has to be told as."""

import dataclasses
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from charter_engine.bls.chain import Chain
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.explaining import CauseKind, Part
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.misses import Knowledge, Miss, misses
from charter_engine.traffic.seen import SeenPrompt

_CHAIN = Chain()
RULES = (
    "You help the clerks of a harbour office. Ships are named with their flag and their berth. "
    "Dues are computed by gross tonnage, and a part of a day counts as a whole one. "
    "Never invent a berth: where it is not in the register, ask the harbour master. "
) * 3
TOOLS = [
    {"name": name, "description": f"{says} of the harbour office's register.", "parameters": {}}
    for name, says in (
        ("find_ship", "Looks a ship up by her name or number in the books"),
        ("dues_of", "Adds up the dues of a stay by tonnage and days out"),
        ("free_berths", "Lists the berths that are free at a given tide"),
    )
]
QUESTIONS = ("Where does the Alma lie?", "What does the Brig owe?", "Is berth nine free?")
TURNS = [
    ("user", "Where does the Alma lie, and since when has she been lying there, please?"),
    ("assistant", "The Alma, flag of Norway, lies at berth four, and has since Monday morning."),
    ("user", "What will she owe if she stays until the end of the week at that berth?"),
    ("assistant", "Five days at her tonnage come to two hundred and ten crowns, dues included."),
    ("user", "Is there a berth with deeper water that she could be moved to before Friday?"),
    ("assistant", "Berth nine is deeper by two metres, and it falls free on Thursday at noon."),
    ("user", "Then move her there on Thursday, and tell the pilot to be on board by eleven."),
]


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer(tokenizer_path())


@dataclass(frozen=True)
class Situation:
    """Prompts in their order, and what the request at `place` of them has to be told as."""

    name: str
    prompts: Sequence[SeenPrompt]
    cause: CauseKind
    part: Part = "diverged"
    pool: PoolSettings | None = field(default_factory=lambda: PoolSettings(4096, 16))
    place: int = -1

    def told(self) -> list[Miss]:
        """All requests told apart."""
        return misses(self.prompts, Knowledge(text=partial(text_of, tokenizer()), pool=self.pool))


def text_of(tokens: Tokenizer, seen: SeenPrompt, start: int, stop: int) -> str:
    return tokens.text(seen.token_ids[start:stop].tolist())


def chat(*turns: tuple[str, str], system: str = RULES) -> str:
    """A conversation as a chat template writes it."""
    return "".join(f"<|{role}|>\n{text}\n" for role, text in (("system", system), *turns))


def asked(texts: Sequence[str], **given: Any) -> list[SeenPrompt]:
    """Prompts of one session, a minute apart, answered at once."""
    return [seen(text, 1e9 + 60 * number, number, **given) for number, text in enumerate(texts)]


def seen(text: str, at: float, number: int, answer: Sequence[int] = (), **given: Any) -> SeenPrompt:
    ids = np.array(tokenizer().encode(text)[0], np.int32)
    fields: dict[str, Any] = {
        "request": str(number),
        "at": at,
        "prompt_tokens": len(ids),
        "hashes": _CHAIN.hashes(ids).astype(np.int64),
        "token_ids": np.concatenate((ids, np.array(answer, np.int32))),
        "session": "s",
        "node": "Office.answer",
        "ready_at": at + 1.0,
    }
    return SeenPrompt(**{**fields, **given})


def _question(system: Callable[[int], str], count: int = 3) -> list[SeenPrompt]:
    """One question after another, each behind instructions of its own making."""
    return asked([chat(("user", QUESTIONS[n % 3]), system=system(n)) for n in range(count)])


def _tools(shuffled: Callable[[int], object]) -> list[SeenPrompt]:
    return _question(lambda n: f"Tools:\n{json.dumps(shuffled(n))}\n{RULES}")


def _same(count: int, **given: Any) -> list[SeenPrompt]:
    return asked([chat(("user", QUESTIONS[0]))] * count, **given)


def _evicted() -> list[SeenPrompt]:
    others = [" ".join(map(str, range(100 * n, 100 * n + 60))) for n in range(1, 5)]
    return asked([RULES, *others, RULES])


def _apart(**of_each: tuple[object, ...]) -> list[SeenPrompt]:
    """The same prompt again and again, of which each has other values of some fields."""
    values = [dict(zip(of_each, one, strict=True)) for one in zip(*of_each.values(), strict=True)]
    prompts = _same(len(values))
    return [_with(prompt, **given) for prompt, given in zip(prompts, values, strict=True)]


def _with(prompt: SeenPrompt, **given: Any) -> SeenPrompt:
    return dataclasses.replace(prompt, **given)


def _retokenised() -> list[SeenPrompt]:
    """An answer that was generated with its first word in letters, sent back as text."""
    answer = TURNS[1][1] * 2
    word, _, rest = answer.partition(" ")
    letters = [token for letter in word for token in tokenizer().encode(letter)[0]]
    generated = [*letters, *tokenizer().encode(f" {rest}")[0]]
    before = f"{chat(TURNS[0])}<|assistant|>\n"
    first = seen(before, 1e9, 0, answer=generated)
    return [first, seen(f"{before}{answer}\n<|user|>\n{QUESTIONS[1]}\n", 1e9 + 60, 1)]


def _thinking() -> list[SeenPrompt]:
    thought = "<think>The register lists two ships of that name, so ask which one is meant.</think>"
    with_thought = ("assistant", thought + TURNS[1][1])
    return asked([chat(TURNS[0], with_thought, TURNS[2]), chat(*TURNS[:5])])


SITUATIONS = (
    Situation(
        "a gateway puts a random header first (sglang#35129)",
        asked(
            [
                f"x-request-nonce: {nonce}\n{chat(('user', QUESTIONS[0]))}"
                for nonce in ("9f3b01c7d2", "1c44e8a07b", "e07ab19c33")
            ]
        ),
        "gateway",
    ),
    Situation(
        "a client counts tokens in its system prompt (llama.cpp#22746)",
        _question(lambda n: f"Tokens used so far: {1200 + 371 * n}. {RULES}"),
        "counter",
    ),
    Situation(
        "tools come in another order (hermes-agent#27339)",
        _tools(lambda n: TOOLS[n:] + TOOLS[:n]),
        "tool order",
    ),
    Situation(
        "thinking is dropped from the history (hermes-agent#27339)", _thinking(), "thinking dropped"
    ),
    Situation(
        "a time stamp stands first (home-generative-agent#617)",
        _question(lambda n: f"Current time: 2026-11-26 08:{10 + n}:07. {RULES}"),
        "time stamp",
    ),
    Situation(
        "the date of today stands in the system prompt",
        _question(lambda n: f"Today is November {20 + n}, 2026. {RULES}"),
        "date",
    ),
    Situation(
        "each request has an identifier of its own",
        _question(lambda n: f"Session {uuid.UUID(int=(5 * 7**n << 116) + 77)}. {RULES}"),
        "identifier",
    ),
    Situation(
        "the oldest turns are trimmed",
        asked([chat(*TURNS[:5]), chat(*TURNS[2:7])]),
        "history trimmed",
    ),
    Situation(
        "an earlier message is written anew",
        asked(
            [
                chat(*TURNS[:5]),
                chat(
                    ("user", "In short: the clerk asked about the Alma and where she lies now."),
                    *TURNS[1:7],
                ),
            ]
        ),
        "history rewritten",
    ),
    Situation("an answer comes back as other tokens", _retokenised(), "retokenised"),
    Situation(
        "the system prompt is another",
        _question(
            lambda n: (
                ("Answer as a friend would. ", "Be brief and formal, and cite. ")[n % 2] + RULES
            ),
            2,
        ),
        "system prompt",
    ),
    Situation(
        "blanks differ",
        _question(lambda n: RULES[:60] + " " * (n % 2) + "\n" * (n % 2) + RULES[60:], 2),
        "whitespace",
    ),
    Situation(
        "keys of a JSON object come in another order",
        _tools(
            lambda n: {
                key: f"what the office keeps under {key} for clerks"
                for key in (("ships", "dues", "berths"), ("berths", "ships", "dues"))[n % 2]
            }
        ),
        "key order",
        place=1,
    ),
    Situation(
        "documents come in another order",
        _question(
            lambda n: (
                "\n".join(
                    f"Document {'ABC'[(k + n) % 3]}: {QUESTIONS[(k + n) % 3] * 3}" for k in range(3)
                )
                + RULES
            )
        ),
        "item order",
    ),
    Situation(
        "it was evicted",
        _evicted(),
        "evicted",
        "evicted",
        PoolSettings(40, 16),
    ),
    Situation(
        "the prompt is shorter than a block (vllm#53749)",
        _apart(reused=(0, 0)),
        "block size",
        "rounding",
        PoolSettings(64, 2096, partial_reuse=False),
    ),
    Situation(
        "tenants have salts of their own",
        _apart(salt=("tenant a", "tenant b")),
        "salt",
        "scope",
    ),
    Situation("another adapter answers", _apart(adapter=("clerk", "master")), "adapter", "scope"),
    Situation(
        "both came at once",
        _apart(at=(1e9, 1e9 + 0.1), ready_at=(1e9 + 5, 1e9 + 5), reused=(0, 0)),
        "still computing",
        "server",
    ),
    Situation(
        "reuse is off (TensorRT-LLM#2462)",
        _apart(reused=(0,) * 7),
        "reuse off",
        "server",
    ),
    Situation(
        "another instance answers",
        _apart(instance=("gpu 0", "gpu 1"), reused=(0, 0)),
        "elsewhere",
        "server",
    ),
    Situation(
        "a conversation goes on",
        asked([chat(*TURNS[:1]), chat(*TURNS[:3]), chat(*TURNS[:5])]),
        "new text",
        "new",
    ),
    Situation(
        "another question is asked behind the same instructions",
        _question(lambda n: RULES),
        "new text",
        "new",
    ),
)
