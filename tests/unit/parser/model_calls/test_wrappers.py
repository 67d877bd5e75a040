"""Functions that ask a model for their callers."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, edges, flows, lines, package


def test_a_wrapper_that_tries_again_is_one_though_its_object_keeps_the_conversation() -> None:
    file = compiled(
        """
        from litellm import completion

        class User:
            def __init__(self, model):
                self.messages = []
                self.reset()

            def reset(self):
                self.messages = [{"role": "user", "content": "Hello, what can I do for you?"}]
                return self.next(self.messages)

            def next(self, messages):
                for attempt in range(3):
                    reply = completion(model="m", messages=messages).choices[0].message
                    if good(reply):
                        self.messages.append(reply)
                        return reply.content
                return reply.content
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(11, "wrapper"), (15, "sdk")]


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


def test_a_wrapper_may_parse_the_answer_and_ask_again() -> None:
    file = compiled(
        """
        import re
        import openai

        def ask_goal(messages, tries=3):
            text = openai.chat.completions.create(model="m", messages=messages).content
            try:
                goal = re.search("<goal>(.*)</goal>", text).group(1)
                return goal, background(goal)
            except ValueError:
                return ask_goal(messages, tries - 1)

        def background(goal):
            said = f"What is known about the goal {goal}, and to whom?"
            return openai.completions.create(model="m", prompt=said)

        def next_goal(world):
            return ask_goal([{"role": "user", "content": f"Choose a goal: {world}"}])
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [
        (6, "sdk"),
        (11, "wrapper"),
        (15, "sdk"),
        (18, "wrapper"),
    ]


def test_a_wrapper_may_pack_the_answer_into_a_record() -> None:
    file = compiled(
        """
        import openai

        class Answer:
            def __init__(self, text, usage):
                self.text, self.usage = text, usage

        class Said:
            def __init__(self, role, text):
                self.role, self.text = role, text

        class Model:
            def invoke(self, messages):
                shaped = [{"role": one.role, "content": one.text} for one in messages]
                got = openai.chat.completions.create(model="m", messages=shaped)
                return Answer(got.content, got.usage)

        def step(page):
            plan = Model().invoke([Said("user", f"Plan the next step on {page}")])
            return Model().invoke([Said("user", f"Judge this plan: {plan.text}")])
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [
        (15, "sdk"),
        (19, "wrapper"),
        (20, "wrapper"),
    ]
    assert (19, 20, "data") in edges(file)
    assert file.calls[1].segments[0].text == "Plan the next step on "


def test_a_wrapper_may_store_the_answer_in_an_object_that_it_hands_back() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Step:
            def __init__(self):
                self.output = ""

            def shown(self):
                return {"output": self.output}

        class Agent:
            def forward(self, history):
                step = Step()
                step.output = OpenAI().responses.create(model="m", input=history).output_text
                return self.printed(step)

            def printed(self, step):
                print(step.shown())
                return step

            def run(self, task):
                history = [{"role": "user", "content": task}]
                history.append(self.forward(history).output)
                return self.forward(history)
        """
    )
    assert [(call.line, call.kind) for call in file.calls][1:] == [(23, "wrapper"), (24, "wrapper")]
    assert edges(file) == {(23, 24, "data")}


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


def test_a_subclass_of_an_sdks_model_is_a_model() -> None:
    file = compiled(
        """
        from langchain_openai import ChatOpenAI

        class Tidy(ChatOpenAI):
            def invoke(self, input, config=None):
                return super().invoke(input, config).strip()

        llm = Tidy(model="m")

        def sort(letter):
            kind = llm.invoke(f"What kind of letter is this? {letter}").content
            return llm.stream(f"Answer this {kind}: {letter}")
        """
    )
    assert lines(file) == [6, 11, 12]
    assert edges(file) == {(11, 12, "data")}


def test_a_client_may_be_the_sdks_or_one_of_the_sources() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Completions:
            def create(self, messages):
                return {"note": "nothing is asked"}

        class Chat:
            def __init__(self):
                self.completions = Completions()

        class Own:
            def __init__(self):
                self.chat = Chat()

        class Model:
            def __init__(self, own):
                self.client = Own() if own else OpenAI()

            def ask(self, question):
                return self.client.chat.completions.create(messages=question)
        """
    )
    assert lines(file) == [21]


