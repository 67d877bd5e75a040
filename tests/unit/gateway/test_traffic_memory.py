"""What an engine remembers of the requests that passed its gateway."""

import json
from typing import Any

import numpy as np
import pytest

from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.gateway import traffic_memory
from charter_engine.gateway.asking import Chat, ChatMessage
from charter_engine.gateway.model import ServedModel, read_model
from charter_engine.gateway.opening import CHAT, COMPLETIONS
from charter_engine.gateway.traffic_memory import PassedTokens, TrafficMemory
from charter_engine.traffic.seen import seen_prompt

MODEL = read_model(tokenizer_path(), None)
TEXT = "The harbour master records the arrival of every vessel in the log."


def ids_of(text: str) -> list[int]:
    assert MODEL.tokenizer is not None
    return MODEL.tokenizer.encode(text)[0]


def exchange(prompt: str = TEXT, answer: bytes = b"", **told: Any) -> GatewayExchange:
    fields = {
        "at": 10.0,
        "request_id": "r",
        "route": COMPLETIONS,
        "prompt_tokens": len(ids_of(prompt)),
        "output_tokens": 2,
        **told,
    }
    body = json.dumps({"model": "m", "prompt": prompt}).encode()
    return GatewayExchange(GatewayRecord(**fields), body, answer=answer)


@pytest.fixture
def memory() -> TrafficMemory:
    made = TrafficMemory(keeps_prompts=True)
    made.model = MODEL
    return made


def told(memory: TrafficMemory, *exchanges: GatewayExchange) -> tuple[TrafficRecord, ...]:
    for one in exchanges:
        memory.exchanged(one)
    return memory.told().records


def test_requests_are_numbered_and_told_once(memory: TrafficMemory) -> None:
    memory.revision = 3
    first, second = told(memory, exchange(session="s", reused_tokens=4), exchange())
    assert (first.sequence, second.sequence, first.revision) == (0, 1, 3)
    assert (first.session, first.source, first.reused_tokens) == ("s", "gateway", 4)
    assert memory.told().records == ()


def test_what_the_server_does_not_tell_is_not_made_up(memory: TrafficMemory) -> None:
    (record,) = told(memory, exchange(output_tokens=None))
    assert (record.reused_tokens, record.output_tokens, record.computed_tokens) == (None,) * 3


def test_equal_beginnings_have_equal_hashes(memory: TrafficMemory) -> None:
    one, other = told(memory, exchange(f"{TEXT} {TEXT} One."), exchange(f"{TEXT} {TEXT} Another."))
    first, second = seen_prompt(one).hashes, seen_prompt(other).hashes
    assert first[0] == second[0]
    assert first[-1] != second[-1]


