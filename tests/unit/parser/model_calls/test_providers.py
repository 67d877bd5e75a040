"""Parameters that a web framework gives their values, and what an app keeps for all that is called
with it."""

import pytest

from tests.unit.parser.compiled import compiled, edges, package

SERVICE = """
from typing import Annotated
from fastapi import Depends, FastAPI
from pydantic_ai import Agent

app = FastAPI()

class Service:
    def __init__(self):
        self.agent = Agent("m", instructions="Be kind.")

    def ask(self, text):
        return self.agent.run_sync(text).output

def get_agent() -> Agent:
    return Agent("m", instructions="Be kind.")

@app.post("/chat")
async def chat(question: str, TAKEN):
    first = FIRST
    return SECOND
"""
RUN = ("(await agent.run(question)).output", "(await agent.run(f'Shorten {first}')).output")
ASK = ("service.ask(question)", "service.ask(f'Shorten {first}')")


@pytest.mark.parametrize(
    ("taken", "asked"),
    [
        ("agent: Agent = Depends(get_agent)", RUN),
        ("agent=Depends(get_agent)", RUN),
        ("agent: Annotated[Agent, Depends(get_agent)]", RUN),
        ("service: Service = Depends(Service)", ASK),
    ],
)
def test_what_a_provider_returns_is_asked(taken: str, asked: tuple[str, str]) -> None:
    source = SERVICE.replace("TAKEN", taken).replace("FIRST", asked[0]).replace("SECOND", asked[1])
    file = compiled(source)
    calls = [call for call in file.calls if call.line > 18]
    assert [call.line for call in calls] == [20, 21]
    assert all(call.segments[0].text == "Be kind." for call in calls)
    assert (20, 21, "data") in edges(file)


def test_a_name_for_an_annotation_carries_its_provider_from_file_to_file() -> None:
    files = package(
        main="""
        from fastapi import FastAPI
        from needs import Helper

        app = FastAPI()

        @app.post("/chat")
        async def chat(question: str, one: Helper):
            return (await one.run(question)).output
        """,
        needs="""
        from typing import Annotated
        from fastapi import Depends
        from pydantic_ai import Agent

        helper = Agent("m", instructions="Be kind.")

        def kept():
            return helper

        Helper = Annotated[Agent, Depends(kept)]
        """,
    )
    (call,) = files["main.py"].calls
    assert call.segments[0].text == "Be kind."


KEEPING = """
from contextlib import asynccontextmanager
from fastapi import Depends, FastAPI, Request
from flask import current_app
from agents import Agent, Runner

def kept(request: Request):
    return request.app.state.one

@asynccontextmanager
async def lifespan(app):
    other = Agent(name="other", instructions="You know flights.")
    KEPT = Agent(name="one", instructions="You route.", handoffs=[other])
    yield

APP

@app.post("/chat")
async def chat(text: str, request: Request, one=Depends(kept)):
    made = ASKED
    return (await Runner.run(made, text)).final_output
"""


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("app.state.one", "one"),
        ("app.state.one", "request.app.state.one"),
        ('app.config["ONE"]', 'current_app.config["ONE"]'),
        ('app.extensions["one"]', 'current_app.extensions.get("one")'),
    ],
)
def test_what_an_app_keeps_is_what_others_find_there(written: str, asked: str) -> None:
    served = KEEPING.replace("APP", "app = FastAPI(lifespan=lifespan)")
    file = compiled(served.replace("KEPT", written).replace("ASKED", asked))
    assert edges(file) == {(21, 12, "data")}


def test_an_object_of_the_programs_own_keeps_for_itself() -> None:
    own = "class App:\n    pass\n\napp = App()\napp.post = print"
    file = compiled(
        KEEPING.replace("APP", own)
        .replace("KEPT", "other.app.state.one")
        .replace("ASKED", "app.state.one")
    )
    assert edges(file) == set()
