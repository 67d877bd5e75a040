"""The functions at hand that an agent may call, that its answer goes to, or that look at that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from charter_engine.parser.flows.written_files import DUMPING, WRITING
from charter_engine.parser.graphs.frameworks import called_by
from charter_engine.parser.prompts import prompts
from charter_engine.parser.prompts.offered import HOLDING
from charter_engine.parser.source.called_names import names_called
from charter_engine.parser.source.program import Program
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module
from charter_engine.parser.source.syntax import output_name
from charter_engine.parser.source.told_once import told_once
from charter_engine.parser.teams.ag2 import named_in_config, registered_for
from charter_engine.parser.teams.team_prompts import offer_of
from charter_engine.parser.values.candidates import (
    functions_in,
    in_order,
    made_as,
    made_in,
    members_in,
)
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Function,
    Instance,
    Kind,
    Made,
    Value,
)

OFFERING = ("tools", "functions", "tool_retriever", "0", "1")
"""The arguments in which agents are given functions to call."""

RETURNING = ("output_type", "result_type")
"""Under these names an agent is given the functions that its answer goes to."""

GUARDING = ("output_guardrails", "guardrail", "guardrails", "callback", "after_model_callback")
"""The arguments in which an agent or a task is given functions that look at its answer."""

VALIDATING = ("output_validator", "result_validator")
"""Methods of agents that make a function one that looks at their answer."""

INPUT_GUARDING = ("input_guardrails",)
"""The argument in which an agent is given functions that look at what it is asked."""

SENDING_BACK = {"crewai.task": ("guardrail", "guardrails")}
"""The arguments of kinds in which these are given functions that return what they say against an
answer."""

SERVERS = "mcp_servers"
"""The argument in which an agent is given servers of tools, some of the program's own."""

DECLARING_TOOLS = ("tool", "tool_plain", "register_for_llm", "action")
"""Methods of agents, and of what holds their tools, that make a function one of these."""

TOOLSETS = {
    "toolsets": "pydantic_ai.toolset",
    "tools": "browser_use.tools",
    "controller": "browser_use.tools",
}
"""The arguments in which agents are given what holds their tools, and the kinds of that."""

WORKING = ("_run", "_arun", "forward")
"""Methods by which the classes of tools do their work (CrewAI, LangChain, smolagents)."""

CALLED_OF_TOOLS = ("forward", "_run", "_arun", "run", "handle", "execute")
"""What frameworks call the method by which a tool works that is a class."""

TOOLS = frozenset(("llamaindex.tool", "haystack.tool"))
"""What is made of a function for an agent to call."""

WRITERS = WRITING | DUMPING - {"print"}
"""Names of functions that write a file."""

PLAIN_TOOL = Kind("tool")

PLUGINS = ("plugins", "kernel.plugins")
"""The arguments in which agents of Semantic Kernel are given objects whose methods they call."""


