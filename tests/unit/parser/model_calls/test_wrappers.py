"""Functions that ask a model for their callers."""

import re

import pytest

from tests.unit.parser.compiled import compiled, edges, lines, package


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


@pytest.mark.parametrize(
    "wanted",
    [
        "{name: text for name, text in inputs.items() if name in self.prompt.input_variables}",
        "{name: inputs[name] for name in self.prompt.input_variables}",
        "{name: inputs.get(name) for name in self.prompt.input_variables}",
        "dict(inputs)",
    ],
)
def test_a_chain_that_fills_its_template_with_what_it_is_given_is_a_wrapper(wanted: str) -> None:
    file = compiled(
        f"""
        from langchain_core.prompts import PromptTemplate
        from openai import OpenAI

        class Chain:
            def __init__(self, prompt, key):
                self.client = OpenAI()
                self.prompt = prompt
                self.key = key

            @classmethod
            def from_text(cls, template, key="answer"):
                return cls(PromptTemplate.from_template(template), key)

            def invoke(self, inputs, **kwargs):
                text = self.prompt.format(**{wanted})
                messages = [{{"role": "user", "content": text}}]
                reply = self.client.chat.completions.create(model="m", messages=messages)
                return {{self.key: reply.choices[0].message.content}}

        def plan(topic):
            return Chain.from_text("Plan a talk about {{topic}}.").invoke({{"topic": topic}})

        def write(topic):
            told = plan(topic)["answer"]
            return Chain.from_text("Write the talk of this plan: {{plan}}").invoke({{"plan": told}})
        """
    )
    assert [call.kind for call in file.calls] == ["sdk", "wrapper", "wrapper"]
    assert edges(file) == {(22, 26, "data")}


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


FILLS = """
from openai import OpenAI

def review(keyword, template=None):
    if template:
        text = template.PUT
    else:
        text = f"Search for information about: {keyword}"
    return {"text": OpenAI().responses.create(model="m", input=text).output_text}

def work(keyword):
    return review(keyword, template="As a traveller: {keyword}")
"""


@pytest.mark.parametrize(
    ("put", "kinds"),
    [
        ("format(keyword=keyword)", ["sdk", "wrapper"]),
        ('replace("{keyword}", keyword)', ["sdk", "wrapper"]),
        ('replace("<keyword>", keyword)', ["sdk", "wrapper"]),
        ('replace("{" + "keyword" + "}", keyword)', ["sdk", "wrapper"]),
        ('replace("traveller", keyword)', ["sdk"]),
        ('replace("<br>", "")', ["sdk"]),
    ],
)
def test_what_fills_the_template_that_it_is_given_may_add_a_sentence(
    put: str, kinds: list[str]
) -> None:
    assert [call.kind for call in compiled(FILLS.replace("PUT", put)).calls] == kinds


RUN_ELSEWHERE = {
    "agent": '''
    from openai import OpenAI

    client = OpenAI()
    RULES = """
    You look into laws. Name each source that you take. Leave out what you can't name. Say what is
    sure, and what isn't. Never claim that your work is final. Return one object with these keys:
    issues, rules, analysis, sources, risks, assumptions, steps. Add no fences around it. Each
    source has a state, which is open as long as nobody has looked it up. No answer of yours says
    that it was looked up: only those who keep the sources can say so.
    """

    class Agent:
        def run(self, question):
            messages = [{"role": "system", "content": RULES}, {"role": "user", "content": question}]
            return client.chat.completions.create(model="m", messages=messages).choices[0].text
    ''',
    "app": """
    from agent import Agent

    def main(question):
        agent = Agent()
        answer = agent.run(question)
        return answer
    """,
}


def test_an_agent_with_rules_of_its_own_is_none_though_other_files_run_it() -> None:
    found = package(**RUN_ELSEWHERE)
    assert [len(found[name].calls) for name in ("agent.py", "app.py")] == [1, 0]


