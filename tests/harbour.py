"""A call that answers in messages, with a constant part behind one that changes."""

from charter_engine.contracts.graph import Call, Role, Segment

RULES = "You help the operators of a small harbour. Answer in short sentences."


def segment(role: Role, text: str = "", name: str = "") -> Segment:
    return Segment(kind="variable" if name else "static", text=text, name=name, role=role)


ANSWER = Call(
    id="answer",
    path="harbour.py",
    line=1,
    end_line=2,
    segments=(
        segment("system", "You speak with "),
        segment("system", name="name"),
        segment("system", ".\n"),
        segment("system", RULES),
        segment("user", name="question"),
    ),
)
