"""Functions that a decorator makes prompts: their calls ask a model."""

from charter_engine.analysis.compile import CompileOptions, compile_source
from charter_engine.contracts.graph import Call
from charter_engine.parser.model_calls.catalogue import extended_catalogue
from tests.unit.parser.compiled import compiled, edges, lines, only, package


def said(call: Call) -> list[tuple[str, str]]:
    """The parts of a prompt with their roles; what fills one by its name."""
    return [(part.role or "", part.text or f"<{part.name}>") for part in call.segments]


def test_what_a_decorated_function_returns_is_asked_where_it_is_called() -> None:
    file = compiled(
        """
        from mirascope.core import openai

        @openai.call("gpt-4o-mini", temperature=0.5)
        def translate(text: str, language: str):
            return f"Translate to {language}: {text}"

        def main(text):
            return translate(text, "French").content
        """
    )
    call = only(file)
    assert (call.line, call.family, call.parameters) == (9, "mirascope", {"temperature": 0.5})
    assert said(call) == [("user", "Translate to French: "), ("user", "<text>")]


def test_a_function_that_nobody_calls_asks_nothing() -> None:
    file = compiled(
        """
        from magentic import prompt

        @prompt("Tell me about {country}")
        def describe(country: str) -> str: ...
        """
    )
    assert not file.calls


def test_a_decorators_template_is_filled_with_what_a_call_gives() -> None:
    file = compiled(
        """
        from magentic import SystemMessage, UserMessage, chatprompt, prompt

        @prompt("Write about {country} in a {style} style.")
        def describe(country: str, style: str = "dry") -> str: ...

        @chatprompt(SystemMessage("You judge texts."), UserMessage("Judge {text}"))
        def judge(text: str) -> int: ...

        written = describe("Peru")
        print(judge(written))
        """
    )
    first, second = file.calls
    assert said(first) == [("user", "Write about Peru in a dry style.")]
    assert said(second) == [
        ("system", "You judge texts."),
        ("user", "Judge "),
        ("user", "<written>"),
    ]
    assert second.segments[2].call == first.id


def test_a_docstring_is_the_system_message_before_what_is_returned() -> None:
    file = compiled(
        """
        import ell

        @ell.simple(model="gpt-4o")
        def hello(name: str):
            '''You write in lower case.'''
            return f"Greet {name}."

        hello("Ada")
        """
    )
    assert said(only(file)) == [
        ("system", "You write in lower case."),
        ("user", "Greet Ada."),
    ]


def test_messages_that_are_returned_stand_in_the_place_of_the_docstring() -> None:
    file = compiled(
        """
        import ell

        @ell.complex(model="gpt-4o")
        def chat(history):
            '''Says what it does.'''
            return [ell.system("You chat."), *history, ell.user("Go on.")]

        chat([])
        """
    )
    assert said(only(file)) == [("system", "You chat."), ("user", "Go on.")]


def test_what_is_given_to_a_function_without_a_body_goes_with_its_docstring() -> None:
    file = compiled(
        """
        import marvin

        @marvin.fn
        def rhymes(word: str) -> list[str]:
            '''Words that rhyme.'''

        rhymes("moon")
        """
    )
    assert said(only(file)) == [("system", "Words that rhyme."), ("user", "moon")]


def test_what_a_function_computes_fills_its_template() -> None:
    file = compiled(
        """
        from mirascope.core import openai, prompt_template

        @openai.call("m")
        @prompt_template("Summarize {text}")
        def summarize(text: str): ...

        @openai.call("m")
        @prompt_template("Judge {summary} of {text}")
        def judge(text: str):
            return {"computed_fields": {"summary": summarize(text).content}}

        def main(text):
            return judge(text)
        """
    )
    assert edges(file) == {(11, 14, "data")}
    judging = file.calls[1]
    assert [part.text or part.kind for part in judging.segments] == [
        "Judge ",
        "upstream",
        " of ",
        "variable",
    ]


def test_calls_of_methods_and_streams_side_by_side_are_told() -> None:
    file = compiled(
        """
        import asyncio
        from magentic import prompt
        from mirascope import llm

        class Writer:
            @prompt("Write about {topic}")
            async def write(self, topic: str) -> str: ...

            async def all(self, topics):
                return await asyncio.gather(*[self.write(topic) for topic in topics])

        @llm.call("openai/gpt-5")
        def tell(topic: str):
            return f"Tell of {topic}"

        for piece in tell.stream("rivers"):
            print(piece)
        """
    )
    assert {call.line: call.fanout for call in file.calls} == {11: "gather", 17: None}


def test_a_call_that_names_its_model_first_gives_the_rest_to_the_function() -> None:
    file = compiled(
        """
        from mirascope import llm

        @llm.prompt
        def tell(topic: str):
            return f"Tell of {topic}"

        tell("openai/gpt-5", "rivers")
        """
    )
    assert said(only(file)) == [("user", "Tell of rivers")]


def test_a_prompt_of_another_file_is_asked_where_it_is_called() -> None:
    files = package(
        prompts="""
        from magentic import prompt

        @prompt("Plan {goal}")
        def plan(goal: str) -> str: ...
        """,
        main="""
        from .prompts import plan

        def run(goal):
            return plan(plan(goal))
        """,
    )
    assert lines(files["main.py"]) == [5, 5]
    assert not files["prompts.py"].calls


def test_what_a_function_says_it_returns_is_the_schema_of_the_answer() -> None:
    file = compiled(
        """
        from magentic import prompt
        from pydantic import BaseModel

        class Hero(BaseModel):
            name: str

        @prompt("Make a hero of {town}")
        def make(town: str) -> Hero: ...

        make("Rome")
        """
    )
    assert "Hero" in only(file).head[0].text


def test_a_template_that_is_only_filled_is_part_of_another_prompt() -> None:
    file = compiled(
        """
        import outlines
        from openai import OpenAI

        @outlines.prompt
        def card(name):
            '''Describe {{ name }} in a word.'''

        client = OpenAI()
        client.responses.create(model="m", input=card("Ada"))
        """
    )
    assert [part.text for part in only(file).segments] == ["Describe Ada in a word."]


def test_what_an_object_keeps_fills_the_template_of_its_method() -> None:
    file = compiled(
        """
        from mirascope.core import openai, prompt_template

        class Librarian:
            def __init__(self):
                self.history = []

            @openai.call("m")
            @prompt_template("Before: {self.history} Now: {query}")
            def step(self, query: str): ...

            def run(self):
                while True:
                    answer = self.step(input())
                    self.history.append(answer.content)
        """
    )
    assert edges(file) == {(14, 14, "loop")}


def test_functions_of_other_decorators_of_such_names_ask_nothing() -> None:
    file = compiled(
        """
        from shop import prompt, call

        @prompt("Add {item} to the basket?")
        def add(item: str) -> str: ...

        @call("basket")
        def total(items):
            return f"Total of {items}"

        print(add("pear"), total([]))
        """
    )
    assert not file.calls


def test_a_users_own_decorator_makes_prompts_where_a_family_calls_them() -> None:
    source = (
        "from acme import ask\n@ask\ndef greet(name):\n    return f'Greet {name}'\ngreet('Ada')\n"
    )
    kinds = {"acme.prompt": {"decorators": ["^acme.ask$"], "says": {"returned": "user"}}}
    family = {"name": "acme", "kinds": ["acme.prompt"], "called": True, "prompt": ["messages"]}
    for families, found in (([family], [5]), ([], [])):
        catalogue = extended_catalogue({"kinds": kinds, "families": families})
        file = compile_source("a.py", source, options=CompileOptions(catalogue=catalogue))
        assert lines(file) == found
