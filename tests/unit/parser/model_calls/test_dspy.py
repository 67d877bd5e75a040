"""DSPy: modules that are called as they are, side by side, or in another form."""

import pytest

from tests.unit.parser.compiled import compiled, edges

WRITER = """
import dspy

class Writer(dspy.Module):
    def __init__(self):
        self.outline = dspy.ChainOfThought("topic -> outline")

    def forward(self, topic):
        return self.outline(topic=topic)

judge = dspy.Predict("text -> score")
"""


@pytest.mark.parametrize(
    "asked",
    [
        "dspy.MIPROv2(metric=None).compile(Writer(), trainset=[])(topic='rivers')",
        "dspy.MIPROv2(metric=None).compile(student=Writer(), trainset=[])(topic='rivers')",
        "dspy.asyncify(Writer())(topic='rivers')",
        "dspy.streamify(Writer())(topic='rivers')",
        "Writer().batch([dspy.Example(topic='rivers')])",
        "Writer().acall(topic='rivers')",
        "dspy.Parallel()([(Writer(), dspy.Example(topic='rivers'))])",
    ],
)
def test_the_answer_of_a_program_in_another_form_goes_on(asked: str) -> None:
    file = compiled(f"{WRITER}\nmade = {asked}\njudge(text=made)\n")
    assert edges(file) == {(9, 14, "data")}


def test_modules_beside_what_they_are_given_run_in_parallel() -> None:
    file = compiled(
        """
        import dspy

        judge = dspy.Predict("text -> score")

        def all(texts):
            parallel = dspy.Parallel(num_threads=4)
            given = [dspy.Example(text=text).with_inputs("text") for text in texts]
            return parallel([(judge, one) for one in given])
        """
    )
    (call,) = file.calls
    assert (call.line, call.fanout) == (9, "parallel")
    assert [part.name for part in call.segments] == ["text"]


def test_a_tool_of_an_agent_that_asks_is_an_edge_there_and_back() -> None:
    file = compiled(
        """
        import dspy

        class Answer(dspy.Signature):
            '''Answer with care.'''
            question: str = dspy.InputField()

        check = dspy.Predict("claim -> ok")

        def verify(claim: str) -> str:
            return check(claim=claim).ok

        def main(question):
            return dspy.ReAct(Answer, tools=[verify])(question=question)
        """
    )
    assert edges(file) == {(14, 11, "data"), (11, 14, "loop"), (14, 14, "loop")}
    assert file.calls[1].segments[0].text == "Answer with care."


def test_what_compiles_something_else_gives_it_not_back() -> None:
    file = compiled(
        """
        import re
        from openai import OpenAI

        client = OpenAI()

        def find(text):
            asked = client.responses.create(model="m", input="A pattern?")
            return re.compile(asked.output_text).findall(text)
        """
    )
    assert [call.line for call in file.calls] == [8]


def test_the_instructions_of_a_signature_are_the_system_message() -> None:
    file = compiled(
        """
        import dspy

        signature = dspy.Signature("text -> verdict", "Judge with care.")
        judge = dspy.Predict(signature)
        agent = dspy.ReAct(dspy.Signature("q -> a", instructions="Answer briefly."), tools=[])

        agent(q=judge(text="rivers").verdict)
        """
    )
    told = {call.segments[0].text for call in file.calls if call.segments[0].role == "system"}
    assert told == {"Judge with care.", "Answer briefly."}
