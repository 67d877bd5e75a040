"""Conversations become prompts by the template beside the tokenizer."""

import json
from pathlib import Path

import pytest

from charter_engine.errors import UsageError
from charter_engine.gateway.asking import Chat, ChatMessage, FunctionTool, ToolCall
from charter_engine.gateway.chat_template import rendered
from charter_engine.gateway.errors import GatewayError
from charter_engine.triton.chat_template import ChatTemplate, read_chat_template

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HI = Chat(messages=(ChatMessage(role="user", content="hi"),))
WEATHER = FunctionTool(name="weather", description="Tells it", parameters={"type": "object"})


def test_the_template_in_the_tokenizers_configuration_is_used(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHATML}))
    template = read_chat_template(tmp_path / "tokenizer.json")
    assert rendered(template, HI) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


def test_a_template_of_its_own_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHATML}))
    (tmp_path / "chat_template.jinja").write_text("{{ messages[0].content }}!")
    assert rendered(read_chat_template(tmp_path), HI) == "hi!"


def test_of_several_templates_the_one_for_chat_is_used(tmp_path: Path) -> None:
    templates = [{"name": "rag", "template": "x"}, {"name": "default", "template": CHATML}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": templates}))
    assert rendered(read_chat_template(tmp_path), HI).startswith("<|im_start|>user")


def test_special_tokens_are_known_to_the_template(tmp_path: Path) -> None:
    config = {"chat_template": "{{ bos_token }}{{ eos_token }}", "bos_token": "<s>"}
    config |= {"eos_token": {"content": "</s>", "lstrip": False}}  # type: ignore[dict-item]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert rendered(read_chat_template(tmp_path), HI) == "<s></s>"


def test_a_tokenizer_without_a_template_gets_messages_behind_their_roles(tmp_path: Path) -> None:
    chat = Chat(
        messages=(
            ChatMessage(role="system", content="Be brief."),
            ChatMessage(role="user", content="hi"),
        )
    )
    template = read_chat_template(tmp_path)
    assert template.is_plain
    assert rendered(template, chat) == "system: Be brief.\nuser: hi\nassistant:"


def test_a_conversation_that_goes_on_begins_with_what_was_sent_before() -> None:
    answer = ChatMessage(role="assistant", content=" hello")
    more = Chat(messages=(*HI.messages, answer, ChatMessage(role="user", content="more")))
    template = ChatTemplate()
    assert rendered(template, more).startswith(rendered(template, HI) + answer.content)


def test_functions_and_their_calls_stand_in_the_plain_prompt() -> None:
    call = ToolCall(id="1", name="weather", arguments='{"city": "Oslo"}')
    chat = Chat(
        messages=(
            ChatMessage(role="assistant", tool_calls=(call,)),
            ChatMessage(role="tool", content="rain", tool_call_id="1"),
        ),
        tools=(WEATHER,),
    )
    prompt = rendered(ChatTemplate(), chat)
    assert '"description": "Tells it"' in prompt
    assert '<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>' in prompt
    assert "tool: rain\n" in prompt


def test_a_chosen_function_is_the_only_one_that_is_offered() -> None:
    other = FunctionTool(name="news")
    chat = Chat(messages=HI.messages, tools=(WEATHER, other), tool_choice="news")
    assert chat.offered_tools == (other,)
    assert Chat(messages=HI.messages, tools=(WEATHER,), tool_choice="none").offered_tools == ()


def test_what_marks_answers_for_training_changes_nothing() -> None:
    source = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
    assert rendered(ChatTemplate(source), HI) == "hi"


def test_json_in_a_template_is_not_escaped_for_html() -> None:
    source = "{{ {'b': messages[0].content, 'a': 1} | tojson(separators=(',', ':')) }}"
    chat = Chat(messages=(ChatMessage(role="user", content="<ü>"),))
    assert rendered(ChatTemplate(source), chat) == '{"b":"<ü>","a":1}'


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('only users may speak') }}",
        "{{ messages.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ undefined_function() }}",
    ],
)
def test_what_a_template_refuses_or_may_not_do_is_the_clients_error(source: str) -> None:
    with pytest.raises(GatewayError, match="chat template refuses") as refused:
        rendered(ChatTemplate(source), HI)
    assert refused.value.status == 400


def test_a_template_that_cannot_be_read_is_told() -> None:
    with pytest.raises(UsageError, match="chat template"):
        ChatTemplate("{% if %}")


def test_a_configuration_that_is_no_json_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(UsageError, match="tokenizer_config"):
        read_chat_template(tmp_path)
