"""Conversations that grow, end and begin anew: which outputs a later prompt still holds."""

import pytest

from tests.unit.parser.compiled import compiled, edges, only

DESK = """
from openai import OpenAI

class Desk:
    def __init__(self):
        self.client = OpenAI()
        self.past = []

    def say(self, text):
        said = self.past + [{"role": "user", "content": text}]
        got = self.client.chat.completions.create(model="m", messages=said).choices[0].message
        self.past.append({"role": "assistant", "content": got.content})
        return got.content

    def forget(self):
        RESET

    def triage(self, ticket):
        self.forget()
        self.say(f"List what this asks for: {ticket}")
        return self.say("Which of those is urgent?")

    def translate(self, letter):
        self.forget()
        return self.say(f"Translate: {letter}")
"""


@pytest.mark.parametrize(
    "reset",
    ["self.past = []", "self.past.clear()", "del self.past[:]", "self.past[:] = []"],
)
def test_a_method_that_empties_a_history_cuts_it(reset: str) -> None:
    file = compiled(DESK.replace("RESET", reset))
    assert {edge for edge in edges(file) if edge[0] != 11} == {(20, 21, "data")}


def test_a_method_that_leaves_a_history_cuts_nothing() -> None:
    file = compiled(DESK.replace("RESET", "self.count = 0"))
    assert {(20, 21, "data"), (21, 20, "loop"), (21, 25, "loop")} <= edges(file)


def test_a_conversation_of_an_object_that_nothing_drives_is_heard_in_later_turns() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Guide:
            def __init__(self):
                self.client = OpenAI()
                self.messages = [{"role": "system", "content": "You know every plant."}]
                self.outline = ""

            def ask(self, text):
                self.messages.append({"role": "user", "content": text})
                got = self.client.chat.completions.create(model="m", messages=self.messages)
                self.outline = got.choices[0].message.content
                self.messages.append({"role": "assistant", "content": self.outline})

            def sum_up(self):
                self.messages.append({"role": "user", "content": "Sum up."})
                return self.client.chat.completions.create(model="m", messages=self.messages)

            def write(self):
                asked = [{"role": "user", "content": self.outline}]
                return self.client.chat.completions.create(model="m", messages=asked)
        """
    )
    assert edges(file) == {(12, 12, "loop"), (12, 18, "loop"), (12, 22, "data")}


def test_a_conversation_held_in_an_attribute_is_cut_by_its_own_methods() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Talk:
            def __init__(self):
                self.turns = [{"role": "system", "content": "Be brief."}]

            def restart(self):
                self.turns = self.turns[:1]

            def send(self, text):
                self.turns.append({"role": "user", "content": text})
                got = OpenAI().chat.completions.create(model="m", messages=self.turns)
                self.turns.append({"role": "assistant", "content": got.choices[0].message.content})
                return got.choices[0].message.content

        class Desk:
            def __init__(self):
                self.talk = Talk()

            def sort(self, letter):
                self.talk.restart()
                return self.talk.send(f"Sort: {letter}")

            def answer(self, letter):
                self.talk = Talk()
                self.talk.send(f"Draft: {letter}")
                return self.talk.send("Improve it.")
        """
    )
    assert {edge for edge in edges(file) if edge[0] != 13} == {(27, 28, "data")}


def test_a_history_that_is_emptied_in_a_branch_may_still_be_there() -> None:
    file = compiled(DESK.replace("RESET", "if self.past:\n            self.past = []"))
    assert (21, 22, "data") in edges(file)
    assert (22, 26, "loop") in edges(file)


CALLER = """
from litellm import completion

class Caller:
    def fetch(self):
        answer = completion(model="m", messages=self.log).choices[0].message
        self.log.append({"role": "assistant", "content": answer.content})
        return answer.content

    def open(self, goal):
        self.log = [{"role": "user", "content": goal}]
        return self.fetch()

    def next(self, heard):
        self.log.append({"role": "user", "content": heard})
        return self.fetch()

class CarefulCaller(Caller):
    def open(self, goal):
        self.log = [{"role": "system", "content": "Be careful."}, {"role": "user", "content": goal}]
        return self.fetch()

    def next(self, heard):
        self.log.append({"role": "user", "content": "Heard: " + heard})
        return self.fetch()
"""


