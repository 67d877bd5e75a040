"""What a call gives a function decides which of its branches are taken."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, edges, flows, lines

DESK = """
def rate(text, question="", client=None):
    if TEST:
        return ask(f"How well does this answer {question}? {text}")
    return len(text)

def work(question):
    draft = ask(f"Write down all you know of {question}")
    return rate(draft, GIVEN)

print(work(input()))
"""


@pytest.mark.parametrize(
    ("test", "given", "rated"),
    [
        ("client is not None", "client=None", False),
        ("client is not None", "question", False),
        ("client", "question", False),
        ("question and client", "question", False),
        ("not client is None", "question", False),
        ("client is None", "question", True),
        ("client is not None", "client=input()", True),
        ("client or question", "question", True),
        ("client is None", "client=work", False),
        ("client is None", "client=lambda text: text", False),
        ("client is None", "client=work if question else None", True),
        ("not client", "client=work", False),
        ("client", "client=work", True),
    ],
)
def test_a_function_goes_the_way_that_its_caller_gives_it(
    test: str, given: str, rated: bool
) -> None:
    found = flows(DESK.replace("TEST", test).replace("GIVEN", given))
    assert ("work > rate" in found) is rated


@pytest.mark.parametrize(
    ("written", "rated"),
    [("work", False), ("print and work", True), ("work if text else None", True)],
)
def test_a_function_that_is_handed_on_is_none_of_what_is_left_out(
    written: str, rated: bool
) -> None:
    source = DESK.replace("return rate(draft, GIVEN)", f"return pass_on(draft, {written})")
    handing = "def pass_on(text, given):\n    return rate(text, client=given)\n\nprint(work("
    found = flows(source.replace("print(work(", handing).replace("TEST", "client is None"))
    assert ("work > rate" in found) is rated


def test_a_parameter_that_the_function_sets_itself_is_open() -> None:
    source = DESK.replace("    if TEST", "    client = client or input()\n    if client")
    assert "work > rate" in flows(source.replace("GIVEN", "client=None"))


def test_what_a_way_that_is_not_taken_would_return_is_not_what_a_call_gives() -> None:
    file = compiled(
        """
        from openai import OpenAI

        client = OpenAI()

        def rules(given=None):
            if given is not None:
                return given
            return "Tell what is wrong. Leave out what is right. Repeat nothing. Be brief. Be kind."

        def check(text):
            messages = [{"role": "system", "content": rules()}, {"role": "user", "content": text}]
            reply = client.chat.completions.create(model="m", messages=messages)
            return reply.choices[0].message.content

        print(check(input()))
        """
    )
    assert lines(file) == [13]
    assert file.calls[0].segments[0].text.startswith("Tell what is wrong.")


AGENT = """
from openai import OpenAI

RULES = (
    "Tell what is wrong with the text, sentence by sentence, and how each of them should be put "
    "instead. Leave out all that is right as it stands, and don't repeat the text: "
)

class Agent:
    def __init__(self):
        self.client = None

    def run(self, text, client=None):
        self.client = client
        return self.step(text)

    def step(self, text):
        if self.client is None:
            return text
        said = [{"role": "user", "content": RULES + text}]
        return self.client.chat.completions.create(model="m", messages=said)

def work(question):
    client = OpenAI()
    said = [{"role": "user", "content": f"Write down all you know of {question}"}]
    draft = client.chat.completions.create(model="m", messages=said).choices[0].message.content
    return Agent().run(draft, CLIENT)

