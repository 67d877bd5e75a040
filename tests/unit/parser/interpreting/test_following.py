"""Functions are followed from where they are called, as far as that goes."""

import pytest

from tests.unit.parser.compiled import compiled, edges, flows, joined


def test_an_inner_function_sees_what_its_running_function_holds() -> None:
    file = compiled(
        """
        import openai

        class Model:
            def work(self, prompt):
                def again(prompt):
                    return self.run_inference(prompt)

                return again(prompt)

            def run_inference(self, prompt):
                return openai.Completion.create(model="m", prompt=prompt)

        Model().work("Hi")
        """
    )
    assert {call.line: call.family for call in file.calls}[7] == "openai.completions"


def test_following_that_stops_is_told_and_loses_no_call() -> None:
    busy = "\n".join(f"    x = tidy(x, {number})" for number in range(900))
    file = compiled(
        "import openai\n"
        f"def tidy(x, n):\n    y = [{'x, n, ' * 40}]\n    return {{'a': y, 'b': [y, y]}}\n"
        f"def ask(x):\n{busy}\n    return openai.responses.create(input=f'Sum up: {{x}}')\n"
    )
    assert len(file.calls) == 1
    assert [(error.severity, error.line) for error in file.errors] == [("warning", 5)]


def test_an_answer_reaches_what_is_asked_seven_functions_further_down() -> None:
    deeper = "".join(
        f"\n        def find{n}():\n            return find{n + 1}()\n"
        f"\n        def tell{n}(notes):\n            tell{n + 1}(notes)\n"
        for n in range(1, 7)
    )
    found = flows(
        f"""
        {deeper}
        def find7():
            return ask("What is new?")

        def tell7(notes):
            print(ask("Sum up: " + notes))

        def main():
            tell1(find1())
        """
    )
    assert found == {"find7 > tell7"}


def test_code_that_is_nested_too_deeply_is_told_and_loses_no_other_call() -> None:
    deep = "[" * 90 + "tidy({x})" + "]" * 90
    file = compiled(
        "import openai\n"
        f"def tidy(x):\n    return {deep.replace('tidy({x})', 'x')}\n"
        f"def ask(x):\n    y = {deep.replace('{x}', 'x')}\n"
        "    return openai.responses.create(input=f'Sum up: {x}')\n"
    )
    assert len(file.calls) == 1
    assert [(error.severity, error.line) for error in file.errors] == [("warning", 4)]
    assert "nested too deeply" in file.errors[0].message


def test_what_a_wrapper_is_given_is_no_part_of_its_answer() -> None:
    file = compiled(
        """
        from elsewhere import tidy
        from openai import OpenAI

        def ask(prompt):
            return tidy(OpenAI().responses.create(model="m", input=prompt), prompt)

        def chain(topic):
            plan = ask(f"Plan a talk about {topic}")
            text = ask(f"Write what the plan says: {plan}")
            return ask(f"Correct the mistakes: {text}")
        """
    )
    assert edges(file) >= {(9, 10, "data"), (10, 11, "data")}
    assert (9, 11, "data") not in edges(file)


def test_what_a_coroutine_returns_is_given_by_what_runs_it() -> None:
    assert joined(
        """
        import asyncio

        from typing import NamedTuple

        class Answers(NamedTuple):
            plan: str
            doubt: str

        async def both(text):
            plan = ask("plan")
            doubt = ask("doubt")
            return Answers(plan=plan, doubt=doubt)

        answers = asyncio.run(both("tea"))
        ask(f"weigh {answers.doubt}")
        """
    ) == {"doubt > weigh"}


@pytest.mark.parametrize(
    ("parameter", "sent"), [("_messages=messages", "_messages"), ("messages=messages", "messages")]
)
def test_a_function_that_keeps_what_is_around_it_is_given_that(parameter: str, sent: str) -> None:
    file = compiled(
        f"""
        import asyncio
        from openai import OpenAI

        client = OpenAI()

        async def work(task, tools):
            messages = [{{"role": "user", "content": f"Solve this step by step: {{task}}"}}]
            for turn in range(5):
                def send({parameter}):
                    return client.chat.completions.create(model="m", messages={sent})
                said = (await asyncio.to_thread(send)).choices[0].message
                messages.append(said)
                messages.append({{"role": "tool", "content": tools(said)}})
        """
    )
    assert edges(file) == {(11, 11, "loop")}


def test_a_method_that_takes_its_object_among_others_loses_no_call() -> None:
    file = compiled(
        """
        import elsewhere, openai

        class Asker(elsewhere.Base):
            instructions: str

            def __init__(*given):
                super().__init__(instructions="Be brief.")

            def ask(*given):
                return openai.responses.create(model="m", input=given[0].question)

        Asker().ask()
        """
    )
    assert [call.line for call in file.calls] == [11, 13]


BEAM = """
import heapq

class Node:
    def __init__(self, text, parent=None):
        self.text, self.parent = text, parent

def search(problem):
    beam = [Node(problem)]
    for _ in range(3):
        found = []
        for node in beam:
            KEEP
        beam = found
    print(finish(beam[0]))

def expand(node):
    return ask(f"Propose a step after {node.text}")

def finish(node):
    return ask(f"Answer by {node.text}")
"""


@pytest.mark.parametrize(
    "keep",
    [
        "found.append(Node(expand(node), node))",
        "heapq.heappush(found, Node(expand(node), node))",
    ],
)
def test_the_best_of_what_a_loop_found_is_not_what_it_began_with(keep: str) -> None:
    assert flows(BEAM.replace("KEEP", keep)) == {"expand > expand, later", "expand > finish"}
