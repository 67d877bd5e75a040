"""Parameters that a web framework gives their values."""

import pytest

from tests.unit.parser.compiled import compiled, edges

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
