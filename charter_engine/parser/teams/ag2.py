"""AG2 and AutoGen 0.2: what calls elsewhere in a file declare of an agent, and swarms.

Whom an agent hands on to, and which functions it may call, is told after it was made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from charter_engine.parser.model_calls.recognise import CallShape, named_in
from charter_engine.parser.source.symbols import Module, dotted_name
from charter_engine.parser.source.syntax import last_name, output_name
from charter_engine.parser.source.told_once import told_once
from charter_engine.parser.values.candidates import functions_in, made_in, members_in
from charter_engine.parser.values.values import UNKNOWN, Box, Made, Value

TARGETS = frozenset(
    "AgentTarget AgentNameTarget OnCondition OnContextCondition ON_CONDITION AfterWork AFTER_WORK "
    "SwarmResult".split()
)
"""What names the agent that another hands on to."""

SWARM = "autogen.declared"

SWARMING = frozenset("initiate_swarm_chat a_initiate_swarm_chat run_swarm a_run_swarm".split())
"""Functions that run agents which hand on to each other as they declare."""


def declared_by(made: Made) -> list[str]:
    """The names of those that calls elsewhere in the file let an agent hand on to, in AG2:
    `agent.handoffs.add_llm_conditions([… AgentTarget(other) …])`, functions of the agent that
    return such a target, and `register_hand_off(agent, …)`."""
    own = output_name(made.module.parents, made.node)
    found: list[str] = []
    for call in made.module.calls:
        path = dotted_name(call.func)
        names_it = [word.value.id for word in call.keywords if isinstance(word.value, ast.Name)]
        names_it += [arg.id for arg in call.args[:1] if isinstance(arg, ast.Name)]
        is_handing = path.startswith(f"{own}.handoffs.")
        is_handing |= f".{path}".endswith(f".{own}.register_hand_off")
        if is_handing or (path.endswith("register_hand_off") and own in names_it):
            found += targets_in(call)
            found += targets_of_functions(call, made.module)
    functions = made.box.fields.get("functions")
    for value in members_in(functions) if functions is not None else ():
        for function in functions_in(value):
            found += targets_in(function.definition.node)
    return list(dict.fromkeys(found))


def targets_of_functions(call: ast.Call, module: Module) -> list[str]:
    """The agents that the function of a `FunctionTarget(choose)` names."""
    named = {
        argument.id
        for one in ast.walk(call)
        if isinstance(one, ast.Call) and last_name(one.func) == "FunctionTarget"
        for argument in (*one.args, *(word.value for word in one.keywords))
        if isinstance(argument, ast.Name)
    }
    functions = [one for one in module.functions.values() if one.name in named]
    return [target for one in functions for target in targets_in(one.node)]


def targets_in(node: ast.AST) -> list[str]:
    """The agents that are named as targets."""
    arguments = [
        argument
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and last_name(call.func) in TARGETS
        for argument in (*call.args, *(word.value for word in call.keywords))
    ]
    arguments += [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
    names = [argument.id for argument in arguments if isinstance(argument, ast.Name)]
    texts = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
    return names + [text for text in texts if isinstance(text, str)]


def swarm_in(shape: CallShape) -> list[Made]:
    """`initiate_swarm_chat(initial_agent, messages, agents)`: the agents as one team, which hand on
    as they declare."""
    if shape.verb not in SWARMING:
        return []
    names = ("initial_agent", "messages", "agents")
    given = dict(zip(names, (value for _, value in shape.positional), strict=False))
    box = Box("object", fields=given | named_in(shape))
    agents = box.fields.get("agents", UNKNOWN)
    made = next(made_in(agents), None)
    return [Made(SWARM, shape.node, made.module, None, box)] if made is not None else []


def registered_for(made: Made, name: str) -> Iterator[str]:
    """The functions that calls elsewhere in the file make tools of an agent, in AG2:
    `register_function(look, caller=agent, …)` and `agent.register_for_llm(…)(look)`."""
    for call in registering_in(made.module):
        if last_name(call.func) == "register_function":
            callers = [word.value for word in call.keywords if word.arg == "caller"]
            is_own = any(last_name(one) == name for one in callers)
        else:
            path = dotted_name(call.func.func) if isinstance(call.func, ast.Call) else ""
            is_own = f".{path}".endswith(f".{name}.register_for_llm")
        if name and is_own and call.args:
            yield last_name(call.args[0])


@told_once
def registering_in(module: Module) -> list[ast.Call]:
    """The calls of a module that may register a function."""
    return [
        call
        for call in module.calls
        if isinstance(call.func, ast.Call) or last_name(call.func) == "register_function"
    ]


def named_in_config(made: Made) -> Iterator[str]:
    """The functions that the configuration of an agent's model names, which others run for it."""
    config = made.box.fields.get("llm_config", UNKNOWN).box
    for name in ("functions", "tools"):
        held = config.fields.get(name) if config is not None else None
        for member in members_in(held) if held is not None else ():
            fields = member.box.fields if member.box is not None else {}
            inner = fields.get("function", UNKNOWN).box
            yield text_of_name(fields) or text_of_name(inner.fields if inner is not None else {})


def text_of_name(fields: dict[str, Value]) -> str:
    return fields.get("name", UNKNOWN).static_text() or ""
