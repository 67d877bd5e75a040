"""What a base asks with the rules of each of its classes is what its callers ask."""

import pytest

from tests.unit.parser.compiled import compiled, lines

BASE = '''
from openai import OpenAI

class Base:
    name = ""
    rules = ""

    def told(self):
        return f"""Cite every source. Never guess at a name. Write the date of each record. Facts
            stay as they are.
        {self.rules.strip()}"""

    def handle(self, text):
        messages = [{"role": "system", "content": self.told()}, {"role": "user", "content": text}]
        return OpenAI().chat.completions.create(model="m", messages=messages).choices[0]

class Write(Base):
    SAYS = "You write proofs."

    def work(self, source):
        return self.handle(f"Write a proof of this: {source}")

class Cite(Base):
    SAYS = "You write citations."

    def work(self, source):
        return self.handle(f"Cite this: {source}")

print(Write().work(input()), Cite().work(input()))
'''


@pytest.mark.parametrize(
    ("says", "found"),
    [("rules", [15, 21, 27]), ("name", [15]), ("rules = open(input()).read() #", [15, 21, 27])],
)
def test_a_base_that_sends_what_its_classes_declare_is_a_wrapper(
    says: str, found: list[int]
) -> None:
    assert lines(compiled(BASE.replace("SAYS", says))) == found


def test_one_whose_classes_declare_nothing_of_it_is_a_step() -> None:
    source = BASE.replace("self.rules.strip()", "open(input()).read()")
    assert lines(compiled(source.replace("SAYS", "rules"))) == [15]