def test_an_image_that_a_function_encodes_is_no_text_of_its_own() -> None:
    file = compiled(
        """
        import anthropic, base64

        client = anthropic.Anthropic()

        def look(prompt, image):
            img_str = base64.b64encode(shrunk(image).tobytes()).decode()
            source = {"type": "base64", "media_type": "image/png", "data": img_str}
            content = [{"type": "image", "source": source}, {"type": "text", "text": prompt}]
            said = [{"role": "user", "content": content}]
            return client.messages.create(model="m", max_tokens=9, messages=said).content[0].text

        def main(image):
            print(look("Tell what this shows.", image))
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(11, "sdk"), (14, "wrapper")]


HANDED = """
from openai import OpenAI

client = OpenAI()

def ask(prompt):
    return client.responses.create(model="m", input=prompt).output_text

def ask_json(prompt, schema):
    return schema.model_validate_json(ask(f"{prompt} Answer with JSON that fits {schema} alone."))

class Agent:
    def fill(self, prompt, schema):
        return ask_json(prompt, schema)

    def fill_about(self, prompt, schema):
        return ask_json(f"Fill in what is asked below, for a reader in a hurry: {prompt}", schema)

class Judge(Agent):
    def run(self, draft):
        return self.METHOD(f"Score {draft}", Score).value
"""


def test_who_hands_a_prompt_to_a_wrapper_is_one_however_much_that_adds() -> None:
    file = compiled(HANDED.replace("METHOD", "fill"))
    assert lines(file) == [7, 10, 14, 17, 21]


def test_who_adds_to_the_prompt_of_a_wrapper_is_a_step() -> None:
    file = compiled(HANDED.replace("METHOD", "fill_about"))
    assert lines(file) == [7, 10, 14, 17]


TOLD = """
from dataclasses import asdict, dataclass, field
from openai import OpenAI

@dataclass
class Message:
    role: str
    content: str

    def to_dict(self):
        return {"role": self.role, "content": self.content}

@dataclass
class Conversation:
    messages: list[Message] = field(default_factory=list)

    def add(self, role, content):
        self.messages.append(Message(role, content))
        return self

    def to_list(self):
        return [message.to_dict() for message in self.messages]

class Model:
    def __init__(self):
        self.client = OpenAI()

    def complete(self, conversation):
        answer = self.client.chat.completions.create(model="m", messages=SENT)
        return answer.choices[0].message.content

    def ask(self, text, rules=None):
        conversation = MADE
        if rules:
            conversation.ADD("system", rules)
        conversation.ADD("user", text)
        return self.complete(conversation)

model = Model()

def idea(topic):
    return model.ask(f"An idea about {topic}", "Be brief.")

def rate(text):
    return model.ask(f"Tell what is wrong with {text}")

print(rate(idea("snow")))
"""


@pytest.mark.parametrize(
    ("sent", "made", "add"),
    [
        ("[one.to_dict() for one in conversation]", "[]", r"append(Message(\1))"),
        ("[asdict(one) for one in conversation]", "[]", r"append(Message(\1))"),
        ("conversation.to_list()", "Conversation()", r"add(\1)"),
    ],
)
def test_a_conversation_is_followed_that_is_told_in_another_shape(
    sent: str, made: str, add: str
) -> None:
    source = TOLD.replace("SENT", sent).replace("MADE", made)
    file = compiled(re.sub(r"ADD\((.*)\)", add, source))
    place = {call.id: call.function for call in file.calls}
    assert set(place.values()) == {"Model.complete", "Model.ask", "idea", "rate"}
    assert [
        (place[edge.call], call.function, edge.carried)
        for call in file.calls
        for edge in call.depends_on
    ] == [("idea", "rate", "data")]


@pytest.mark.parametrize("told", ["one.to_openai()", "one.as_message()"])
def test_messages_that_tell_themselves_in_another_shape_are_those_of_the_caller(told: str) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        def complete(messages):
            told = [{told} for one in messages]
            return OpenAI().responses.create(input=told).output_text

        def work(text):
            return complete([Message("user", f"Write a poem on this subject: {{text}}")])
        """
    )
    assert [call.kind for call in file.calls] == ["sdk", "wrapper"]


@pytest.mark.parametrize("shown", ["render()", "render(last=4)"])
def test_what_shows_the_notes_that_it_is_given_fills_no_template_of_its_caller(shown: str) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        class Notes:
            def __init__(self):
                self.said = []

            def render(self, last=None):
                return "\\n".join(self.said)

        def decide(topic, notes):
            return OpenAI().responses.create(
                instructions="You are a judge of debates. Name the winner and say why.",
                input=f"Topic: {{topic}} {{notes.{shown}}}",
            ).output_text

        def main():
            notes = Notes()
            notes.said.append(decide("tea", notes))
            return decide("coffee", notes)
        """
    )
    assert [call.kind for call in file.calls] == ["sdk"]


HANDED_OVER = """
from google import genai

