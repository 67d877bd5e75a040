"""Roles as MetaGPT runs them: what each does, and whose messages it takes.

A role has actions (`self.set_actions([WriteCode])`) and watches those of others
(`self._watch([WritePlan])`). What a watched action answers is put into the role's memory. The role
then acts: by a method of its own (`_act`), or else its action is run on all that it remembers.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from charter_engine.parser.source.symbols import (
    ClassDefinition,
    FunctionDefinition,
    Module,
    dotted_name,
)
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.workflows.class_graphs import ClassGraph, Resolve, derived_from

MethodOf = Callable[[ClassDefinition, str], FunctionDefinition | None]
"""The method that objects of a class have by a name."""

ACTING = ("_act", "_react", "react")
"""Methods by which a role acts, of which the first that it has makes its messages."""

GIVING_ACTIONS = frozenset(("set_actions", "set_action", "_init_actions"))
WATCHING = frozenset(("_watch",))

ROLES, ACTIONS = "metagpt.roles.", "metagpt.actions."
"""What the dotted names of the framework's roles and actions begin with."""

USERS = frozenset(("UserRequirement", "BossRequirement"))
"""What roles watch that take what a run is given."""


class RoleTurn(NamedTuple):
    """A role that does one of its actions; None: it has none that is at hand."""

    role: ClassDefinition
    action: ClassDefinition | None


@dataclass(slots=True)
class WatchedRoles(ClassGraph):
    """`actions` tells what each role does, `said` by which names others watch it for each of its
    actions, `watches` whose messages it takes. Those `in_order` do one action after the other,
    those `remembering` keep what they say. `turns` are those of the functions by which roles act,
    `order` is that of a run. `runs` are the methods by which actions are done."""

    actions: dict[ClassDefinition, tuple[ClassDefinition, ...]] = field(default_factory=dict)
    said: dict[RoleTurn, frozenset[str]] = field(default_factory=dict)
    watches: dict[ClassDefinition, frozenset[str]] = field(default_factory=dict)
    in_order: set[ClassDefinition] = field(default_factory=set)
    remembering: set[ClassDefinition] = field(default_factory=set)
    turns: dict[FunctionDefinition, list[RoleTurn]] = field(default_factory=dict)
    order: dict[FunctionDefinition, int] = field(default_factory=dict)
    runs: set[FunctionDefinition] = field(default_factory=set)

    def heard_in(self, turn: RoleTurn, names: frozenset[str] | None = None) -> Iterator[RoleTurn]:
        """The turns whose messages a role remembers when it does an action: those that it watches,
        and its own; of these, those alone that are watched by one of the `names`."""
        for other, said in self.said.items():
            is_taken = not said.isdisjoint(self.watches[turn.role]) or self.keeps(turn, other)
            if is_taken and (names is None or not said.isdisjoint(names)):
                yield other

    def keeps(self, turn: RoleTurn, own: RoleTurn) -> bool:
        """Whether a role remembers what it said itself, earlier in this turn or in one before."""
        if own.role is not turn.role or own.role not in self.remembering:
            return False
        if self.goes_round(own.role):
            return True
        actions = self.actions[own.role]
        if own.role not in self.in_order or own.action is None or turn.action is None:
            return False
        return actions.index(own.action) < actions.index(turn.action)

    def leads(self) -> Iterator[tuple[FunctionDefinition, FunctionDefinition]]:
        """The functions by which one role acts after another."""
        acting: dict[ClassDefinition, set[FunctionDefinition]] = {}
        for function, turns in self.turns.items():
            for turn in turns:
                acting.setdefault(turn.role, set()).add(function)
        for source, targets in self.after.items():
            for target in targets:
                for one in acting.get(source, ()):
                    yield from ((one, other) for other in acting.get(target, ()))


def roles_of(modules: Iterable[Module], resolve: Resolve, method_of: MethodOf) -> WatchedRoles:
    """The roles that the modules define."""
    modules = list(modules)
    found = WatchedRoles()
    if not any(
        dotted.startswith("metagpt.") for module in modules for dotted in module.imports.values()
    ):
        return found
    roles = derived_from(lambda name: name.startswith(ROLES), modules, resolve)
    actions = derived_from(lambda name: name.startswith(ACTIONS), modules, resolve)
    found.runs = {one.methods["run"] for one in actions if "run" in one.methods}
    for role in roles:
        describe(found, role, lineage_of(role, roles, resolve), actions, resolve)
    for role in roles:
        enter_turns(found, role, method_of)
    link(found)
    return found


