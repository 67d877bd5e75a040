"""Prompts of later turns: what the turns before have left, as far as it is kept."""

from charter_engine.contracts.graph import Call, Dependency, HistoryLimit, Loop, Segment
from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.assembly import Piece, Prompt, assemble, expand, text_of

RULES = Segment(kind="static", text="R", line=1)
GOAL = Segment(kind="variable", name="goal", expression="goal", fixed=True, line=2)
ANSWER = Segment(
    kind="upstream", name="out", call="work:out", carried="loop", each_turn=True, line=5
)
FOUND = Segment(kind="variable", name="found", expression="found", each_turn=True, line=6)
FOREVER = Loop(kind="while", line=3, iterable="True")


def tool_loop(*segments: Segment, limit: HistoryLimit | None = None) -> Call:
    return Call(
        id="work:out",
        path="a.py",
        line=4,
        end_line=4,
        in_loop=True,
        loop=FOREVER,
        history_limit=limit,
        segments=segments or (RULES, GOAL, ANSWER, FOUND),
        depends_on=(Dependency("work:out", "loop", "history"),),
    )


def sent(call: Call, inputs: dict[str, object]) -> list[str]:
    """The prompt of each turn; turn 2 answers `b`."""
    outputs: dict[tuple[str, int], Piece] = {}
    prompts: dict[tuple[str, int], Prompt] = {}
    for instance in expand((call,), inputs):
        prompts[instance.key] = assemble(instance, NodePlan(), outputs, prompts)
        answer = "abcdefgh"[instance.iteration]
        outputs[instance.key] = Piece(answer, "upstream", call.id, -1)
    return [text_of(prompt) for prompt in prompts.values()]


def found(count: int) -> list[dict[str, str]]:
    return [{"found": str(number)} for number in range(count)]


def test_every_turn_holds_all_turns_before_it() -> None:
    assert sent(tool_loop(), {"goal": "G", "turns": found(3)}) == ["RG", "RGa0", "RGa0b1"]


def test_a_number_of_turns_repeats_what_the_inputs_hold() -> None:
    assert sent(tool_loop(), {"goal": "G", "found": "x", "turns": 3})[-1] == "RGaxbx"


def test_without_turns_a_loop_of_unknown_length_goes_round_once() -> None:
    assert sent(tool_loop(), {"goal": "G"}) == ["RG"]


def test_what_is_asked_in_every_turn_belongs_to_the_turn_it_opens() -> None:
    asked = Segment(kind="variable", name="asked", expression="asked", line=4)
    again = Segment(kind="variable", name="asked", expression="asked", each_turn=True, line=4)
    turns = [{"asked": "p"}, {"asked": "q"}, {"asked": "r"}]
    call = tool_loop(RULES, asked, ANSWER, again)
    assert sent(call, {"turns": turns}) == ["Rp", "Rpaq", "Rpaqbr"]


def test_what_stands_behind_a_history_is_of_its_own_turn() -> None:
    asked = Segment(kind="variable", name="asked", expression="asked", line=4)
    call = tool_loop(RULES, ANSWER, asked)
    assert sent(call, {"turns": [{"asked": "p"}, {"asked": "q"}]}) == ["Rp", "Raq"]


def test_a_window_keeps_the_last_messages() -> None:
    call = tool_loop(RULES, GOAL, ANSWER, FOUND, limit=HistoryLimit(3, first=1))
    assert sent(call, {"goal": "G", "turns": found(4)}) == ["RG", "RGa0", "R0b1", "R1c2"]


def test_a_window_of_tokens_keeps_the_last_that_fit() -> None:
    call = tool_loop(RULES, ANSWER, FOUND, limit=HistoryLimit(2, "tokens", first=1))
    turns = [{"found": "xxxx"}, {"found": "yyyy"}, {"found": "zzzz"}, {}]
    assert sent(call, {"turns": turns})[-1] == "Rbyyyyczzzz"


def test_a_history_that_became_too_long_begins_anew() -> None:
    summary = Segment(kind="variable", name="summary", expression="summary", line=9)
    limit = HistoryLimit(4, first=1, anew=(1, 2))
    call = tool_loop(RULES, summary, ANSWER, FOUND, limit=limit)
    assert sent(call, {"summary": "S", "turns": found(5)}) == [
        "R",
        "Ra0",
        "Ra0b1",
        "RS",
        "RSd3",
    ]


def test_no_pass_of_a_history_can_run_beside_another() -> None:
    instances = expand((tool_loop(),), {"goal": "G", "turns": found(3)})
    assert [instance.after for instance in instances] == [
        (),
        (("work:out", 0),),
        (("work:out", 1),),
    ]