def with_key(keys, function):
    for key in keys:
        try:
            return function(key)
        except ValueError:
            continue

class Corrector:
    def correct(self, text):
        return self.ask(f"You mend what was misheard in the transcript of a meeting: {text}")

    def ask(self, prompt):
        RETURNED

    def call(self, key, prompt):
        client = genai.Client(api_key=key)
        return client.models.generate_content(model="m", contents=prompt).text
"""


@pytest.mark.parametrize(
    "returned",
    [
        "return with_key(self.keys, lambda key: self.call(key, prompt))",
        "def asked(key):\n            return self.call(key, prompt)\n"
        "        return with_key(self.keys, asked)",
        "return self.call(self.keys[0], prompt)",
    ],
)
def test_a_wrapper_that_asks_by_a_function_within_it_sends_its_parameter(returned: str) -> None:
    file = compiled(HANDED_OVER.replace("RETURNED", returned))
    outer, inner, _ = file.calls
    assert [segment.kind for segment in outer.segments] == ["static", "variable"]
    assert [segment.expression for segment in inner.segments] == ["prompt"]
    assert file.opportunities == ()


@pytest.mark.parametrize(
    ("system", "is_wrapper"),
    [
        ("rules + ALWAYS", True),
        ("f'{rules}{ALWAYS}'", True),
        ("ALWAYS + rules", False),
        ("ALWAYS", False),
    ],
)
def test_what_stands_behind_the_rules_of_its_caller_is_none_of_a_wrapper(
    system: str, is_wrapper: bool
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        ALWAYS = "\\n\\nNOTE: Reply in German. Use no lists. Never speak of yourself."

        def _groq(rules, text):
            messages = [
                {{"role": "system", "content": {system}}},
                {{"role": "user", "content": text}},
            ]
            return OpenAI().chat.completions.create(model="m", messages=messages)

        def plan(topic):
            return _groq("You plan talks.", topic)
        """
    )
    assert [call.kind for call in file.calls] == ["sdk", "wrapper"][: 1 + is_wrapper]


AGAIN = """
from openai import OpenAI

class Agent:
    def structured(self, prompt):
        wrong = None
        for attempt in range(2):
            hint = HINT
            said = OpenAI().responses.create(model="m", input=prompt + hint).output_text
            try:
                return json.loads(said)
            except ValueError as error:
                wrong = str(error)

    def work(self, text):
        return self.structured(f"List the names in this: {text}")
"""
TOLD_AGAIN = 'f"\\n\\nThat was no JSON: {wrong}. Answer with JSON alone, and leave nothing out."'


@pytest.mark.parametrize(
    ("hint", "kinds"),
    [
        (f'"" if attempt == 0 else {TOLD_AGAIN}', ["sdk", "wrapper"]),
        (f'{TOLD_AGAIN} if wrong else ""', ["sdk", "wrapper"]),
        (TOLD_AGAIN, ["sdk"]),
    ],
)
def test_what_a_wrapper_adds_only_when_it_asks_again_is_no_prompt_of_its_own(
    hint: str, kinds: list[str]
) -> None:
    file = compiled(AGAIN.replace("HINT", hint))
    assert [call.kind for call in file.calls] == kinds


