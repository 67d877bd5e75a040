"""What calls of functions that ask a model for their callers show and send."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines


def test_a_step_inside_a_wrapper_is_fed_by_the_call_beside_it() -> None:
    file = compiled(
        """
        import openai

        def ask(prompt):
            reply = openai.Completion.create(model="m", prompt=prompt)
            verify(reply)
            return reply

        def verify(reply):
            text = f"Say true if the reply is polite, and false if it is anything else: {reply}"
            return "true" in openai.Completion.create(model="m", prompt=text)

        ask("Hello")
        """
    )
    assert (5, 11, "data") in edges(file)


def test_a_call_is_of_the_family_that_its_receiver_turns_out_to_have() -> None:
    file = compiled(
        """
        import openai

        class Work:
            def run(self, prompt):
                return self.llm.generate(prompt)

        class Model:
            def generate(self, prompt):
                return openai.Completion.create(model="m", prompt=prompt)

        def main():
            work = Work()
            work.llm = Model()
        """
    )
    assert {call.line: call.family for call in file.calls} == {
        6: "openai.completions",
        10: "openai.completions",
    }


RULED = """
from openai import OpenAI

client = OpenAI()

def ask(prompt):
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}]
    return client.chat.completions.create(model="m", messages=said).choices[0].message.content

def work(letter):
    return ask(f"Sort: {letter}")
"""


def test_a_call_of_a_wrapper_sends_what_the_wrapper_puts_before_its_prompt() -> None:
    call = max(compiled(RULED).calls, key=lambda call: call.line)
    assert [(part.role, part.text or part.name) for part in call.segments] == [
        ("system", "Be brief."),
        ("user", "Sort: "),
        ("user", "letter"),
    ]


def test_where_a_wrapper_hides_what_it_is_given_its_call_shows_that() -> None:
    source = RULED.replace('"content": prompt', '"content": encode(prompt)')
    call = max(compiled(source).calls, key=lambda call: call.line)
    assert [part.text or part.name for part in call.segments] == ["Sort: ", "letter"]


def test_what_a_tokenizer_makes_of_a_prompt_is_that_prompt() -> None:
    file = compiled(
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        words = AutoTokenizer.from_pretrained("m")
        net = AutoModelForCausalLM.from_pretrained("m")

        def say(prompt):
            made = net.generate(**words(prompt, return_tensors="pt").to("cuda"))
            return words.decode(made[0])

        say("Name a sea.")
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(8, "sdk"), (11, "wrapper")]


HANDED_ON = """
from openai import OpenAI

class Model:
    def __init__(self):
        self.client = OpenAI()

    def reply(self, prompt):
        return self.client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": prompt}]
        ).choices[0].message.content

def ask(model, prompt):
    return model.reply(prompt)

def query(model, text, rule):
    prompt = rule.format(text=text)
    return ask(model, prompt)

model = Model()
plan = query(model, letter, "Plan an answer to this letter: {text}")
query(model, plan, "Write it out by this plan: {text}")
"""


def test_a_call_of_a_wrapper_sends_what_a_wrapper_within_it_makes_of_an_answer() -> None:
    call = max(compiled(HANDED_ON).calls, key=lambda call: call.line)
    assert [part.text or part.kind for part in call.segments] == [
        "Write it out by this plan: ",
        "upstream",
    ]


def test_a_call_shows_all_that_its_wrapper_sends_also_where_a_program_runs_its_function() -> None:
    source = """
        from openai import OpenAI

        client = OpenAI()

        def ask(text):
            messages = [
                {"role": "system", "content": "You plan with care."},
                {"role": "user", "content": text},
            ]
            return client.chat.completions.create(model="m", messages=messages)

        def run(goal):
            plan = ask(goal).choices[0].message.content
            print(ask(f"Shorten {plan}"))

        run("rivers")
        """
    shown = [call.segments[0].text for call in compiled(source).calls if call.kind == "wrapper"]
    assert shown == ["You plan with care.", "You plan with care."]


def test_what_decorators_within_decorators_call_is_the_wrapper_itself() -> None:
    file = compiled(
        """
        import functools
        from openai import OpenAI

        def guarded(ask, limit):
            def within(*args, **kwargs):
                wait(limit)
                return ask(*args, **kwargs)
            return within

        def patient(limit):
            def decorator(ask):
                inner = guarded(ask, limit)
                @functools.wraps(ask)
                def outer(*args, **kwargs):
                    return inner(*args, **kwargs)
                return outer
            return decorator

        @patient(3)
        def ask(prompt):
            return OpenAI().responses.create(model="m", input=prompt).output_text

        def main(city):
            return ask("Plan a trip to " + city)
        """
    )
    assert lines(file) == [22, 25]


TRIED = """
from openai import OpenAI
from anthropic import Anthropic

class Models:
    def _first(self, prompt):
        return OpenAI().responses.create(model="m", input=prompt).output_text

    def _second(self, prompt):
        said = [{"role": "user", "content": prompt}]
        return Anthropic().messages.create(model="m", messages=said).content[0].text

    def generate(self, prompt):
        for ask in WAYS:
            try:
                return ask(prompt)
            except Exception as error:
                print(error)
        raise RuntimeError

