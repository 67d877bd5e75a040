"""Functions that ask a model and are no wrappers: steps of an agent."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, edges, flows, lines, package


def test_a_method_that_asks_with_its_objects_state_is_a_step_at_each_call() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Tutor:
            def __init__(self, topic):
                self.client = OpenAI()
                self.notes = f"You teach {topic}."

            def ask_model(self):
                return self.client.responses.create(model="m", input=f"{self.notes} Go on").text

            def turn(self):
                self.notes += self.ask_model()
                exercise = self.ask_model()
                self.notes += exercise
        """
    )
    assert [(call.line, call.kind) for call in file.calls][1:] == [(13, "wrapper"), (14, "wrapper")]
    assert {(13, 14, "data"), (14, 13, "loop")} <= edges(file)


def test_what_makes_an_object_that_asks_is_none() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Agent:
            def hear(self, text):
                self.heard = OpenAI().responses.create(model="m", input=text).output_text

        def started(text):
            agent = Agent()
            agent.hear(text)
            return agent

        def main(topic):
            return started("Learn about " + topic)
        """
    )
    assert lines(file) == [6]


STATEFUL = """
from openai import OpenAI

def ask(prompt, state):
    said = OpenAI().responses.create(model="m", input=PROMPT)
    state.asked += 1
    return said.output_text

def node(state):
    return {"text": ask("Tell me about " + state["topic"], state)}
"""


def test_a_helper_that_is_handed_a_graphs_state_beside_the_prompt_is_a_wrapper() -> None:
    file = compiled(STATEFUL.replace("PROMPT", "prompt"))
    assert [(call.line, call.kind) for call in file.calls] == [(5, "sdk"), (10, "wrapper")]


def test_one_that_makes_the_prompt_of_the_state_is_none() -> None:
    file = compiled(STATEFUL.replace("PROMPT", "f\"Answer: {state['topic']}\""))
    assert lines(file) == [5]


SENDING = """
from openai import OpenAI

client = OpenAI()

def NAME(prompt):
    answer = client.responses.create(model="m", input=prompt).output_text
    print(answer)

NAME("What is it?")
"""


@pytest.mark.parametrize(("name", "found"), [("ask_and_print", [7, 10]), ("send_message", [7])])
def test_what_sends_and_returns_nothing_is_no_wrapper(name: str, found: list[int]) -> None:
    assert lines(compiled(SENDING.replace("NAME", name))) == found


def test_a_factory_of_models_named_after_them_is_no_call() -> None:
    found = package(
        models="""
        from openai import OpenAI

        class Manager:
            def query(self, prompt):
                return OpenAI().responses.create(model="m", input=prompt).output_text

        def initiate_llm_query(system_prompt):
            return Manager()
        """,
        app="""
        from models import initiate_llm_query

        def main(prompt):
            manager = initiate_llm_query("You are an analyst of rivers and seas.")
            return manager.query(f"Analyse the river: {prompt}")
        """,
    )
    assert {path: lines(file) for path, file in found.items()} == {"models.py": [6], "app.py": [6]}


def test_what_asks_again_with_what_another_said_of_its_answer_is_no_wrapper() -> None:
    file = compiled(
        """
        from openai import OpenAI

        client = OpenAI()

        def improved(task):
            said = ""
            while True:
                draft = client.responses.create(model="m", input=f"{task} {said}").output_text
                verdict = client.responses.create(model="m", input=draft).output_text
                if "good" in verdict:
                    return draft
                said = verdict

        print(improved("Write of rivers."))
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(9, "sdk"), (10, "sdk")]
    assert edges(file) == {(9, 10, "data"), (10, 9, "loop")}


