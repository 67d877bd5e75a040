"""What a `with` block works with: what its manager yields or enters, or that itself."""

import pytest

from tests.unit.parser.compiled import compiled, edges, flows, lines

SERVICE = """
from contextlib import asynccontextmanager, contextmanager, ExitStack
from fastapi import Depends, FastAPI
from openai import OpenAI

class Service:
    def __init__(self, client):
        self.client = client

    def ask(self, prompt):
        return self.client.responses.create(model="m", input=prompt).output_text

@contextmanager
def opened():
    yield Service(OpenAI())

class Session:
    def __enter__(self):
        self.client = OpenAI()
        return Service(self.client)

    def __exit__(self, *error):
        self.client.close()

def provided():
    client = OpenAI()
    try:
        yield Service(client)
    finally:
        client.close()

app = FastAPI()
"""


@pytest.mark.parametrize(
    "program",
    [
        "with opened() as one:\n    print(one.ask(f'Rate {one.ask(topic)}'))",
        "with Session() as one:\n    print(one.ask(f'Rate {one.ask(topic)}'))",
        "one = ExitStack().enter_context(opened())\nprint(one.ask(f'Rate {one.ask(topic)}'))",
        "@app.post('/')\ndef rate(topic: str, one=Depends(provided)):\n"
        "    return one.ask(f'Rate {one.ask(topic)}')",
    ],
)
def test_what_a_manager_gives_is_asked(program: str) -> None:
    file = compiled(SERVICE + program)
    assert len(file.calls) == 3
    assert {carried for _, _, carried in edges(file)} == {"data"}


def test_a_manager_that_enters_itself_is_what_the_block_works_with() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Session:
            def __enter__(self):
                self.client = OpenAI()
                return self

            def __exit__(self, *error):
                self.client.close()

            def ask(self, prompt):
                return self.client.responses.create(model="m", input=prompt).output_text

        with Session() as session:
            idea = session.ask("An idea")
            print(session.ask(f"Rate {idea}"))
        """
    )
    assert lines(file) == [13, 16, 17]
    assert edges(file) == {(16, 17, "data")}


def test_what_a_span_is_given_to_note_is_no_answer_that_is_read_from_it() -> None:
    assert flows(
        """
        from contextlib import contextmanager

        @contextmanager
        def span(prompt):
            record = {"prompt": prompt}
            yield record
            print(record)

        def noted(prompt):
            with span(prompt) as record:
                record["answer"] = ask(prompt)
            return record["answer"]

        def draft():
            return noted("Write")

        def improve(text):
            return noted(f"Improve {text}")

        def judge(text):
            return noted(f"Judge {text}")

        judge(improve(draft()))
        """
    ) == {"draft > improve", "improve > judge"}
