"""Functions that ask a model for their callers."""

from tests.unit.parser.compiled import compiled, edges, lines

POST = """
import requests

def post(path, payload):
    return requests.post("http://triton:8000" + path, json=payload).json()["text_output"]
"""


def test_a_request_is_known_by_the_address_its_callers_give() -> None:
    file = compiled(
        POST
        + "\ndef run(q):\n"
        + '    return post("/v2/models/ensemble/generate", {"text_input": "Answer: " + q})\n'
    )
    assert [(call.line, call.kind) for call in file.calls] == [(5, "sdk"), (8, "wrapper")]
    assert file.calls[1].segments[0].text == "Answer: "


def test_a_call_of_it_with_another_address_is_none() -> None:
    file = compiled(
        POST
        + """
def run(q):
    said = post("/v2/models/ensemble/generate", {"text_input": q})
    return said + post("/api/embeddings", {"prompt": q})
"""
    )
    assert [(call.line, call.column) for call in file.calls] == [(5, 12), (8, 12)]


def test_a_request_is_known_by_its_body() -> None:
    file = compiled(
        """
        import json, os, requests

        def ask(question):
            rule = {"role": "system", "content": "Be brief."}
            body = {"model": "m", "messages": [rule, {"role": "user", "content": question}]}
            return requests.post(os.environ["ADDRESS"], data=json.dumps(body)).json()

        requests.post(os.environ["HOOK"], json={"text": "started"})
        """
    )
    assert lines(file) == [7]
    first = file.calls[0].segments[0]
    assert (first.role, first.text) == ("system", "Be brief.")


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


def test_a_function_that_returns_several_answers_is_none() -> None:
    file = compiled(
        """
        import openai

        def both(question):
            plan = openai.Completion.create(model="m", prompt=question)
            return {"plan": plan, "answer": openai.Completion.create(prompt=f"{question} {plan}")}

        both("Why?")
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(5, "sdk"), (6, "sdk")]


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