def test_a_chat_is_tokenised_by_the_models_template(memory: TrafficMemory) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": TEXT}]}).encode()
    asking = memory.model.rendered(chat_of(TEXT))
    record = GatewayRecord(
        at=1.0, request_id="r", route=CHAT, prompt_tokens=len(ids_of(asking)), output_tokens=1
    )
    (found,) = told(memory, GatewayExchange(record, body))
    assert len(seen_prompt(found).hashes) == -(-len(ids_of(asking)) // 16)


def chat_of(text: str) -> Chat:
    return Chat(messages=(ChatMessage(role="user", content=text),))


def test_what_was_sent_on_counts_and_not_what_came(memory: TrafficMemory) -> None:
    sent = json.dumps({"model": "m", "prompt": f"{TEXT} Sent."}).encode()
    as_sent = exchange(f"{TEXT} Sent.")
    came = exchange(TEXT, prompt_tokens=as_sent.record.prompt_tokens)
    laid_out = GatewayExchange(came.record, came.body, sent=sent)
    one, other = told(memory, as_sent, laid_out)
    assert one.hashes == other.hashes


def test_an_answer_that_is_as_long_as_counted_goes_on_with_the_hashes(
    memory: TrafficMemory,
) -> None:
    answer = json.dumps({"choices": [{"text": " every vessel"}]}).encode()
    length = len(ids_of(" every vessel"))
    counted, otherwise = told(
        memory,
        exchange(answer=answer, output_tokens=length),
        exchange(answer=answer, output_tokens=length + 5),
    )
    assert counted.answer_hashes
    assert not otherwise.answer_hashes


def test_another_models_tokenizer_is_told_and_no_hashes_are(memory: TrafficMemory) -> None:
    (record,) = told(memory, exchange(prompt_tokens=999))
    assert record.hashes == b""
    assert record.prompt_tokens == 999
    assert "the server counted 999" in memory.trouble


def test_without_a_tokenizer_requests_are_told_and_why_no_more_is() -> None:
    memory = TrafficMemory(keeps_prompts=True)
    memory.named = "llama"
    (record,) = told(memory, exchange(reused_tokens=4))
    assert (record.hashes, record.reused_tokens) == (b"", 4)
    assert "the tokenizer of llama is not on this machine" in memory.trouble


async def test_recent_prompts_are_given_back_with_the_words_asked_for(
    memory: TrafficMemory,
) -> None:
    (record,) = told(memory, exchange())
    last = int(seen_prompt(record).hashes[-1])
    found = await memory.prompt(last, ((0, 3),))
    assert found is not None
    assert found.token_ids.tolist() == ids_of(TEXT)
    assert TEXT.startswith(found.texts[0])
    assert await memory.prompt(last + 1) is None


async def test_the_oldest_prompts_go_where_there_is_no_room(
    memory: TrafficMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic_memory, "MOST_TOKENS", len(ids_of(TEXT)) + 5)
    first, second = told(memory, exchange(TEXT), exchange(f"So: {TEXT}"))
    assert await memory.prompt(int(seen_prompt(first).hashes[-1])) is None
    assert await memory.prompt(int(seen_prompt(second).hashes[-1])) is not None


async def test_no_words_are_kept_where_no_text_is() -> None:
    memory = TrafficMemory(keeps_prompts=False)
    memory.model = MODEL
    (record,) = told(memory, exchange())
    assert record.hashes
    assert await memory.prompt(int(seen_prompt(record).hashes[-1])) is None


def test_a_failed_request_tells_why(memory: TrafficMemory) -> None:
    (record,) = told(memory, exchange(status=429, finish="error", error="no room"))
    assert (record.error, record.finish) == ("no room", "error")


def test_what_is_no_prompt_is_no_traffic(memory: TrafficMemory) -> None:
    assert told(memory, exchange(route="/v1/models")) == ()


def test_more_than_can_wait_are_counted_as_lost(
    memory: TrafficMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic_memory, "MOST_WAITING", 1)
    memory.exchanged(exchange())
    memory.exchanged(exchange())
    batch = memory.told()
    assert (len(batch.records), batch.lost) == (1, 1)


def test_long_bodies_do_not_pile_up(memory: TrafficMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_memory, "MOST_BYTES", len(exchange().body) + 5)
    assert len(told(memory, exchange(), exchange())) == 1
    assert len(told(memory, exchange())) == 1


def test_a_run_of_charters_own_is_told_with_the_ids_that_it_sent() -> None:
    memory = TrafficMemory(keeps_prompts=True)
    memory.model = ServedModel()
    ids = np.arange(40, dtype=np.int32)
    memory.sent(PassedTokens(TrafficRecord(at=1.0, source="run", prompt_tokens=40), ids))
    (record,) = memory.told().records
    assert len(seen_prompt(record).hashes) == 3


def test_the_last_bodies_are_known_as_clients_sent_them(
    memory: TrafficMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic_memory, "MOST_BODIES", 2)
    texts = [f"{TEXT} {number}" for number in range(3)]
    told(memory, *(exchange(text) for text in texts))
    assert [json.loads(one.body)["prompt"] for one in memory.bodies] == texts[1:]


def test_no_body_is_kept_where_no_text_is() -> None:
    memory = TrafficMemory(keeps_prompts=False)
    memory.model = MODEL
    told(memory, exchange())
    assert memory.bodies == ()


def test_that_a_session_ends_is_told_with_its_tokens(memory: TrafficMemory) -> None:
    heard: list[PassedTokens] = []
    memory.on_told = heard.append
    told(memory, exchange(session="s"), exchange(session="s", ends_session=True))
    assert [(len(one.prompt), one.ends_session) for one in heard] == [
        (len(ids_of(TEXT)), False),
        (len(ids_of(TEXT)), True),
    ]