@pytest.mark.parametrize(("name", "found"), [("ask_yes_no", [5, 9]), ("is_urgent", [5])])
def test_one_that_is_named_after_the_kind_of_answer_asks_for_its_caller(
    name: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        def {name}(question):
            said = OpenAI().responses.create(
                model="m", input=question + " Answer yes or no.").output_text
            return said.lower().startswith("yes")
        def work(text):
            return {name}(f"Is this urgent? {{text}}")
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("data:image/jpeg;base64,{self.encoded(path)}", [11, 17]),
        ("of the folder of the house and garden, by name: {self.encoded(path)}", [11]),
    ],
)
def test_an_image_beside_what_the_caller_asks_is_no_text_of_its_own(
    address: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        class Photos:
            def encoded(self, path):
                return load(path)

            def told(self, path, text):
                shown = {{"type": "image_url", "image_url": {{"url": f"{address}"}}}}
                said = [{{"type": "text", "text": text}}, shown]
                answer = OpenAI().chat.completions.create(
                    model="m", messages=[{{"role": "user", "content": said}}]
                )
                return answer.choices[0].message.content

            def caption(self, path):
                return self.told(path, "Give a caption.")
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("rules", "kinds"),
    [
        ("You plan talks. Keep to the facts. Answer with a list.", ["sdk"]),
        ("You plan talks.", ["sdk", "wrapper"]),
    ],
)
def test_rules_that_a_function_gives_a_wrapper_count_where_this_adds_them_if_there_are_any(
    rules: str, kinds: list[str]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        def llm(prompt, system=None):
            messages = []
            if system:
                messages.append({{"role": "system", "content": system}})
            messages.append({{"role": "user", "content": prompt}})
            return OpenAI().chat.completions.create(model="m", messages=messages)

        def plan(topic):
            return llm(topic, system="{rules}")

        print(plan("rain"))
        """
    )
    assert [call.kind for call in file.calls if call.line != 12] == kinds


DEBATE = """
from openai import OpenAI

def ask(system, messages):
    return OpenAI().responses.create(model="m", instructions=system, input=messages).output_text

class Debater:
    def __init__(self, system):
        self.system = system
        self.history = []

    def hear(self, text):
        self.history.append({"role": "user", "content": text})

    def speak(self):
        said = ask(SYSTEM, self.history)
        self.history.append({"role": "assistant", "content": said})
        return said

def debate(motion):
    pro, con = Debater("You are for it, always and fully."), Debater("You are against it.")
    pro.hear(motion)
    for _ in range(3):
        con.hear(pro.speak())
        pro.hear(con.speak())
"""


def test_a_method_of_any_name_that_sends_only_what_its_object_holds_is_a_wrapper() -> None:
    file = compiled(DEBATE.replace("SYSTEM", "self.system"))
    wrappers = [call for call in file.calls if call.function == "debate"]
    assert [call.line for call in wrappers] == [24, 25]
    assert wrappers[0].segments[0].text == "You are for it, always and fully."
    assert {(24, 25, "data"), (25, 24, "loop")} <= edges(file)


def test_objects_that_a_function_is_handed_are_told_from_each_other() -> None:
    file = compiled(
        DEBATE.replace("SYSTEM", "self.system").partition("def debate")[0]
        + """
def debate(pro, con, motion):
    pro.hear(motion)
    for _ in range(3):
        con.hear(pro.speak())
        pro.hear(con.speak())

debate(Debater("You are for it, always."), Debater("You are against it."), input())
"""
    )
    begun = [call.segments[0].text for call in file.calls if call.function == "debate"]
    assert begun == ["You are for it, always.", "You are against it."]


def test_a_method_that_adds_rules_to_what_its_object_holds_is_a_step() -> None:
    file = compiled(DEBATE.replace("SYSTEM", "f'You debate. {self.system}'"))
    assert [call.function for call in file.calls] == ["ask", "Debater.speak"]


def test_what_an_object_was_told_in_turns_before_is_nothing_that_its_method_adds() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Bot:
            def __init__(self, system="You are a gardener."):
                self.system = system
                self.messages = []

            def __call__(self, text):
                self.messages.append({"role": "user", "content": text})
                reply = self.complete()
                self.messages.append({"role": "assistant", "content": reply})
                return reply

            def complete(self):
                messages = [{"role": "system", "content": self.system}] + self.messages
                made = OpenAI().chat.completions.create(model="m", messages=messages)
                return made.choices[0].message.content

        def main():
            bot = Bot()
            while True:
                print(bot(input()))
        """
    )
    assert [(call.function, call.kind) for call in file.calls] == [
        ("Bot.__call__", "wrapper"),
        ("Bot.complete", "sdk"),
        ("main", "wrapper"),
    ]


def test_a_method_that_goes_on_with_what_tools_gave_is_a_step_however_its_object_keeps_it() -> None:
    file = compiled(
        """
        import anthropic

        class Doctor:
            def __init__(self):
                self.client = anthropic.Anthropic()
                self.conversation = []

            def chat(self, text):
                self.conversation.append({"role": "user", "content": text})
                return self.run_turn("You help.")

            def run_turn(self, system):
                messages = list(self.conversation)
                while True:
                    made = self.client.messages.create(model="m", system=system, messages=messages)
                    if made.stop_reason == "end_turn":
                        self.conversation.append({"role": "assistant", "content": made.content})
                        return made.content[0].text
                    found = [{"type": "tool_result", "content": use(made)}]
                    messages.append({"role": "assistant", "content": made.content})
                    messages.append({"role": "user", "content": found})
                    self.conversation = list(messages)
        """
    )
    assert [call.kind for call in file.calls] == ["sdk"]