def test_a_wrapper_without_parameters_may_begin_with_an_empty_state() -> None:
    file = compiled(
        """
        import ollama

        class Novel:
            def __init__(self):
                self.text = ""

            def complete(self):
                return ollama.generate(model="m", prompt=self.text)["response"]

            def write(self):
                self.text = "Write an outline."
                self.text += self.complete()
                self.text += self.complete()
        """
    )
    assert (13, 14, "data") in edges(file)


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


RULES = (
    "You examine houses before they are sold. Look at the roof, the walls and the cellar, name "
    "what is worn, damp or unsafe, say what it costs to mend, and who is to mend it. Be strict "
    "about wires and pipes, and end with a grade from one to five."
)


@pytest.mark.parametrize(
    ("name", "rules", "found"),
    [
        ("inspector", "You are a helpful assistant.", [7, 10]),
        ("inspector", RULES, [7]),
        ("ask_llm", RULES, [7, 10]),
        ("ask_llm", RULES * 5, [7]),
    ],
)
def test_one_with_long_rules_of_its_own_is_a_step_unless_its_name_speaks_of_asking(
    name: str, rules: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        RULES = "{rules}"

        def {name}(text):
            return OpenAI().responses.create(model="m", instructions=RULES, input=text).output_text

        def main(house):
            return {name}("Tell me about this house: " + house)
        """
    )
    assert lines(file) == found


def test_where_a_wrapper_hides_what_it_is_given_its_call_shows_that() -> None:
    source = RULED.replace('"content": prompt', '"content": encode(prompt)')
    call = max(compiled(source).calls, key=lambda call: call.line)
    assert [part.text or part.name for part in call.segments] == ["Sort: ", "letter"]


def test_a_method_that_sends_what_its_object_holds_may_have_parameters_beside_the_prompt() -> None:
    file = compiled(
        """
        import openai

        class Agent:
            def __init__(self):
                self.turns = []

            def hear(self, text):
                self.turns.append({"role": "user", "content": text})

            def ask(self, temperature=None):
                return openai.chat.completions.create(
                    model="m", messages=self.turns, temperature=temperature or 1
                ).choices[0].message.content

        def main(topic):
            agent = Agent()
            agent.hear(topic)
            first = agent.ask()
            agent.hear("Shorter: " + first)
            return agent.ask(temperature=0)
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [
        (12, "sdk"),
        (19, "wrapper"),
        (21, "wrapper"),
    ]
    assert (19, 21, "data") in edges(file)


def test_a_conversation_that_is_cast_to_a_type_is_passed_on() -> None:
    file = compiled(
        """
        from typing import Any, cast
        from openai import OpenAI

        def ask(turns):
            said = OpenAI().chat.completions.create(model="m", messages=cast(Any, turns))
            return said.choices[0].message.content

        def run(question):
            return ask([{"role": "user", "content": "Answer: " + question}])
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(6, "sdk"), (10, "wrapper")]


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


def test_an_answer_that_goes_back_as_a_dict_is_one() -> None:
    file = compiled(
        """
        from openai import OpenAI

        def ask(turns, shape):
            said = OpenAI().chat.completions.parse(messages=turns, response_format=shape)
            return said.choices[0].message.parsed.dict()

        def run(question, shape):
            return ask([{"role": "user", "content": "Answer: " + question}], shape)
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(5, "sdk"), (9, "wrapper")]


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


def test_what_is_asked_as_a_model_is_a_wrapper_though_its_prompt_is_lost_on_the_way() -> None:
    found = package(
        chat="""
        import anthropic
        import vendor

        class ChatModel:
            def get_client(self):
                return anthropic.AsyncAnthropic()

            async def ainvoke(self, messages):
                contents = vendor.serialize(vendor.Queue().take())
                answer = await self.get_client().messages.create(model="m", messages=contents)
                return answer.content[0].text
        """,
        app="""
        from chat import ChatModel

        async def main():
            llm = ChatModel()
            response = await llm.ainvoke([{"role": "user", "content": "Name a sea."}])
            return response
        """,
    )
    assert [call.line for call in found["app.py"].calls] == [6]


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


def test_a_method_found_by_the_beginning_of_its_name_may_ask_for_one_that_looks_it_up() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Multi:
            def put(self, text):
                return getattr(self, f"_by_{self.vendor}")(text)

            def _by_openai(self, text):
                return OpenAI().responses.create(model="m", input=text).output_text

        Multi().put("Name a sea.")
        """
    )
    assert lines(file) == [6, 9, 11]


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


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Tell of ", [7, 9]),
        (
            "I want to know all that is said about this harbour and what lies around it. "
            "Give as much detail as can be given, and be as thorough as you can: ",
            [7],
        ),
    ],
)
def test_a_long_question_about_what_is_given_is_a_step(question: str, found: list[int]) -> None:
    source = """
from openai import OpenAI

client = OpenAI()

def query(harbour):
    return client.responses.create(model="m", input=f"QUESTION{harbour}").output_text

print(query("Emden"))
"""
    assert lines(compiled(source.replace("QUESTION", question))) == found


LETTERS = """
import textwrap
from openai import OpenAI

client = OpenAI()

def compose(letter, brief):
    if brief:
        prompt = f"Answer a letter in one sentence. Keep names and dates, and be polite: {letter}"
    else:
        prompt = SECOND
    return client.responses.create(model="m", input=TIDIED).output_text

print(compose(input(), input()))
"""


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ('f"Write a long answer to a letter. Keep names and dates, and be polite: {letter}"', [12]),
        ("letter", [12, 14]),
    ],
)
def test_what_writes_a_prompt_of_its_own_on_each_of_its_ways_is_a_step(
    second: str, found: list[int]
) -> None:
    source = LETTERS.replace("SECOND", second).replace("TIDIED", "prompt")
    assert lines(compiled(source)) == found


@pytest.mark.parametrize(
    "tidied",
    ["prompt.strip()", "textwrap.dedent(prompt)", "prompt[:4000]", "prompt.replace(brief, '')"],
)
def test_so_is_one_that_tidies_its_prompt_before_it_sends_it(tidied: str) -> None:
    second = 'f"Write a long answer to a letter. Keep names and dates, and be polite: {letter}"'
    source = LETTERS.replace("SECOND", second).replace("TIDIED", tidied)
    assert lines(compiled(source)) == [12]


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


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ('load_prompt("style.md")', [7, 12]),
        ('load_prompt("style")', [7, 12]),
        ("load_prompt()", [7, 12]),
        ("load_prompt(name)", [7, 12, 15]),
        ("load_data()", [7, 12, 15]),
    ],
)
def test_one_whose_rules_stand_in_a_file_of_its_own_is_a_step(rules: str, found: list[int]) -> None:
    file = compiled(
        f"""
        from openai import OpenAI
        from prompts import load_prompt, name

        def ask(rules, text):
            messages = [{{"role": "system", "content": rules}}, {{"role": "user", "content": text}}]
            return OpenAI().chat.completions.create(model="m", messages=messages)

        RULES = {rules}

        def audit(text):
            return ask(RULES, text)

        def main(guide):
            return audit(guide.text)
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(("rules", "found"), [("load_rules()", [12]), ("load_data()", [12, 15])])
def test_so_is_one_whose_object_loads_them_when_it_is_made(rules: str, found: list[int]) -> None:
    file = compiled(
        f"""
        from openai import OpenAI
        from shop import load_data, load_rules

        class Clerk:
            def __init__(self):
                self.rules = {rules}

            def answer(self, text):
                rules = {{"role": "system", "content": self.rules}}
                said = [rules, {{"role": "user", "content": text}}]
                return OpenAI().chat.completions.create(model="m", messages=said)

        clerk = Clerk()
        clerk.answer("Where is my parcel?")
        """
    )
    assert lines(file) == found


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
    ("name", "message", "found"),
    [
        ("review", '{"role": "system", "content": RULES}, {"role": "user", "content": text}', [7]),
        (
            "review",
            '{"role": "system", "content": texts.RULES}, {"role": "user", "content": text}',
            [7],
        ),
        (
            "review",
            '{"role": "system", "content": rules}, {"role": "user", "content": text}',
            [7, 10],
        ),
        ("generate", '{"role": "user", "content": PLAN.format(text=text)}', [7]),
        ("reply", '{"role": "user", "content": load_prompt("plan").format(text=text)}', [7]),
        (
            "call_llm",
            '{"role": "system", "content": RULES}, {"role": "user", "content": text}',
            [7, 10],
        ),
    ],
)
def test_one_whose_rules_are_an_imported_constant_is_a_step(
    name: str, message: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI
        from app import texts
        from app.texts import PLAN, RULES

        def {name}(text, rules):
            return OpenAI().chat.completions.create(model="m", messages=[{message}])

        def main(guide):
            return {name}(guide.text, guide.rules)
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("made", "found"), [("convert_request", [10, 13]), ("fetch_request", [10])]
)
def test_a_request_that_a_converter_makes_is_its_callers(made: str, found: list[int]) -> None:
    file = compiled(
        f"""
        from openai import OpenAI
        from converters import Converter

        class Service:
            to_openai = Converter()

            def send(self, request):
                body = self.to_openai.{made}(request)
                return OpenAI().chat.completions.create(**body)

        def main(request):
            return Service().send(request)
        """
    )
    assert lines(file) == found


