"""Conversations as the text that a model was trained on: the chat template of its tokenizer.

Templates are read as Hugging Face's `transformers` does (huggingface.co/docs, "Chat templates"):
`chat_template.jinja` beside the tokenizer, else `chat_template` in `tokenizer_config.json`.
They come with a model, so Jinja's sandbox renders them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from charter_engine.bls.tokenizer import Tokenizer, TokenizerError
from charter_engine.errors import UsageError
from charter_engine.prompts.templated import GIVEN, Writes

TEMPLATE_FILE = "chat_template.jinja"
CONFIG_FILE = "tokenizer_config.json"
PLAIN_TEMPLATE = """\
{%- if tools %}
{{- "Functions, called by <tool_call>{\\"name\\": ..., \\"arguments\\": {...}}</tool_call>:\\n" }}
{%- for tool in tools %}{{ tool | tojson }}{{ "\\n" }}{% endfor %}
{%- endif %}
{%- for message in messages %}
{{- message.role }}:{{ "" if message.role == "assistant" else " " }}{{ message.content }}
{%- for call in message.tool_calls %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}
{{- "\\n" }}
{%- endfor %}
{{- "assistant:" }}"""
"""For a tokenizer that has none: each message behind its role, a line each. An answer stands there
as it was generated, so that a conversation that goes on begins with what was sent before."""

_EXAMPLE_TOOLS: tuple[tuple[Mapping[str, object], ...], ...] = tuple(
    tuple(
        {
            "type": "function",
            "function": {"name": name, "description": f"Does {name}", "parameters": parameters},
        }
        for name, parameters in tools
    )
    for tools in (
        [("add", {"type": "object"})],
        [("send", {}), ("find", {"type": "object", "properties": {}})],
    )
)
"""Two sets of tools that differ in all that tools can: what a template writes of both is its
own."""


class ChatRefused(ValueError):
    """A conversation that a template refuses; the message is the template's own."""


def local_time(form: str) -> str:
    """This moment, in the form of `strftime`."""
    return datetime.now().astimezone().strftime(form)


class ChatTemplate:
    """Writes a conversation as a prompt. `source` None: `PLAIN_TEMPLATE`.

    `special_tokens` are the tokenizer's, by name (`bos_token`, `eos_token`).
    `moment` tells the time to templates that ask for it.
    Raises `UsageError` for a template that Jinja cannot read.
    """

    def __init__(
        self,
        source: str | None = None,
        special_tokens: dict[str, str] | None = None,
        moment: Callable[[str], str] = local_time,
    ) -> None:
        self.is_plain = source is None
        self.special_tokens = special_tokens or {}
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = moment
        try:
            self._template = environment.from_string(PLAIN_TEMPLATE if source is None else source)
        except TemplateError as error:
            raise UsageError(f"the tokenizer's chat template: {error}") from None

    @property
    def begin(self) -> str:
        """The text of the token that begins every prompt; "" where there is none."""
        return self.special_tokens.get("bos_token", "")

    def render(
        self, messages: Sequence[Mapping[str, object]], tools: Sequence[Mapping[str, object]] = ()
    ) -> str:
        """The prompt, ready for the assistant's answer. Messages and tools are in OpenAI's form,
        but for arguments of calls, which are values and not text. Raises `ChatRefused`."""
        try:
            return self._template.render(
                messages=messages,
                tools=tools or None,
                add_generation_prompt=True,
                **self.special_tokens,
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise ChatRefused(str(error)) from None


def read_chat_template(
    tokenizer: Path | None, moment: Callable[[str], str] = local_time
) -> ChatTemplate:
    """The template beside a tokenizer (its file, or the directory that holds it); the plain one
    where it has none. Raises `UsageError`."""
    if tokenizer is None:
        return ChatTemplate(moment=moment)
    directory = tokenizer if tokenizer.is_dir() else tokenizer.parent
    config = _config(directory / CONFIG_FILE)
    file = directory / TEMPLATE_FILE
    source = file.read_text(encoding="utf-8") if file.is_file() else _template_in(config)
    return ChatTemplate(source, _special_tokens(config), moment)


def chat_writers(tokenizer: Path) -> tuple[Writes, ...]:
    """How the template beside a tokenizer writes messages: without tools, and with any.

    As prompts are sent: without the first token where the tokenizer puts it there by itself.
    Raises `UsageError` for files that cannot be read.
    """
    template = read_chat_template(tokenizer, moment=lambda _: GIVEN)
    begin = template.begin if template.begin and _begins_prompts(tokenizer) else ""

    def written(messages: Sequence[tuple[str, str]], tools: Sequence[Mapping[str, object]]) -> str:
        said = [{"role": role, "content": text} for role, text in messages]
        return template.render(said, tools).removeprefix(begin)

    def with_tools(messages: Sequence[tuple[str, str]]) -> str:
        return _differing_as_given(*(written(messages, tools) for tools in _EXAMPLE_TOOLS))

    return (lambda messages: written(messages, ())), with_tools


def _begins_prompts(tokenizer: Path) -> bool:
    try:
        return bool(Tokenizer(tokenizer).encode("")[0])
    except TokenizerError as error:
        raise UsageError(str(error)) from None


def _differing_as_given(one: str, other: str) -> str:
    """A text of which another differs in one place, with `GIVEN` there."""
    if one == other:
        return one
    begin = _shared_length(one, other)
    end = _shared_length(one[begin:][::-1], other[begin:][::-1])
    return one[:begin] + GIVEN + one[len(one) - end :]


def _shared_length(one: str, other: str) -> int:
    """How many characters two different texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    differing = (index for index, (first, second) in pairs if first != second)
    return next(differing, min(len(one), len(other)))


def _config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a tokenizer's configuration: {error}") from None


def _template_in(config: dict[str, Any]) -> str | None:
    """A configuration may hold several templates by name; `default` is the one for chat."""
    source = config.get("chat_template")
    if isinstance(source, list):
        named = {item.get("name"): item.get("template") for item in source}
        source = named.get("tool_use") or named.get("default")
    return source if isinstance(source, str) else None


def _special_tokens(config: dict[str, Any]) -> dict[str, str]:
    tokens = {}
    for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
        token = config.get(name)
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str):
            tokens[name] = text
    return tokens


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Without Jinja's escapes for HTML, and with the parameters that `transformers` gives it."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


class _Generation(Extension):
    """`{% generation %}` marks answers for training (`transformers`): its body is rendered."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)
