"""Compiled agents in the shape of the two examples, for tests of layouts and plans."""

from charter_engine.contracts.graph import Call, Dependency, Loop, Segment

SYSTEM = Segment(kind="static", text="You are an analyst. " * 30, name="SYSTEM_PROMPT")


def static(text: str) -> Segment:
    return Segment(kind="static", text=text)


def variable(name: str, expression: str = "") -> Segment:
    return Segment(kind="variable", name=name, expression=expression or name)


def upstream(call: str, name: str) -> Segment:
    return Segment(kind="upstream", name=name, call=call, carried="data")


DOCUMENT_CALLS = (
    Call(
        id="D.process:entities",
        path="d.py",
        line=10,
        end_line=10,
        output="entities",
        parameters={"max_tokens": 500},
        segments=(
            SYSTEM,
            static("\n\nTask: Extract all named entities as JSON."),
            static("\n\nDocument:\n"),
            variable("document"),
            static("\n\nEntities:"),
        ),
    ),
    Call(
        id="D.process:validation",
        path="d.py",
        line=20,
        end_line=20,
        output="validation",
        parameters={"max_tokens": 500},
        segments=(
            SYSTEM,
            static("\n\nTask: Check the entities."),
            static("\n\nExtracted entities:\n"),
            upstream("D.process:entities", "entities"),
            static("\n\nSource document:\n"),
            variable("document"),
            static("\n\nValidated entities:"),
        ),
        depends_on=(Dependency("D.process:entities"),),
    ),
    Call(
        id="D.process:classification",
        path="d.py",
        line=30,
        end_line=30,
        output="classification",
        parameters={"max_tokens": 300},
        segments=(
            SYSTEM,
            static("\n\nTask: Classify the document."),
            static("\n\nDocument:\n"),
            variable("document"),
            static("\n\nValidated entities:\n"),
            upstream("D.process:validation", "validation"),
            static("\n\nClassification:"),
        ),
        depends_on=(Dependency("D.process:validation"),),
    ),
)

DELTA_CALLS = (
    Call(
        id="L.batch:analysis",
        path="l.py",
        line=5,
        end_line=5,
        output="analysis",
        in_loop=True,
        loop=Loop(kind="for", line=4, target="row", iterable="companies"),
        parameters={"max_tokens": 400},
        segments=(
            SYSTEM,
            static("\n\nCompany: "),
            variable("company", "row['company']"),
            static("\nFounding year: "),
            variable("year", "row['year']"),
            static("\n\nWrite an analysis under five headings."),
            static("\n\nAnalysis:"),
        ),
    ),
)
COMPANIES = [{"company": f"Company {index}", "year": str(2000 + index)} for index in range(10)]