def test_one_that_fills_a_template_from_elsewhere_after_a_question_is_a_step() -> None:
    file = compiled(
        """
        from openai import OpenAI
        from texts import load_prompt

        def ask(prompt):
            return OpenAI().responses.create(model="m", input=prompt).output_text

        def sort(mail):
            return ask(f"Which kind of mail is this: {mail}")

        def reply(mail):
            return None if sort(mail) == "spam" else ask(load_prompt("reply").format(mail=mail))

        print(reply(input()))
        """
    )
    assert lines(file) == [6, 9, 12]


TABLE = """
from openai import OpenAI

PROMPTS = {
    "plan": "Break this question into three smaller ones, one on each line: {question}",
    "answer": "Answer this question, in short, by what is known: {question}\\n{known}",
}

class Researcher:
    def _llm(self, task, **values):
        prompt = PROMPTS[task].format(**values)
        answer = OpenAI().responses.create(model="m", input=prompt)
        return answer.output_text

    def run(self, question):
        parts = self._llm("plan", question=question)
        print(self._llm("answer", question=question, known=parts))
"""
"""A wrapper whose callers name a prompt in a table, and what fills it."""


def test_a_template_that_callers_name_in_a_table_comes_from_them() -> None:
    file = compiled(TABLE)
    assert lines(file) == [12, 16, 17]
    assert edges(file) == {(16, 17, "data")}
    assert "Break this question" in str(file.calls[1].segments[0].text)


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


