"""Loops over names under which tables hold what they call."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, joined

AGENTS = (
    ASK
    + """
class Market:
    def execute(self, context):
        return {"market": ask(f"Name the rivals of this idea. {context['idea']}")}

class Costs:
    def execute(self, context):
        return {"costs": ask(f"Estimate the costs in this market. {context['market']}")}

class Company:
    def __init__(self):
        self.agents = {"market": Market(), "costs": Costs()}
        self.order = ["market", "costs"]

    def run(self, idea):
        context = {"idea": idea}
"""
)


@pytest.mark.parametrize(
    "loop",
    [
        """
        for name in self.order:
            context.update(self.agents[name].execute(context))
""",
        """
        for name in ("market", "costs"):
            agent = self.agents.get(name)
            context.update(agent.execute(context))
""",
        """
        for name, agent in self.agents.items():
            context.update(agent.execute(context))
""",
    ],
)
def test_objects_that_a_loop_takes_from_a_table_run_one_after_another(loop: str) -> None:
    file = compiled(AGENTS + loop + "\nCompany().run('shoes')\n")
    market, costs = (call for call in file.calls if call.kind == "wrapper")
    assert [(one.call, one.carried) for one in costs.depends_on] == [(market.id, "data")]
    assert not market.repeated_by
    assert not costs.repeated_by


def test_functions_that_a_loop_takes_from_a_table_run_one_after_another() -> None:
    assert joined(
        """
        def plan(state):
            state["plan"] = ask(f"Plan a talk about this topic. {state['topic']}")

        def write(state):
            state["talk"] = ask(f"Write the talk that was planned. {state['plan']}")

        STEPS = {"plan": plan, "write": write}

        def main(topic):
            state = {"topic": topic}
            for name in ["plan", "write"]:
                STEPS[name](state)
        """
    )


def test_lists_that_a_loop_takes_from_a_table_are_none_of_its_steps() -> None:
    file = compiled(
        ASK
        + """
def main():
    told = {"plan": [], "talk": []}
    for name in ("plan", "talk"):
        told[name].append(ask(f"Write the {name} of an hour about rain."))
    return told
"""
    )
    call = next(one for one in file.calls if one.kind == "wrapper")
    assert call.in_loop


def test_a_function_that_stands_twice_among_the_steps_of_a_loop_is_repeated() -> None:
    file = compiled(
        ASK
        + """
def plan(state):
    state["plan"] = ask(f"Plan a talk about this topic. {state['topic']}")

def main(topic):
    state = {"topic": topic}
    for step in (plan, plan):
        step(state)
"""
    )
    call = next(one for one in file.calls if one.kind == "wrapper")
    assert [loop.kind for loop in call.repeated_by] == ["caller"]