def test_what_only_overridden_methods_said_is_not_in_a_subclass() -> None:
    between = {edge[:2] for edge in edges(compiled(CALLER)) if edge[0] != 6}
    assert between == {(12, 16), (16, 16), (21, 25), (25, 25)}


def test_a_subclass_that_overrides_nothing_shares_what_its_base_keeps() -> None:
    source = CALLER[: CALLER.index("class Careful")] + (
        "class Sub(Caller):\n    def end(self):\n"
        "        self.log.append({'role': 'user', 'content': 'Bye'})\n        return self.fetch()\n"
    )
    assert (16, 21) in {edge[:2] for edge in edges(compiled(source))}


def test_a_request_goes_on_from_the_answer_that_it_names() -> None:
    call = only(
        compiled(
            """
            from openai import OpenAI

            def talk(question):
                before = None
                while True:
                    said = OpenAI().responses.create(
                        instructions="Be brief.", input=question, previous_response_id=before
                    )
                    before = said.id
                    question = input()
            """
        )
    )
    assert [(segment.each_turn, segment.text or segment.name) for segment in call.segments] == [
        (False, "Be brief."),
        (False, "question"),
        (True, "said"),
        (True, "question"),
    ]


TOOLS_CALLED = """
from openai import OpenAI

def run(question, given):
    turns = [{"role": "user", "content": question}]
    while True:
        said = OpenAI().chat.completions.create(model="m", messages=turns).choices[0].message
        if not said.tool_calls:
            return said.content
        asked = [{"id": one.id, "name": one.function.name} for one in CALLED]
        turns.append({"role": "assistant", "content": None, "tool_calls": asked})
"""


def test_an_answer_that_only_asks_for_tools_is_part_of_the_history() -> None:
    assert edges(compiled(TOOLS_CALLED.replace("CALLED", "said.tool_calls"))) == {(7, 7, "loop")}


def test_so_is_one_that_asks_for_a_function_which_a_helper_reads_out_of_it() -> None:
    file = compiled(
        """
        from openai import OpenAI

        def ask(turns):
            return OpenAI().chat.completions.create(model="m", messages=turns), 1

        def asked_for(response):
            said = response.choices[0].message
            asked = []
            for one in said.tool_calls:
                asked.append({"role": said.role, "content": None, "function_call": one.function})
            return asked

        def run(turns):
            response, number = ask(turns)
            asked = asked_for(response)
            if asked:
                turns.extend(asked)
                response, number = ask(turns)
            return response
        """
    )
    assert edges(file) == {(15, 19, "data")}


def test_calls_of_tools_that_no_model_asked_for_are_none() -> None:
    assert edges(compiled(TOOLS_CALLED.replace("CALLED", "given"))) == set()


def test_a_loop_goes_round_again_where_the_steps_are_spent() -> None:
    spent = "\n".join(f"    notes = str(task) + str({number})" for number in range(1_000))
    file = compiled(
        f"""
from openai import OpenAI

client = OpenAI()

def chat(task):
{spent}
    messages = [{{"role": "user", "content": notes}}]
    while len(messages) < 9:
        said = client.chat.completions.create(model="m", messages=messages).choices[0].message
        messages.append(said)
"""
    )
    asked = only(file).line
    assert edges(file) == {(asked, asked, "loop")}


@pytest.mark.parametrize("given", ["words", "words()"])
def test_what_a_page_shows_as_a_stream_is_part_of_its_history(given: str) -> None:
    file = compiled(f"""
        import streamlit as st
        from openai import OpenAI

        client = OpenAI()

        def turn(question):
            st.session_state.said.append({{"role": "user", "content": question}})
            answer = client.chat.completions.create(model="m", messages=st.session_state.said)

            def words():
                for part in answer:
                    yield part.text

            text = st.write_stream({given})
            st.session_state.said.append({{"role": "assistant", "content": text}})

        turn(st.chat_input())
        """)
    assert edges(file) == {(9, 9, "loop")}