def test_a_wrapper_may_lead_to_one_that_does_much_before_it_hands_the_answer_back() -> None:
    kept = "\n    ".join(f"keep('row', {number}, answer.usage)" for number in range(120))
    file = compiled(
        f"""
from openai import OpenAI

def get_result(text):
    return first_of(text)

def first_of(text):
    answer = OpenAI().responses.create(model="m", input=text)
    {kept}
    return answer.output_text

print(get_result("Hello"))
"""
    )
    assert [(call.line, call.kind) for call in file.calls[:2]] == [(5, "wrapper"), (8, "sdk")]
    assert file.calls[-1].kind == "wrapper"


@pytest.mark.parametrize(
    ("template", "found"),
    [("template.format(text=text)", [9, 12]), ("f'Review this: {text}'", [9])],
)
def test_one_that_fills_its_callers_template_may_add_a_sentence_of_its_own(
    template: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        LINE = "Score the draft below for the editor: {{text}}"

        def evaluate(text, template):
            asked = {template}
            asked += "\\n\\nThe pages are given in order, look at how one leads to the next."
            answer = OpenAI().responses.create(model="m", input=asked)
            return answer.output_text

        print(evaluate(input(), LINE))
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [("f'Analyse the shares of {text} by what is known.'", [12]), ("text", [12, 15, 16])],
)
def test_one_that_takes_its_rules_from_a_table_and_asks_in_its_own_words_is_a_step(
    asked: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        RULES = {{
            "bull": "You look for what speaks for a share. Be short. Give numbers.",
            "bear": "You look for what speaks against a share. Be short. Give numbers.",
        }}

        def call_agent(role, text):
            told = {{"role": "system", "content": RULES[role]}}
            asked = {{"role": "user", "content": {asked}}}
            answer = OpenAI().chat.completions.create(model="m", messages=[told, asked])
            return answer.choices[0].message.content

        print(call_agent("bull", input()))
        print(call_agent("bear", input()))
        """
    )
    assert lines(file) == found