def test_what_asks_for_each_part_of_an_answer_side_by_side_is_no_wrapper() -> None:
    file = compiled(
        """
        import asyncio
        from openai import AsyncOpenAI

        client = AsyncOpenAI()

        async def work(goal):
            plan = await client.responses.create(model="m", input=goal)
            done = await asyncio.gather(
                *[client.responses.create(model="m", input=f"Do {step}") for step in plan.steps]
            )
            if not done:
                return await client.responses.create(model="m", input=goal)
            return done

        asyncio.run(work("Write of rivers."))
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(8, "sdk"), (10, "sdk"), (13, "sdk")]


@pytest.mark.parametrize(
    ("returned", "asking"), [("started.id", [7]), ("started.outputs[-1].text", [7, 13])]
)
def test_what_hands_back_only_the_id_of_an_answer_is_a_step(
    returned: str, asking: list[int]
) -> None:
    file = compiled(
        """
        from google import genai

        client = genai.Client()

        def ask(prompt):
            started = client.interactions.create(model="m", input=prompt, background=True)
            while started.status == "running":
                started = client.interactions.get(started.id)
            return RETURNED

        def run(task):
            return ask(f"Find out what is known of this: {task}")
        """.replace("RETURNED", returned)
    )
    assert lines(file) == asking


@pytest.mark.parametrize(
    ("result", "asking"),
    [
        ('{"role": "tool", "tool_call_id": call.id, "content": use(call)}', [10, 15]),
        ('{"type": "function_call_output", "call_id": call.id, "output": use(call)}', [10, 15]),
        ('{"role": "user", "content": "Is that all?"}', [10, 15, 18]),
    ],
)
def test_what_asks_again_with_what_tools_gave_is_a_step(result: str, asking: list[int]) -> None:
    file = compiled(
        """
        from openai import OpenAI
        from tools import use

        client = OpenAI()

        def ask(question):
            messages = [{"role": "user", "content": question}]
            reply = client.chat.completions.create(model="m", messages=messages)
            answer = reply.choices[0].message
            for call in answer.tool_calls:
                messages.append(answer)
                messages.append(RESULT)
            return client.chat.completions.create(model="m", messages=messages)

        def main():
            return ask("How warm is it?")
        """.replace("RESULT", result)
    )
    assert lines(file) == [line - 1 for line in asking]


@pytest.mark.parametrize(
    ("told", "asking"),
    [("Tool result: ", [8, 15]), ("Observation: ", [8, 15]), ("Mend this: ", [8, 15, 18])],
)
def test_so_is_what_tells_in_words_what_a_tool_gave(told: str, asking: list[int]) -> None:
    file = compiled(
        """
        from openai import OpenAI
        from tools import use

        client = OpenAI()

        def ask(question):
            messages = [{"role": "user", "content": question}]
            reply = client.chat.completions.create(model="m", messages=messages)
            answer = reply.choices[0].message.content
            messages = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
                {"role": "user", "content": f"TOLD{use(answer)}"},
            ]
            return client.chat.completions.create(model="m", messages=messages)

        def main():
            return ask("How warm is it?")
        """.replace("TOLD", told)
    )
    assert lines(file) == [line + 1 for line in asking]


def test_an_object_that_is_told_what_its_callers_tools_gave_is_a_client() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Chat:
            def __init__(self):
                self.client = OpenAI()
                self.messages = []

            def tell(self, call, result):
                self.messages.append({"role": "tool", "tool_call_id": call, "content": result})

            def ask(self, text):
                self.messages.append({"role": "user", "content": text})
                reply = self.client.chat.completions.create(model="m", messages=self.messages)
                self.messages.append(reply.choices[0].message)
                return reply.choices[0].message.content

        chat = Chat()
        chat.ask("How warm is it?")
        """
    )
    assert lines(file) == [14, 19]


@pytest.mark.parametrize(
    "stored",
    [
        "notes.plan = SAID",
        "notes.said['plan'] = SAID",
        "notes.said.append(SAID)",
        "notes['plan'] = SAID",
    ],
)
def test_what_hands_back_the_object_that_it_was_given_is_a_step(stored: str) -> None:
    said = "ask('Plan this: ' + notes.topic)"
    source = f"""
def generate_plan(notes):
    {stored.replace("SAID", said)}
    return notes

def main(notes):
    print(generate_plan(notes))
"""
    assert flows(source) == set()
    assert [call.function for call in compiled(ASK + source).calls] == ["ask", "generate_plan"]


def test_a_function_that_sorts_what_it_is_given_before_it_answers_is_a_step() -> None:
    file = compiled(
        """
        from openai import OpenAI

        client = OpenAI()

        class Desk:
            def __init__(self):
                self.messages = []

            def kind_of(self, text):
                asked = f"Say in one word what this is about: a bill, a parcel, or else: {text}"
                return client.responses.create(model="m", input=asked).output_text

            def reply(self, text):
                kind = self.kind_of(text)
                self.messages.append({"role": "user", "content": text})
                answer = client.chat.completions.create(model="m", messages=self.messages)
                print(kind)
                return answer.choices[0].message.content

        def serve(text):
            return Desk().reply(text)
        """
    )
    assert lines(file) == [12, 17]