def main(stock):
    models = Models()
    news = models.generate("List what is new about a company: " + stock)
    print(models.generate("Say how the market will take this: " + news))
"""
"""A wrapper that tries one provider after the other."""


@pytest.mark.parametrize(
    "ways",
    [
        "(self._first, self._second)",
        "[self._first, self._second]",
        "{1: self._first, 2: self._second}.values()",
    ],
)
def test_providers_that_are_tried_one_after_the_other_are_behind_one_call(ways: str) -> None:
    file = compiled(TRIED.replace("WAYS", ways))
    assert lines(file) == [7, 11, 16, 23, 24]
    assert edges(file) == {(23, 24, "data")}


def test_a_call_says_what_may_fill_the_template_that_it_gives() -> None:
    file = compiled(
        """
        from openai import OpenAI

        def ask(prompt):
            return OpenAI().responses.create(model="m", input=prompt).output_text

        def query(keyword, query_template=None):
            text = query_template.replace("{keyword}", keyword) if query_template else keyword
            return ask(text)

        def work(keywords, template):
            for keyword in keywords:
                yield query(f"{keyword} Please include sources.", query_template=template)
        """
    )
    said = [getattr(part, "text", "") for part in file.calls[2].segments]
    assert " Please include sources." in said


ASKED_AGAIN = """
import json
from openai import OpenAI

client = OpenAI()

def ask_json(prompt):
    answer = client.responses.create(model="m", input=prompt).output_text
    try:
        return json.loads(answer)
    except ValueError:
        again = prompt + " Answer this time, with nothing but JSON."
        answer = client.responses.create(model="m", input=again).output_text
        return json.loads(answer)

def work(papers):
    for paper in papers:
        print(ask_json(paper.text))
"""


def test_a_call_of_a_wrapper_has_what_that_sends_in_any_case() -> None:
    (call,) = [call for call in compiled(ASKED_AGAIN).calls if call.function == "work"]
    assert [part.kind for part in call.segments] == ["variable"]


NESTED = """
from openai import OpenAI

def complete(messages):
    return OpenAI().chat.completions.create(model="m", messages=messages).choices[0].message.content

def ask(prompt):
    return complete(MESSAGES)

def ask_model(prompt):
    return ask(prompt + " Be brief.")

def main(names):
    for name in names:
        print(ask_model(f"Tell me about {name}."))
"""


@pytest.mark.parametrize(
    "messages",
    [
        '[{"role": "system", "content": "You help."}, {"role": "user", "content": prompt}]',
        '[{"role": "system", "content": "You help."}] + [{"role": "user", "content": prompt}]',
    ],
)
def test_a_call_leads_to_those_of_the_wrappers_that_it_asks_by(messages: str) -> None:
    file = compiled(NESTED.replace("MESSAGES", messages))
    client, asked, model, main = file.calls
    assert set(main.via) == {client.id, asked.id, model.id}
    assert {name for one in file.opportunities for name in one.nodes} == {main.id}
    assert [segment.fixed for segment in main.segments if segment.kind == "variable"] == [False]


KEPT = """
from openai import OpenAI

class Talk:
    def __init__(self, persona):
        self.persona = persona
        self.memory = Memory()

    def complete(self, messages):
        return OpenAI().responses.create(model="m", input=messages).output_text

    def chat(self, text):
        self.memory.items.append({"role": "user", "content": SAID})
        rules = {"role": "system", "content": self.persona}
        reply = self.complete([rules] + self.memory.items)
        self.memory.items.append({"role": "assistant", "content": reply})
        return reply

class Memory:
    def __init__(self):
        self.items = []

talk = Talk("You are a pirate.")
while True:
    print(talk.chat(input()))
"""


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("text", [10, 15, 25]),
        (
            f'f"{"Say what is wrong with these words, and how to put it better: " * 3}{{text}}"',
            [10, 15],
        ),
    ],
)
def test_one_that_sends_a_conversation_by_another_function_is_a_wrapper(
    said: str, found: list[int]
) -> None:
    file = compiled(KEPT.replace("SAID", said))
    assert lines(file) == found
    assert (15, 15, "loop") in edges(file)


def test_what_asks_by_a_helper_that_takes_a_state_is_compiled_as_well() -> None:
    file = compiled("""
        from openai import OpenAI

        class Agent:
            def __init__(self):
                self.client = OpenAI()

            def submit(self, messages):
                said = self.client.chat.completions.create(model="m", messages=messages)
                return said.choices[0].message.content

        class Actions:
            def __init__(self, agent: Agent):
                self.agent = agent

            def get(self, state):
                return [self.agent.submit([{"role": "user", "content": state.prompt}])]

        class Search:
            def __init__(self, actions: Actions):
                self.actions = actions

            def expand(self, node):
                return self.actions.get(node.state)

            def search(self, node):
                path = [node]
                self.expand(path[-1])
                return path

        def main(node):
            return Search(Actions(Agent())).search(node)
        """)
    assert lines(file) == [9, 17, 24, 28]
