"""Parameters of which only their name tells what they are."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines

WRITER = """
from openai import OpenAI

class ChatHelper:
    def get_result(self, text):
        return OpenAI().responses.create(model="m", input=text).output_text
MORE
class Writer:
    def __init__(self, NAME):
        self.NAME = NAME

    def write(self, topic):
        draft = self.NAME.get_result(f"Write about {topic}.")
        return self.NAME.get_result(f"Make it shorter: {draft}")
"""


def test_one_named_as_the_only_class_with_its_words_is_an_object_of_that() -> None:
    file = compiled(WRITER.replace("MORE", "").replace("NAME", "chat_helper"))
    assert lines(file) == [6, 13, 14]
    assert edges(file) == {(13, 14, "data")}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("helper", ""),
        ("chat_helper", "\nclass Chat_Helper:\n    pass\n"),
        ("text_helper", "\nclass TextHelper:\n    def get_result(self, text):\n        pass\n"),
    ],
)
def test_one_of_a_single_word_or_of_several_classes_or_of_one_that_asks_nothing_is_not(
    name: str, more: str
) -> None:
    assert lines(compiled(WRITER.replace("MORE", more).replace("NAME", name))) == [6]