work(input())
"""


@pytest.mark.parametrize(("client", "reached"), [("client=None", False), ("client", True)])
def test_an_attribute_that_keeps_what_a_call_gives_decides_as_well(
    client: str, reached: bool
) -> None:
    file = compiled(AGENT.replace("CLIENT", client))
    assert 21 in lines(file)
    assert ((26, 21, "data") in edges(file)) is reached


def test_an_attribute_that_a_method_gives_a_value_of_its_own_is_open() -> None:
    source = AGENT.replace(
        "        self.client = client\n", "        self.client = client\n        self.look()\n"
    )
    source = source.replace(
        "    def step", "    def look(self):\n        self.client = OpenAI()\n\n    def step"
    )
    assert edges(compiled(source.replace("CLIENT", "client=None"))) == {(30, 25, "data")}


FILLED_IN = """
from openai import OpenAI

client = OpenAI()
RULES = "Answer in one sentence."

class Agent:
    def __init__(self, rules=None):
        BODY

    def answer(self, question):
        return client.responses.create(model="m", instructions=self.rules, input=question)

Agent(GIVEN).answer("Which sea is that?")
"""


@pytest.mark.parametrize(
    "body",
    [
        "if rules is None:\n            rules = RULES\n        self.rules = rules",
        "self.rules = RULES if rules is None else rules",
        "self.rules = rules if rules is not None else RULES",
    ],
)
@pytest.mark.parametrize(
    ("given", "told"),
    [("", "Answer in one sentence."), ("'Answer in rhymes.'", "Answer in rhymes.")],
)
def test_a_constructor_fills_in_what_it_is_not_given(body: str, given: str, told: str) -> None:
    call = compiled(FILLED_IN.replace("BODY", body).replace("GIVEN", given)).calls[-1]
    assert [part.text for part in call.segments][:1] == [told]


@pytest.mark.parametrize(
    ("given", "told"),
    [("", "Answer in one sentence."), (", rules='Answer in rhymes.'", "Answer in rhymes.")],
)
def test_so_does_a_wrapper(given: str, told: str) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        client = OpenAI()
        RULES = "Answer in one sentence."

        def ask(question, rules=None):
            if rules is None:
                rules = RULES
            reply = client.responses.create(model="m", instructions=rules, input=question)
            return reply.output_text

        print(ask("Which sea is that?"{given}))
        """
    )
    call = next(call for call in file.calls if call.kind == "wrapper")
    assert [part.text for part in call.segments] == [told, "Which sea is that?"]


@pytest.mark.parametrize(
    "body",
    [
        "rules = rules or RULES\n    if rules:\n        messages.append(said(rules))\n"
        "    messages.append(said(question))",
        "messages.append(said(question))\n    rules = rules or RULES\n    if rules:\n"
        "        messages.insert(0, said(rules))",
        "if isinstance(question, str):\n        messages.append(said(rules or RULES))\n"
        "        messages.append(said(question))\n"
        "    else:\n        messages = question",
    ],
    ids=["append", "insert", "by shape"],
)
@pytest.mark.parametrize(
    ("given", "told"),
    [("", "Answer in one sentence."), (", rules='Answer in rhymes.'", "Answer in rhymes.")],
)
def test_messages_that_a_wrapper_adds_are_those_of_the_call(
    body: str, given: str, told: str
) -> None:
    file = compiled(
        f"""
from openai import OpenAI

client = OpenAI()
RULES = "Answer in one sentence."

def said(text):
    return {{"role": "user", "content": text}}

def ask(question, rules=None):
    messages = []
    {body}
    return client.chat.completions.create(model="m", messages=messages).choices[0].message.content

def main(sea):
    print(ask(f"Which sea is {{sea}}?"{given}))
"""
    )
    call = next(call for call in file.calls if call.kind == "wrapper")
    assert [part.text for part in call.segments] == [told, "Which sea is ", "", "?"]


