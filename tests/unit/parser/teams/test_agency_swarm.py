"""Agency Swarm: agents that are paired, told the same, and described in files."""

from charter_engine.analysis.compile import CompileOptions, compile_sources
from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said

AGENTS = """
from agency_swarm import *

lead = Agent(name="lead", instructions="Lead.")
code = Agent(name="code", instructions="Code.")
test = Agent(name="test", instructions="Test.")
"""
"""Three agents, in the lines 4 to 6."""

ASKING = {(7, 5, "data"), (5, 7, "loop"), (5, 6, "data"), (6, 5, "loop")}
"""Who hears whom of another, where the first is run in line 7 and asks the second, which asks the
third."""


def between(source: str) -> set[tuple[int, int, str]]:
    """The edges between different calls."""
    return {edge for edge in edges(compiled(AGENTS + source)) if edge[0] != edge[1]}


def test_agents_ask_those_that_they_are_paired_with() -> None:
    flows = "[(lead, code), (code, test)]"
    assert between(f'Agency(lead, communication_flows={flows}).get_response_sync("Hi")') == ASKING


def test_a_chain_of_agents_is_a_pair_each() -> None:
    for flows in ("[lead > code > test]", "[lead > code, test < code]"):
        program = f'Agency(lead, communication_flows={flows}).get_response_sync("Hi")'
        assert between(program) == ASKING


def test_an_earlier_agency_lists_who_is_spoken_to_and_the_pairs() -> None:
    assert between('Agency([lead, [lead, code], [code, test]]).get_completion("Hi")') == ASKING


def test_by_a_tool_for_handing_on_an_agent_goes_on_in_place_of_another() -> None:
    file = compiled(
        AGENTS
        + """
from agency_swarm.tools import Handoff
Agency(lead, communication_flows=[(lead > code, Handoff)]).get_response_sync("Hi")
"""
    )
    assert edges(file) == {(9, 5, "data")}


def test_what_all_are_told_stands_before_what_is_written_of_each() -> None:
    file = compiled(
        AGENTS
        + """
agency = Agency(lead, communication_flows=[(lead, code)], shared_instructions="Be kind.")
agency.run_demo()
"""
    )
    assert [text for _, text, _ in said(file, 5)][:2] == ["Be kind.", "Code."]
    assert [text for _, text, _ in said(file, 9)][:2] == ["Be kind.", "Lead."]


def test_instructions_may_stand_in_a_file_beside_the_class() -> None:
    class Files:
        def read(self, path: str, near: str) -> tuple[str, str] | None:
            return ("/pkg/lead/lead.md", "Lead them.") if path.endswith("lead.md") else None

    source = """
from agency_swarm import Agent, Agency

class Lead(Agent):
    def __init__(self):
        super().__init__(name="Lead", instructions="./lead.md")

Agency([Lead()]).get_completion("Hi")
"""
    sources: dict[str, str | bytes] = {"/pkg/lead/agent.py": source}
    file = compile_sources(sources, options=CompileOptions(), files=Files()).files[0]
    assert [part.text for part in file.calls[0].segments][:1] == ["Lead them."]


def test_a_server_runs_what_the_functions_make_that_it_is_given() -> None:
    file = compiled(
        """
        from agency_swarm import Agency, Agent, run_fastapi

        def create_agency(load_threads_callback=None):
            lead = Agent(name="lead", instructions="Lead.")
            code = Agent(name="code", instructions="Code.")
            return Agency(lead, communication_flows=[(lead, code)])

        run_fastapi(agencies={"desk": create_agency})
        """
    )
    assert lines(file) == [5, 6]
