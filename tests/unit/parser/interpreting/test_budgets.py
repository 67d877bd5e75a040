"""How far functions are followed, by their number and by who calls them."""

from tests.unit.parser.compiled import compiled, flows

ASKED = "\n".join(
    f"def ask_{number}(text):\n"
    f'    return client.responses.create(model="m", input=f"Rule {number}: {{text}}").output_text\n'
    for number in range(200)
)
PROGRAM = """
from openai import OpenAI

client = OpenAI()

ASKED
def every(text):
    return [CALLS]

def prepare(total):
    WORK
    return total

def first(text):
    asked = f"Plan the work on this. Be brief. Leave out what is known. {text}"
    return client.responses.create(model="m", input=asked).output_text

def second(plan):
    asked = f"Do the work by this plan. Be brief. Leave nothing out. {plan}"
    return client.responses.create(model="m", input=asked).output_text

def after(plan):
    return second(plan)

def program(text):
    plan = first(text)
    prepare([])
    return after(plan)
"""


def test_a_program_among_many_functions_is_followed_further_than_these() -> None:
    calls = ", ".join(f"ask_{number}(text)" for number in range(200))
    work = "\n    ".join(f"total = [total, {n}, len(str(total)) + {n}]" for n in range(700))
    source = PROGRAM.replace("ASKED", ASKED).replace("CALLS", calls).replace("WORK", work)
    assert "first > second" in flows(source)
    assert not compiled(source).errors