@pytest.mark.parametrize(
    ("given", "told"),
    [("", "Answer in one sentence."), (", rules='Answer in rhymes.'", "Answer in rhymes.")],
)
def test_what_a_wrapper_around_another_hands_on_as_it_was_given_decides_as_well(
    given: str, told: str
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        client = OpenAI()
        RULES = "Answer in one sentence."

        def ask(question, rules=None):
            if rules is None:
                rules = RULES
            reply = client.responses.create(model="m", instructions=rules, input=question)
            return reply.output_text

        def ask_calmly(question, **options):
            return ask(question=question, **options)

        print(ask_calmly("Which sea is that?"{given}))
        """
    )
    assert [part.text for part in file.calls[-1].segments] == [told, "Which sea is that?"]


@pytest.mark.parametrize(
    ("role", "told"), [("", "Plan."), ("role='writer'", "Write."), ("role=input()", "")]
)
def test_a_constant_table_gives_what_stands_under_a_key(role: str, told: str | None) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        client = OpenAI()
        RULES = {{"planner": "Plan.", "writer": "Write."}}

        class Agent:
            def __init__(self, role="planner"):
                self.rules = RULES.get(role, "Help.")

            def answer(self, question):
                return client.responses.create(model="m", instructions=self.rules, input=question)

        Agent({role}).answer("Which sea is that?")
        """
    )
    assert file.calls[-1].segments[0].text == told


def test_what_a_loop_may_have_filled_in_is_open() -> None:
    file = compiled(
        """
        from openai import OpenAI

        client = OpenAI()

        def ask(questions, rules=None):
            for question in questions:
                if rules is None:
                    rules = "Answer in one sentence."
                reply = client.responses.create(model="m", instructions=rules, input=question)
                rules = reply.output_text
            return rules

        print(ask(["Which sea is that?"]))
        """
    )
    assert {edge.carried for call in file.calls for edge in call.depends_on} == {"loop"}


FLAGGED = """
from threading import Thread

def finish(draft, checks=False):
    if checks:
        draft = ask(f"Say what is wrong with {draft}")
    return draft

def work(question, checks=False):
    draft = ask(f"Write down all you know of {question}")
    return finish(draft, checks=checks)

RUN
"""


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ("", True),
        ("def serve(question, checks=False):\n    return work(question, checks)", True),
        (
            "def serve(question, checks=False):\n"
            "    Thread(target=work, args=(question, checks)).start()",
            True,
        ),
        ("print(work(input()))", False),
        ("print(work(input(), checks=True))", True),
    ],
)
def test_a_flag_of_what_nothing_calls_may_be_given_either_way(run: str, found: bool) -> None:
    assert ("work > finish" in flows(FLAGGED.replace("RUN", run))) is found


GREETER = """
def send(message, context=None, rules=""):
    WAY
    return ask(message)

print(send(f"Greet the guest: {input()}", GIVEN))
"""


@pytest.mark.parametrize(
    ("way", "given", "text"),
    [
        ('if context:\n        message = f"Of {context}. {message}"', "", "Greet the guest: "),
        (
            'if context:\n        message = f"Of {context}. {message}"',
            "context=input()",
            "Greet the guest: ",
        ),
        (
            'message += "!" if context is None else "?"\n'
            '    if rules:\n        message = f"{rules} {message}"\n'
            '    else:\n        message = f"Be kind. {message}"',
            "",
            "Be kind. Greet the guest: ",
        ),
        (
            "parts = []\n    if rules:\n        parts.append(rules)\n"
            '    elif not context:\n        parts.append("Be kind.")\n'
            '    message = " ".join([*parts, message])',
            "",
            "Be kind. Greet the guest: ",
        ),
        ('message = f"{rules} {message}" if rules else message', "", "Greet the guest: "),
        (
            'message = f"{rules} {message}" if rules else message',
            'rules="Be brief."',
            "Be brief. Greet the guest: ",
        ),
        (
            'message = f"{rules} {message}" if rules else message',
            "rules=input()",
            "Greet the guest: ",
        ),
    ],
)
def test_what_a_call_gives_decides_how_its_text_is_put_together(
    way: str, given: str, text: str
) -> None:
    call = compiled(ASK + GREETER.replace("WAY", way).replace("GIVEN", given)).calls[-1]
    assert call.segments[0].text == text