FILED = """
from pathlib import Path

PLACE = Path("prompts/judge.md")

def judge(paper, template=None, notes=""):
    text = TEXT
    prompt = text.format(title=paper.title, notes=notes)
    return ask(prompt)

def work(papers, template=None):
    for paper in papers:
        print(judge(paper, template=template, notes="none"))
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("template if template is not None else PLACE.read_text()", {"ask", "judge"}),
        ('open("judge.txt").read()', {"ask", "judge"}),
        ("template", {"ask", "judge", "work"}),
    ],
)
def test_one_that_fills_what_a_file_says_is_a_step(text: str, found: set[str]) -> None:
    file = compiled(ASK + FILED.replace("TEXT", text))
    assert {call.function for call in file.calls} == found


NAMED_TEMPLATES = """
from openai import OpenAI

class Prompts:
    def __init__(self, config):
        self.texts = config.get("prompts", {})

    def render(self, name, **values):
        template = self.text(name)
        if not template:
            return ""
        return FILLED

    def text(self, name):
        found = self.texts.get(name, {})
        return found if isinstance(found, str) else str(found.get("template") or "")

class Author:
    def __init__(self, config):
        self.client = OpenAI()
        self.prompts = Prompts(config)

    def plan(self, topic):
        prompt = self.prompts.render("plan", topic=topic)
        return self.client.responses.create(model="m", input=prompt).output_text

    def write(self, plan):
        prompt = self.prompts.render("write", plan=plan)
        return self.client.responses.create(model="m", input=prompt).output_text

    def work(self, topic):
        return self.write(self.plan(topic))
"""


@pytest.mark.parametrize(
    "filled",
    [
        "template.format(**values)",
        "template.format_map(values)",
        "template.format_map({key: str(value) for key, value in values.items()})",
    ],
)
def test_ones_that_fill_templates_by_their_names_are_steps(filled: str) -> None:
    file = compiled(NAMED_TEMPLATES.replace("FILLED", filled))
    assert [(call.function, call.kind) for call in file.calls] == [
        ("Author.plan", "sdk"),
        ("Author.write", "sdk"),
    ]
    assert edges(file) == {(25, 29, "data")}


TWO_WAYS = """
from langchain_core.messages import SystemMessage
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="m")

RULES = SystemMessage(
    content="You edit letters and never add a fact. You keep the tone of whoever wrote them, and "
    "you answer in one paragraph of plain words, without a list and without a heading."
)

def invoke_model(history, is_chat):
    if is_chat:
        return model.invoke(history).content
    return model.invoke(TOLD).content

def main(text):
    print(invoke_model([text], True))
"""


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("f'Go on: {history[-1]}'", [14, 15, 18]),
        ("f'{RULES.content} Go on: {history[-1]}'", [14, 15]),
        ("f'{RULES} Go on: {history[-1]}'", [14, 15]),
    ],
)
def test_a_function_that_writes_a_prompt_on_one_of_its_ways_is_a_step(
    told: str, found: list[int]
) -> None:
    assert lines(compiled(TWO_WAYS.replace("TOLD", told))) == found


TALKING = """
from openai import OpenAI

client = OpenAI()

def shortened(messages):
    if len(messages) < 20:
        return messages
    asked = SUM_UP
    summary = client.responses.create(model="m", input=asked).output_text
    return [{"role": "user", "content": f"So far: {summary}"}, *messages[-4:]]

class Guide:
    def __init__(self):
        self.messages = []

    def chat(self, text):
        self.messages.append({"role": "user", "content": text})
        self.messages = shortened(self.messages)
        answer = client.chat.completions.create(model="m", messages=self.messages)
        said = answer.choices[0].message.content
        self.messages.append({"role": "assistant", "content": said})
        return said

def serve(texts):
    guide = Guide()
    for text in texts:
        print(guide.chat(text))
"""


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (
            "'Sum up in three sentences what this visitor of our museum has asked, what the guide '"
            "'has answered, and each fact about the things on show: ' + str(messages[1:-4])",
            [11, 21],
        ),
        ("'a text that has nothing to do with what was said'", [11, 21, 29]),
    ],
)
def test_an_object_that_sums_up_its_conversation_before_it_asks_takes_steps(
    asked: str, found: list[int]
) -> None:
    file = compiled(TALKING.replace("SUM_UP", asked))
    assert lines(file) == [line - 1 for line in found]


HANDED = """
from state import AgentState

def chat(state: AgentState, llm):
    messages = state["messages"]
    return {"messages": [llm.invoke(SENT)]}

def plain(state: AgentState, llm):
    return chat(state, llm)
"""


@pytest.mark.parametrize(
    ("sent", "found"),
    [("messages", [6, 9]), ("f\"Tell the user of {state['topic']}.\"", [6])],
)
def test_one_that_is_handed_a_state_and_asks_its_messages_as_they_are_is_a_wrapper(
    sent: str, found: list[int]
) -> None:
    assert lines(compiled(HANDED.replace("SENT", sent))) == found