class AgentFunctions:
    """Finds the functions of agents that may ask a model."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def tools_of(self, made: Made) -> list[Function]:
        """The functions at hand that an agent may call and that may ask a model or write a file,
        those of its toolsets and of its own servers among them."""
        toolsets = [
            one
            for name, kind in TOOLSETS.items()
            for one in made_in(made.box.fields.get(name, UNKNOWN))
            if one.kind == kind
        ]
        servers = members_in(made.box.fields.get(SERVERS, UNKNOWN))
        offers = [offer_of(made), *(toolset.box.fields for toolset in toolsets)]
        given = [offer[name] for offer in offers for name in OFFERING if name in offer]
        boxes = [server.box for server in servers if server.box is not None]
        given += [box.fields["tools"] for box in boxes if "tools" in box.fields]
        found = [
            function
            for value in given
            for member in members_in(value)
            for function in self.called_in(function_in(member))
        ]
        found += self.methods_offered(made)
        name = output_name(made.module.parents, made.node) or ""
        registered = {*named_in_config(made), *registered_for(made, name)}
        own = made.module.functions.values()
        found += [Function(one) for one in own if one.name in registered]
        for holder in (made, *toolsets):
            found += map(Function, declared_on(holder, DECLARING_TOOLS))
        return self.telling(found)

    def outputs_of(self, made: Made) -> list[Function]:
        """The functions at hand that an agent's answer may go to, and that may ask a model."""
        return self.asking(functions_under(made.box, RETURNING))

    def guards_of(self, made: Made) -> list[Function]:
        """The functions at hand that look at what an agent answers, and may ask a model about it
        or write it into a file."""
        declared = map(Function, declared_on(made, VALIDATING))
        return self.telling([*functions_under(made.box, GUARDING), *declared])

    def input_guards_of(self, made: Made) -> list[Function]:
        """The functions at hand that look at what an agent is asked, and may ask a model about
        it."""
        return self.asking(functions_under(made.box, INPUT_GUARDING))

    def sends_back(self, made: Made, guard: Function) -> bool:
        """Whether what a guard returns is told to who answered, and not only what it raises."""
        return guard in functions_under(made.box, SENDING_BACK.get(made.kind, ()))

    def asking(self, functions: Iterable[Function]) -> list[Function]:
        """Those that may ask a model."""
        return [one for one in functions if one.definition in self.program.reaching]

    def telling(self, functions: Iterable[Function]) -> list[Function]:
        """Those that may ask a model, or leave what they are given in a file."""
        return [one for one in functions if self.asking((one,)) or writes_file(one.definition)]

    def called_in(self, tool: Value) -> list[Function]:
        """What is called of a tool: itself, or of a tool that is a class, or an object of one, the
        method that does its work."""
        found = functions_in(tool)
        for kind in in_order(tool.types):
            if isinstance(kind, Class | Instance):
                names = CALLED_OF_TOOLS if is_tool(kind.definition) else WORKING
                made = Value(types=frozenset((Instance(kind.definition),)), box=tool.box)
                methods = (self.program.method_of(kind.definition, name) for name in names)
                found += [Function(one, made) for one in methods if one is not None]
        return found

    def methods_offered(self, made: Made) -> list[Function]:
        """The methods of an agent's plugins that are declared as functions to call."""
        return [
            Function(method, Value(types=frozenset((kind,))))
            for plugin in plugins_of(made)
            for kind in in_order(plugin.types)
            if isinstance(kind, Instance)
            for method in kind.definition.methods.values()
            if "kernel_function" in called_by(method)
        ]


def plugins_of(made: Made) -> Iterator[Value]:
    """The objects whose methods an agent calls as tools."""
    for name in PLUGINS:
        value = prompts.field_of(made.box.fields, name)
        yield from members_in(value) if value is not None else ()
        rest = value.box.rest if value is not None and value.box is not None else None
        yield from (rest,) if rest is not None else ()


def functions_under(box: Box, names: Iterable[str]) -> list[Function]:
    """The functions at hand that stand under some names, also as tools."""
    given = [box.fields.get(name, UNKNOWN) for name in names]
    members = [function_in(member) for value in given for member in members_in(value)]
    return [one for member in members for one in functions_in(member)]


def declared_on(made: Made, verbs: Iterable[str]) -> list[FunctionDefinition]:
    """The functions that a decorator of an agent or a toolset makes its own: `@agent.tool`."""
    name = output_name(made.module.parents, made.node)
    declared = {f"{holder}.{verb}" for verb in verbs for holder in (name, f"self.{name}")}
    functions = decorated_in(made.module) if name else ()
    return [one for one in functions if not declared.isdisjoint(one.decorators)]


@told_once
def decorated_in(module: Module) -> tuple[FunctionDefinition, ...]:
    """The functions of a module that have decorators."""
    return tuple(one for one in module.functions.values() if one.decorators)


def writes_file(definition: FunctionDefinition) -> bool:
    return not WRITERS.isdisjoint(names_called(definition))


def is_tool(definition: ClassDefinition) -> bool:
    """Whether a class says by its base that it is a tool for models."""
    return any(
        base.rpartition(".")[2].endswith(("Tool", "ToolMessage")) for base in definition.bases
    )


def function_in(tool: Value) -> Value:
    """The function that a tool was made of: `FunctionTool.from_defaults(fn=look)`, `Tool(look)`;
    of one that is no such object, the tool itself."""
    made = made_as(tool)
    if any(one.kind not in TOOLS for one in made):
        return tool
    fields = made[0].box.fields if made else {}
    is_wrapped = tool.box is not None and (PLAIN_TOOL in tool.types or tool.box.kind == "object")
    if not made and tool.box is not None and is_wrapped:
        fields = {name: held for name, held in tool.box.fields.items() if functions_in(held)}
    return next((fields[name] for name in (*HOLDING, "1") if name in fields), tool)
