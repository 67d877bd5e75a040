"""What is asked of charter_bls, and what is too long to be asked."""

import json
from pathlib import Path

import pytest

from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.errors import UsageError
from charter_engine.gateway.asking import Asking, Chat, ChatMessage
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.model import DEFAULT_MAX_TOKENS, ServedModel, read_model
from charter_engine.triton.chat_template import ChatTemplate


def asking(prompt: Chat | str | tuple[int, ...], max_tokens: int | None = None) -> Asking:
    return Asking(model="tiny", prompt=prompt, max_tokens=max_tokens)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(tokenizer_path())


def test_a_prompt_beyond_the_model_is_refused_by_its_tokens(tokenizer: Tokenizer) -> None:
    model = ServedModel(tokenizer=tokenizer, context=64)
    with pytest.raises(GatewayError, match="the model takes at most 63") as refused:
        model.request(asking("word " * 100), "id", "")
    assert refused.value.code == "context_length_exceeded"


def test_token_ids_beyond_the_model_are_refused() -> None:
    with pytest.raises(GatewayError, match="the prompt has 64 tokens"):
        ServedModel(context=64).request(asking((1,) * 64), "id", "")


def test_a_long_text_of_few_tokens_is_asked(tokenizer: Tokenizer) -> None:
    prompt = "the " * 20
    tokens = len(tokenizer.encode(prompt)[0])
    assert tokens < 64 < len(prompt)
    model = ServedModel(tokenizer=tokenizer, context=64)
    assert model.request(asking(prompt), "id", "").max_tokens == 64 - tokens


def test_a_model_that_is_not_known_here_is_asked_whatever_comes() -> None:
    request = ServedModel().request(asking("word " * 10_000), "id", "s")
    assert request.max_tokens == DEFAULT_MAX_TOKENS
    assert (request.request_id, request.session) == ("id", "s")


def test_the_clients_own_length_is_asked_for() -> None:
    assert ServedModel().request(asking("hi", max_tokens=7), "id", "").max_tokens == 7


def test_the_first_token_is_not_sent_twice(tokenizer: Tokenizer) -> None:
    begins = tokenizer.decode(tokenizer.encode("")[0]) or "<s>"
    template = ChatTemplate("{{ bos_token }}{{ messages[0].content }}", {"bos_token": begins})
    chat = Chat(messages=(ChatMessage(role="user", content="hi"),))
    sent = ServedModel(tokenizer=tokenizer, template=template).request(asking(chat), "id", "").text
    adds_it = bool(tokenizer.encode("")[0])
    assert sent == ("hi" if adds_it else f"{begins}hi")


def test_the_engines_own_files_tell_how_long_a_prompt_may_be(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"build_config": {"max_seq_len": 4096}}))
    assert read_model(None, tmp_path).context == 4096
    assert read_model(None, tmp_path, context=100).context == 100


def test_files_that_are_elsewhere_are_done_without() -> None:
    model = read_model(Path("/nowhere/tokenizer"), Path("/nowhere/engine"))
    assert (model.tokenizer, model.context, model.template.is_plain) == (None, None, True)


def test_a_tokenizer_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match="no readable"):
        read_model(tmp_path, None)
