"""Running a function over the inputs beside its source."""

from pathlib import Path

import pytest

from charter_engine.api.agents import open_agent
from charter_engine.api.own_inputs import over_inputs
from charter_engine.errors import UsageError
from examples.agents.delta_processor import COMPANIES, DeltaProcessor
from examples.agents.document_processor import DocumentProcessor

EXAMPLES = Path(__file__).parents[3] / "examples" / "agents"


class Lengths:
    """A client whose answer is the length of the prompt."""

    def generate(self, prompt: str, max_tokens: int) -> str:
        return str(len(prompt))


def test_the_examples_run_over_the_inputs_of_charters_own_run() -> None:
    assert len(list(over_inputs(DocumentProcessor(Lengths()).process))) == 12
    (analyses,) = over_inputs(DeltaProcessor(Lengths()).batch_process)
    assert len(analyses) == len(COMPANIES)


@pytest.mark.parametrize(("name", "count"), [("document_processor", 3), ("delta_processor", 1)])
def test_the_program_at_an_examples_end_is_no_part_of_its_graph(name: str, count: int) -> None:
    calls = open_agent(EXAMPLES / f"{name}.py").compiled.calls
    assert [call.repeated_by for call in calls] == [()] * count


def test_a_file_of_inputs_may_be_given(tmp_path: Path) -> None:
    inputs = tmp_path / "some.jsonl"
    inputs.write_text('{"document": "one"}\n{"document": "two"}\n')
    reports = list(over_inputs(DocumentProcessor(Lengths()).process, inputs))
    assert len(reports) == 2


def test_inputs_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    def call(**_: str) -> None:
        """Has no inputs beside it."""

    with pytest.raises(UsageError, match="no inputs beside it"):
        over_inputs(call)
    (tmp_path / "bad.jsonl").write_text("{")
    with pytest.raises(UsageError, match=r"bad.jsonl:1: not JSON"):
        over_inputs(call, tmp_path / "bad.jsonl")
