"""Roles of MetaGPT: whose messages each takes, and what it does with them."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, lines, package

ACTIONS = """
from metagpt.actions import Action, UserRequirement
from metagpt.roles import Role
from metagpt.schema import Message
from metagpt.team import Team

class Plan(Action):
    async def run(self, history):
        return await self._aask(f"Plan a story of {history}")

class Draft(Action):
    PROMPT: str = "Draft by {plan}"

    async def run(self, history):
        return await self._aask(self.PROMPT.format(plan=history[-1].content))

class Judge(Action):
    async def run(self, draft: str):
        return await self._aask("Judge this: " + draft)
"""
PLAN, DRAFT, JUDGE = 9, 15, 19

TEAM = """
class Planner(Role):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.set_actions([Plan])

class Writer(Role):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.set_actions([Draft()])
        self._watch(WATCHED)

class Critic(Role):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._init_actions([Judge])
        self._watch([Draft])

    async def _act(self):
        todo = self.rc.todo
        message = self.get_memories(k=1)[0]
        said = await todo.run(message.content)
        return Message(content=said, role=self.profile, cause_by=type(todo))

async def main(idea):
    team = Team()
    team.hire([Planner(), Writer(), Critic()])
    team.run_project(idea)
    await team.run(n_round=4)
"""


def team(watched: str) -> CompiledFile:
    return compiled(ACTIONS + TEAM.replace("WATCHED", watched))


def test_what_a_role_watches_reaches_the_action_that_it_does() -> None:
    assert edges(team("[Plan]")) == {(PLAN, DRAFT, "data"), (DRAFT, JUDGE, "data")}


def test_only_the_actions_are_calls_not_the_run_of_the_team() -> None:
    assert lines(team("[Plan]")) == [PLAN, DRAFT, JUDGE]


def test_roles_that_watch_each_other_go_round_and_remember_what_they_said() -> None:
    file = team("{Plan, Judge}")
    assert edges(file) == {
        (PLAN, DRAFT, "data"),
        (DRAFT, JUDGE, "data"),
        (JUDGE, DRAFT, "loop"),
        (DRAFT, DRAFT, "loop"),
    }
    assert [call.line for call in file.calls if call.repeated_by] == [DRAFT, JUDGE]


def test_roles_in_several_files_act_in_the_order_of_a_run() -> None:
    head, _, rest = TEAM.replace("WATCHED", "[Plan]").partition("class Critic")
    critic = "class Critic" + rest.partition("async def main")[0]
    imports = "from metagpt.roles import Role\nfrom metagpt.schema import Message\n"
    imports += "from pkg.jobs import Draft, Judge, Plan\n"
    files = package(a_critic=imports + critic, b_team=imports + head, jobs=ACTIONS)
    assert edges(files["jobs.py"]) == {(PLAN, DRAFT, "data"), (DRAFT, JUDGE, "data")}


ALONE = """
class Writer(Role):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.set_actions([Plan, Draft, Judge])
        self._set_react_mode(react_mode="by_order")

    async def _act(self):
        todo = self.rc.todo
        READ
        message = Message(content=said, role=self.profile, cause_by=type(todo))
        self.rc.memory.add(message)
        return message
"""


@pytest.mark.parametrize(
    ("read", "judged"),
    [
        ("said = await todo.run(self.get_memories())", {PLAN, DRAFT}),
        ("said = await todo.run(self.rc.memory.get_by_action(Draft)[-1].content)", {DRAFT}),
    ],
)
def test_a_role_that_acts_in_order_hears_what_it_did_before(read: str, judged: set[int]) -> None:
    found = edges(compiled(ACTIONS + ALONE.replace("READ", read)))
    assert {source for source, target, _ in found if target == JUDGE} == judged
    assert {carried for _, _, carried in found} == {"data"}


def test_a_role_asks_by_what_it_has_to_do() -> None:
    read = (
        "if isinstance(todo, Plan):\n            said = await todo.run('an idea')\n"
        "        else:\n            said = await todo.run(self.get_memories())"
    )
    found = edges(compiled(ACTIONS + ALONE.replace("READ", read)))
    assert {source for source, target, _ in found if target == PLAN} == set()
    assert (PLAN, DRAFT, "data") in found


def test_a_role_that_keeps_nothing_hears_nothing_of_its_own() -> None:
    source = ALONE.replace("READ", "said = await todo.run(self.get_memories())")
    source = source.replace("        self.rc.memory.add(message)\n", "")
    assert edges(compiled(ACTIONS + source)) == set()


def test_the_frameworks_own_roles_are_calls_each_given_what_the_one_before_made() -> None:
    file = compiled("""
        from metagpt.roles import Architect, Engineer, ProductManager
        from metagpt.team import Team

        async def main(idea):
            team = Team()
            team.hire([
                ProductManager(),
                Architect(),
                Engineer(),
            ])
            await team.run(n_round=5, idea=idea)
        """)
    assert edges(file) == {(12, 9, "data"), (9, 10, "data")}


def test_a_model_of_the_framework_is_asked_by_its_own_methods() -> None:
    file = compiled("""
        from metagpt.actions.action_node import ActionNode
        from metagpt.llm import LLM

        async def main(topic):
            facts = await LLM().aask(f"Facts of {topic}", system_msgs=["You know all."])
            node = await ActionNode.from_pydantic(Novel).fill(req=f"A novel of {facts}", llm=LLM())
            return node.content
        """)
    assert edges(file) == {(6, 7, "data")}
    assert [part.role for part in file.calls[0].segments][:1] == ["system"]


def test_a_role_that_is_run_by_itself_is_told_what_it_is_given_and_answers() -> None:
    critic = "class Critic" + TEAM.partition("class Critic")[2].partition("async def main")[0]
    critic = critic.replace("        self._watch([Draft])\n", "")
    source = f"""{ACTIONS}{critic}
async def main(text):
    first = await Critic().run(text)
    await Writer().run(first.content)

class Writer(Role):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.set_actions([Draft])
"""
    assert edges(compiled(source)) == {(JUDGE, DRAFT, "data")}


def test_actions_that_a_role_makes_of_an_answer_are_its_own() -> None:
    file = compiled("""
        from metagpt.actions import Action
        from metagpt.roles import Role

        class Outline(Action):
            async def run(self, topic):
                return await self._aask(f"Outline a book on {topic}")

        class Fill(Action):
            part: str = ""

            async def run(self, topic):
                return await self._aask(f"Write of {topic} for {self.part}")

        class Author(Role):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.set_actions([Outline])

            async def _act(self):
                todo = self.rc.todo
                if type(todo) is Outline:
                    parts = await todo.run("Tides")
                    actions = [Fill(part=part) for part in parts]
                    self.set_actions(actions)
                    return Message()
                return Message(content=await todo.run("Tides"))
        """)
    assert edges(file) == {(7, 13, "data")}
