"""What one way through a function adds to a list: another way doesn't find it there."""

from textwrap import indent

from tests.unit.parser.compiled import compiled, edges, flows

CHAT = """from openai import OpenAI

class Chat:
    def __init__(self):
        self.client = OpenAI()
        self.messages = []

    def say(self, text):
        self.messages.append({"role": "user", "content": text})
        first = self.client.chat.completions.create(model="m", messages=self.messages)
        if first.choices[0].message.content:
            self.messages.append(first.choices[0].message)
        LINE
        again = self.client.chat.completions.create(model="n", messages=self.messages)
        self.messages.append(again.choices[0].message)
"""

LATER = {(10, 10, "loop"), (10, 14, "loop"), (14, 10, "loop"), (14, 14, "loop")}


def test_what_a_branch_adds_of_an_earlier_answer_reaches_another_branch_in_a_later_turn() -> None:
    head, rest = CHAT.split("LINE")
    branch = f"{head}else:{indent(rest, '    ')}"
    assert edges(compiled(branch)) == LATER


def test_what_a_way_adds_that_leaves_the_function_reaches_what_follows_in_a_later_turn() -> None:
    assert edges(compiled(CHAT.replace("LINE", "    return"))) == LATER


def test_what_a_branch_adds_reaches_what_follows_it_at_once() -> None:
    assert edges(compiled(CHAT.replace("LINE", "pass"))) == {
        (10, 10, "loop"),
        (10, 14, "data"),
        (14, 10, "loop"),
        (14, 14, "loop"),
    }


def test_what_a_way_adds_that_leaves_a_turn_is_there_in_the_next() -> None:
    source = """
    def plan(messages):
        return ask(messages)

    def work(task):
        messages = [task]
        for _ in range(5):
            reply = plan(messages)
            if "more" in reply:
                messages.append(reply)
                continue
            return write(messages)

    def write(messages):
        return ask(f"Write a report of {messages} now, in your own words and as short as you can.")
    """
    assert flows(source) == {"work > work, later", "work > write, later"}


def test_what_a_way_adds_before_it_breaks_reaches_what_follows_the_loop() -> None:
    source = """
    def work(tasks):
        notes = []
        for task in tasks:
            reply = ask(f"Do what this says: {task}")
            if "done" in reply:
                notes.append(reply)
                break
        return write(notes)

    def write(notes):
        return ask(f"Write a report of {notes} now, in your own words and as short as you can.")
    """
    assert flows(source) == {"work > write"}


def test_what_a_way_adds_before_it_raises_reaches_who_handles_that() -> None:
    source = """
    def work(task):
        notes = []
        try:
            reply = ask(f"Do what this says: {task}")
            if "bad" in reply:
                notes.append(reply)
                raise ValueError("bad")
        except ValueError:
            return write(notes)
        return reply

    def write(notes):
        return ask(f"Write a report of {notes} now, in your own words and as short as you can.")
    """
    assert flows(source) == {"work > write"}


def test_a_message_of_one_branch_is_no_part_of_what_another_sends() -> None:
    source = """from openai import OpenAI

client = OpenAI()

def work(poem, story):
    messages = []
    if poem:
        messages.append({"role": "user", "content": poem})
        return client.chat.completions.create(model="m", messages=messages)
    else:
        messages.append({"role": "user", "content": story})
        return client.chat.completions.create(model="m", messages=messages)
"""
    said = [[segment.name for segment in call.segments] for call in compiled(source).calls]
    assert said == [["poem"], ["story"]]


def test_what_a_loop_adds_before_it_leaves_the_function_reaches_nothing_that_follows() -> None:
    source = """
    NOTES = []

    def work(tasks):
        for task in tasks:
            if task.is_last:
                NOTES.append(ask(f"Sum this task up in a few words: {task}"))
                return None
        return write()

    def write():
        return ask(f"Write a report of these in your own words: {NOTES}")
    """
    assert flows(source) == {"work > write, later"}