def lineage_of(
    role: ClassDefinition, roles: Iterable[ClassDefinition], resolve: Resolve
) -> list[ClassDefinition]:
    """A role and the roles at hand that it is made from, nearest first."""
    found = [role]
    for one in found:
        bases = (resolve(one.module, name) for name in one.bases)
        found += [
            base for base in bases if base is not None and base in roles and base not in found
        ]
    return found


def describe(
    found: WatchedRoles,
    role: ClassDefinition,
    lineage: list[ClassDefinition],
    actions: Iterable[ClassDefinition],
    resolve: Resolve,
) -> None:
    """Keep what a role is told in its methods, or else in those of the roles it is made from."""
    known = set(actions)
    calls = [[call for method in one.methods.values() for call in method.calls] for one in lineage]
    own = next(filter(None, (named_by(GIVING_ACTIONS, one, "actions") for one in calls)), [])
    watched = next(filter(None, (named_by(WATCHING, one, "watch") for one in calls)), [])
    meant = dict.fromkeys(resolve(role.module, name) for name in own)
    if gives_again(calls):
        made = (last_name(call.func) for one in calls for call in one)
        meant |= dict.fromkeys(resolve(role.module, name) for name in made)
    found.actions[role] = tuple(one for one in meant if one in known and one is not None)
    found.watches[role] = frozenset(watched) or USERS
    written = [ast.unparse(call) for one in calls for call in one]
    if any("set_react_mode" in text and "by_order" in text.lower() for text in written):
        found.in_order.add(role)
    has_own = any(name in one.methods for one in lineage for name in ACTING)
    if not has_own or any("memory.add" in text for text in written):
        found.remembering.add(role)
    causes = frozenset(causes_in(calls))
    turns = [RoleTurn(role, action) for action in found.actions[role]] or [RoleTurn(role, None)]
    for turn in turns:
        named = frozenset((turn.action.name,)) if turn.action is not None else frozenset(own)
        found.said[turn] = named | causes


def gives_again(calls: list[list[ast.Call]]) -> bool:
    """Whether a role is given other actions while it acts, which it makes itself."""
    given = [call.args for one in calls for call in one if last_name(call.func) in GIVING_ACTIONS]
    return any(isinstance(arg, ast.Name) for args in given for arg in args)


def named_by(verbs: frozenset[str], calls: list[ast.Call], argument: str) -> list[str]:
    """The classes that calls of some methods are given, or a constructor under the name of an
    argument."""
    given = [arg for call in calls if last_name(call.func) in verbs for arg in call.args]
    given += [word.value for call in calls for word in call.keywords if word.arg == argument]
    return [name for node in given for name in classes_in(node)]


def classes_in(node: ast.expr) -> Iterator[str]:
    """The classes that are written in a list, as they are or as one makes an object of them."""
    members = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else [node]
    for member in members:
        named = member.func if isinstance(member, ast.Call) else member
        if name := dotted_name(named):
            yield name


def causes_in(calls: list[list[ast.Call]]) -> Iterator[str]:
    """The actions that messages are said to be caused by (`Message(cause_by=WriteCode)`)."""
    for one in calls:
        for call in one:
            for word in call.keywords:
                if word.arg == "cause_by" and last_name(word.value)[:1].isupper():
                    yield last_name(word.value)


def enter_turns(found: WatchedRoles, role: ClassDefinition, method_of: MethodOf) -> None:
    """Keep by which function a role does each of its actions: its own, or the action's."""
    own = next(filter(None, (method_of(role, name) for name in ACTING)), None)
    for turn in [turn for turn in found.said if turn.role is role]:
        runs = method_of(turn.action, "run") if turn.action is not None else None
        function = own or runs
        if function is not None:
            found.turns.setdefault(function, []).append(turn)


def link(found: WatchedRoles) -> None:
    """Let roles lead to those that watch them, and put all in the order of a run."""
    for turn, said in found.said.items():
        for other, watched in found.watches.items():
            if not said.isdisjoint(watched):
                found.after.setdefault(turn.role, set()).add(other)
    found.starts = [
        role for role, watched in found.watches.items() if not USERS.isdisjoint(watched)
    ]
    order = found.ranked(found.actions)
    for function, turns in found.turns.items():
        turns.sort(key=lambda turn: order[turn.role])
        found.order[function] = order[turns[0].role]
