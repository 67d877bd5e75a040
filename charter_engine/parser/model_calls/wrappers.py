"""Which functions are wrappers: their prompt comes from the caller, the model's answer goes back.

A function that puts what it is given into a prompt of its own is a step of the agent, not a
wrapper: its node is the call inside it.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
from collections.abc import Mapping, Set
from types import MappingProxyType

from charter_engine.parser.branches.absence import HANDLED
from charter_engine.parser.flows.edges import parameters_in
from charter_engine.parser.model_calls.asking_names import asks_by_name, asks_model
from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.chosen_templates import chooses_template, fills_filed
from charter_engine.parser.model_calls.class_rules import without_class_rules
from charter_engine.parser.model_calls.findings import Visit, Wrapper
from charter_engine.parser.model_calls.handed_records import hands_on_record
from charter_engine.parser.model_calls.kept_conversations import without_kept
from charter_engine.parser.model_calls.own_text import (
    FILLING,
    FOREIGN,
    MARKUP,
    NO_TEXT,
    OwnText,
    own_text,
    text_beside,
    written,
)
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.prompts.filed_rules import (
    fills_imported,
    has_filed_rules,
    has_imported_rules,
)
from charter_engine.parser.prompts.prompts import OPTIONS
from charter_engine.parser.source.symbols import FunctionDefinition, Module, nodes_of
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.state import Analysis
from charter_engine.parser.values.pieces import pieces_of
from charter_engine.parser.values.values import UNKNOWN, Hole, Instance, Piece, Static, Value
from charter_engine.parser.workflows.handlers import is_handler

OWN_TEXT = (OwnText(4, 150), OwnText(100, 300), OwnText(600, 600))
"""By how plainly a function's name says that it asks a model."""

NOTHING_BESIDE: Mapping[int, OwnText] = MappingProxyType({})

TEXT_OF_A_STEP = OwnText(4, 60)
"""Assumed: what a function adds that hands on a record, as the steps of many programs do."""

ANSWER_TEXT = 60
"""So many characters it may add to the answer."""


def wrapper_of(
    analysis: Analysis,
    definition: FunctionDefinition,
    result: Value,
    visits: list[Visit],
    asked: bool = False,
    beside: Mapping[int, OwnText] = NOTHING_BESIDE,
) -> Wrapper | None:
    """The wrapper that `definition` is, by what it returned and the sites it visited; None if it is
    none.

    What a role does, or an agent by a handler, is a step. Where it is `asked` as a model is, it may
    add more to prompt and answer; one that asks step by step, each with the answer of the step
    before, is a program all the same. `beside` is, by site, what wrappers add through which it
    asks.
    """
    if not visits or definition in analysis.program.prompts or takes_turns(visits):
        return None
    answered = answers_in(analysis, result, visits)
    visits = without_class_rules(analysis.program, definition, visits)
    own = {
        number: name for name, number in analysis.findings.parameters.get(definition, {}).items()
    }
    visits = without_kept(definition, visits, set(own))
    is_called_so = definition.name == "__init__" or is_handed_by_framework(analysis, definition)
    if is_called_so or returns_name_of_answer(definition):
        return None
    if not asked and answer_text(result) > ANSWER_TEXT:
        return None
    is_run = runs_by_name(definition.name)
    plainly = asks_by_name(definition.name, analysis.program.catalogue)
    has_rules = is_run and tells_rules(visits)
    plainly = 2 if asked and not has_rules else plainly
    if is_run:
        runs_given = any(visit.runs_given for visit in visits)
        is_agent = not AGENTS.isdisjoint(words_of(definition.name)) and plainly < 2
        plainly = max(plainly, 1) if runs_given else 0 if is_agent or has_rules else plainly
    plainly = max(plainly, int(fills_given_template(definition)))
    limit = TEXT_OF_A_STEP if hands_on_record(definition) else OWN_TEXT[plainly]
    silent = asks_first(definition.name, analysis.program.catalogue) and returns_nothing(definition)
    fed = [visit for visit in visits if visit.site in sites_in(visit)]
    steps = steps_among([visit for visit in visits if visit.site in answered], set(own), limit)
    words = analysis.program.catalogue.evidence
    most = speaks_of_asking(definition.name, analysis.program.catalogue)
    if any(not visit.repeated for visit in fed) if asked else steps > most:
        return None
    fed_back = {visit.site for visit in fed}
    fed_back |= {visit.site for visit in visits if visit.repeated and is_fed(visit)}
    leads_to: dict[int, frozenset[str]] = {}
    for visit in visits:
        goes_round = visit.repeated and visit.site in fed_back
        if (visit.site not in answered and not silent) or goes_round:
            continue
        if visit.own_prompt or visit.opens:
            continue
        if has_filed_rules(definition, visit, modules_of(analysis, visit), words):
            continue
        if (
            passes_on(visit, set(own), limit, beside.get(visit.site, NO_TEXT))
            or (visit.keeps_conversation and is_answer(result))
            or (
                sends_own_state(definition, visit, set(own), limit)
                and not fills_template(analysis.findings.sites[visit.site].node)
            )
            or (asked and sends_unknown(visit))
        ):
            given = parameters_of(visit)
            leads_to.setdefault(
                visit.site, frozenset(name for number, name in own.items() if number in given)
            )
    if leads_to:
        elsewhere = sites_told_elsewhere(analysis, definition, visits, plainly)
        elsewhere |= sites_told_of_steps(visits, set(own), limit)
        elsewhere |= sites_of_own_templates(analysis, definition, visits, limit)
        leads_to = {site: given for site, given in leads_to.items() if site not in elsewhere}
    given_sites = {visit.site for visit in visits if parameters_of(visit) & set(own)}
    answering = [(number, one) for number, one in enumerate(visits) if one.site in leads_to]
    passing = [
        number
        for number, one in answering
        if passes_on(one, set(own), limit, beside.get(one.site, NO_TEXT))
    ]
    first = next(iter(passing or [number for number, _ in answering]), 0)
    is_program = returns_several(result, given_sites) or any(
        is_own_step(analysis, definition, visit, comes_first=number < first)
        for number, visit in enumerate(visits)
        if parameters_of(visit) & set(own) and (number < first or visit.site not in leads_to)
    )
    is_step = any(
        asks_on_its_way(analysis, definition, visit, limit)
        for visit in visits
        if visit.site in answered - leads_to.keys()
    )
    if not leads_to or is_step or (not asked and is_program):
        return None
    return Wrapper(tuple(leads_to), next(iter(leads_to.values())))


def writes_prompt(analysis: Analysis, definition: FunctionDefinition, visits: list[Visit]) -> bool:
    """Whether a function asks about what it is given in words of its own, more of them than a
    function of its name adds, or by a template that isn't at hand."""
    visits = without_class_rules(analysis.program, definition, visits)
    own = set(analysis.findings.parameters.get(definition, {}).values())
    plainly = asks_by_name(definition.name, analysis.program.catalogue)
    about = [one for one in visits if parameters_of(one) & own]
    passing = {one.site for one in about if passes_on(one, own, OWN_TEXT[plainly])}
    if about and not passing:
        return True
    elsewhere = sites_told_elsewhere(analysis, definition, visits, plainly)
    return passing <= elsewhere and bool(about or elsewhere)


def without_steps(
    analysis: Analysis,
    definition: FunctionDefinition,
    wrapper: Wrapper,
    visits: list[Visit],
    steps: set[FunctionDefinition],
) -> Wrapper | None:
    """A wrapper without the sites that only steps lead to; None where none is left, or where a step
    asks about what the wrapper is given before it does itself."""
    own = set(analysis.findings.parameters.get(definition, {}).values())
    seen = [(visit, not visit.within.isdisjoint(steps)) for visit in visits]
    if not any(is_through for _, is_through in seen):
        return wrapper
    straight = {visit.site for visit, is_through in seen if not is_through}
    sites = tuple(site for site in wrapper.sites if site in straight)
    before = itertools.takewhile(lambda one: one[1] or one[0].site not in sites, seen)
    asks_before = any(
        is_through and not visit.conditional and not is_fed(visit) and parameters_of(visit) & own
        for visit, is_through in before
    )
    return None if asks_before or not sites else dataclasses.replace(wrapper, sites=sites)


def takes_turns(visits: list[Visit]) -> bool:
    """Whether a function asks again with what tools gave that it was answered to ask: it is an
    agent. A conversation that an object keeps may hold what its caller's tools gave."""
    asked: set[int] = set()
    for visit in visits:
        has_tools_answer = any(tells_of_tool(role, part) for role, part in visit.prompt)
        if has_tools_answer and not visit.keeps_conversation and asked & sites_in(visit):
            return True
        asked.add(visit.site)
    return False


def tells_of_tool(role: str, part: Value) -> bool:
    """Whether a message is what a tool gave, by its role or by the words before it: `f"Tool result:
    {found}"`."""
    if role == "tool":
        return True
    texts = (piece.text for piece in part.pieces or () if isinstance(piece, Static))
    return role != "system" and any(map(TOOL_GAVE.search, texts))


TOOL_GAVE = re.compile(
    r"\b(tool|function)s?(['’]s)?[\s_]+(call[\s_]+)?(result|output|response)s?\b[^\w{}.]*$"
    r"|\bobservations?\b[^\w{}.]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""Words that end a line before what a tool gave."""


def is_handed_by_framework(analysis: Analysis, definition: FunctionDefinition) -> bool:
    """Whether a framework calls a method with what others said: what a role does, or a handler of
    messages."""
    return definition in analysis.program.roles.runs or is_handler(definition)


def answers_in(analysis: Analysis, result: Value, visits: list[Visit]) -> set[int]:
    """The sites whose answers a function hands back: in what it returns, or as attributes of an
    object that asks no model itself."""
    sites = [analysis.findings.sites[number] for number in {visit.site for visit in visits}]
    askers = {function.owner for site in sites for function in site.under}
    objects = (
        analysis.memory.object_of(kind.definition, kind.place)
        for kind in result.types
        if isinstance(kind, Instance) and kind.definition not in askers
    )
    held = [result, *(value for box in objects for value in box.fields.values())]
    return {
        site
        for value in held
        for origin in value.all_origins()
        for site, _ in origin.chain
        if site >= 0
    }


def runs_by_name(name: str) -> bool:
    """Whether a function's name says that it runs something: `run_agent_task`."""
    return not RUNNING.isdisjoint(words_of(name)[:1])


RUNNING = frozenset("run arun execute aexecute kickoff".split())
"""First words of the names of functions that run what they are given."""


AGENTS = frozenset("agent assistant bot".split())
"""Words for what has a prompt of its own: a function named after one is that, and asks for none."""


def sites_told_elsewhere(
    analysis: Analysis, definition: FunctionDefinition, visits: list[Visit], plainly: int
) -> set[int]:
    """The sites that are asked with rules or a template of modules or files that aren't at hand; of
    a function whose name speaks of a model, these may be its callers'."""
    words, sites = analysis.program.catalogue.evidence, analysis.findings.sites
    if plainly == 2 or asks_model(definition.name, words):
        return set()
    return {
        visit.site
        for visit in visits
        for modules in [modules_of(analysis, visit)]
        if has_imported_rules(visit, modules)
        or fills_imported(visit, modules, words)
        or fills_filed(definition, visit, sites[visit.site])
    }


def sites_of_own_templates(
    analysis: Analysis, definition: FunctionDefinition, visits: list[Visit], limit: OwnText
) -> set[int]:
    """The sites that a function asks with its own text on one way, and with one of elsewhere on
    another, where one of elsewhere is more than it may add."""
    sites = analysis.findings.sites
    return {
        visit.site
        for visit in visits
        if limit.prompt < FOREIGN
        and chooses_template(definition, visit, sites[visit.site], limit.prompt)
    }


def sites_told_of_steps(visits: list[Visit], own: set[int], limit: OwnText) -> set[int]:
    """The sites that are told what a prompt of the function's own was answered, as a conversation
    that it sums up when it grows too long."""
    steps = {visit.site for visit in visits if is_given_to_own(visit, own, limit)}
    return {visit.site for visit in visits if sites_in(visit) & steps - {visit.site}}


def is_given_to_own(visit: Visit, own: set[int], limit: OwnText) -> bool:
    """Whether what a function is given is part of a prompt of its own."""
    return bool(parameters_of(visit) & own) and not passes_on(visit, own, limit)


def modules_of(analysis: Analysis, visit: Visit) -> list[Module]:
    """The modules of the functions that lead to a site."""
    functions = analysis.findings.sites[visit.site].under
    return [*{function.module.path: function.module for function in functions}.values()]


def steps_among(visits: list[Visit], own: set[int], limit: OwnText) -> int:
    """How many prompts of its own a function makes, in any case, of what was answered before. What
    several providers would be sent is one."""
    asked: set[str] = set()
    for visit in visits:
        said = [value for role, value in visit.prompt if role not in ("system", "assistant")]
        if (visit.repeated and not visit.spread) or visit.conditional or not said:
            continue
        last = pieces_of(said[-1])
        made_of = {site for origin in said[-1].all_origins() for site, _ in origin.chain}
        is_given = bool(made_of & own) and own_text(last, own) <= limit.prompt
        if max(made_of, default=-1) >= 0 and not is_given:
            asked.add(written(last))
    return len(asked)


def speaks_of_asking(name: str, catalogue: Catalogue) -> bool:
    """Whether a function's name has a word of asking that isn't one of running: such a function may
    look at the answer once more."""
    words = catalogue.evidence
    asking = (words.function_strong | words.function_weak) - words.running
    return not asking.isdisjoint(words_of(name))


def is_own_step(
    analysis: Analysis,
    definition: FunctionDefinition,
    visit: Visit,
    *,
    comes_first: bool,
) -> bool:
    """Whether a function asks something of its own about what it is given in any case, itself or
    first of all: it routes, or rewrites a question. What it asks about an answer mends that."""
    site = analysis.findings.sites[visit.site]
    own = set(analysis.findings.parameters.get(definition, {}).values())
    is_sure = site.function is definition and site.condition is None
    return (
        (is_sure or (comes_first and not visit.conditional))
        and not is_fed(visit)
        and not passes_on(visit, own, OWN_TEXT[0])
    )


def asks_on_its_way(
    analysis: Analysis, definition: FunctionDefinition, visit: Visit, limit: OwnText
) -> bool:
    """Whether a function writes a prompt of its own about what it is given on one of its ways:
    `if is_chat: return ask(history)`, `else: return ask(f"{RULES} {told(history)}")`."""
    site = analysis.findings.sites[visit.site]
    own = set(analysis.findings.parameters.get(definition, {}).values())
    is_branch = site.function is definition and site.condition not in (None, HANDLED)
    asks = is_branch and not visit.repeated and not is_fed(visit)
    return asks and bool(parameters_of(visit) & own) and not passes_on(visit, own, limit)


def is_fed(visit: Visit) -> bool:
    """Whether a prompt holds what a model answered before."""
    return max(sites_in(visit), default=-1) >= 0


def parameters_of(visit: Visit) -> set[int]:
    """The parameters, by number, that a prompt is made of."""
    return {number for _, value in visit.prompt for number in parameters_in(value.all_origins())}


def sites_in(visit: Visit) -> set[int]:
    """The sites whose output is part of a prompt."""
    return {
        site
        for _, value in visit.prompt
        for origin in value.all_origins()
        for site, _ in origin.chain
    }


def returns_nothing(definition: FunctionDefinition) -> bool:
    """Whether a function keeps the answer to itself: it writes or prints it."""
    returned = (node.value for node in nodes_of(definition, ast.Return))
    return not definition.is_generator and all(value is None for value in returned)


def returns_name_of_answer(definition: FunctionDefinition) -> bool:
    """Whether a function hands back only the id under which the answer may be fetched."""
    returned = [node.value for node in nodes_of(definition, ast.Return) if node.value is not None]
    named = [node for node in returned if not isinstance(node, ast.Constant)]
    return bool(named) and all(words_of(last_name(held_in(node)))[-1:] == ("id",) for node in named)


def held_in(node: ast.expr) -> ast.expr:
    """What a member is taken from: `ids[0]`."""
    return node.value if isinstance(node, ast.Subscript) else node


def asks_first(name: str, catalogue: Catalogue) -> bool:
    """Whether a function's name begins with a word of asking (`generate_policy`,
    `ask_and_print`)."""
    words = catalogue.evidence
    first = set(words_of(name)[:1])
    return bool(
        first
        & (words.function_strong | words.function_weak)
        - words.running
        - words.function_filler
        - HANDING_OVER
    )


HANDING_OVER = frozenset(("send", "message"))
"""Words of functions that hand something over: one that returns nothing is no wrapper by them."""


def passes_on(visit: Visit, own: set[int], limit: OwnText, beside: OwnText = NO_TEXT) -> bool:
    """Whether a prompt is what the caller gave, with at most a short system message of its own
    beside it, and what is there `beside` both."""
    if not parameters_of(visit) & own:
        return False
    asked, rules = text_beside(visit, own)
    has_rules = rules > beside.rules
    if has_rules and limit == OWN_TEXT[0] and sentences_in(visit, own) >= SEVERAL_SENTENCES:
        return False
    most = OWN_TEXT[0].prompt if chooses_rules(visit) else limit.prompt
    return asked - beside.prompt <= most and rules - beside.rules <= limit.rules


def hands_on_as_it_is(
    analysis: Analysis, definition: FunctionDefinition, wrapper: Wrapper, visits: list[Visit]
) -> bool:
    """Whether a wrapper asks nothing but what its caller gives it, with short rules at most."""
    own = set(analysis.findings.parameters.get(definition, {}).values())
    asking = (visit for visit in visits if visit.site in wrapper.sites)
    return all(passes_on(visit, own, OWN_TEXT[0]) for visit in asking)


def added_on_the_way(
    analysis: Analysis,
    definition: FunctionDefinition,
    outcomes: Mapping[FunctionDefinition, tuple[Value, list[Visit]]],
    found: Mapping[FunctionDefinition, Wrapper],
) -> dict[int, OwnText]:
    """What wrappers add through which a function asks, by site: of each way the least, and of
    wrappers within wrappers the most."""
    added: dict[int, OwnText] = {}
    for visit in outcomes[definition][1]:
        for inner in visit.within & found.keys():
            own = set(analysis.findings.parameters.get(inner, {}).values())
            _, within = outcomes.get(inner, (UNKNOWN, []))
            told = [
                text_beside(one, own)
                for one in within
                if one.site == visit.site and one.site in found[inner].sites
            ]
            if told:
                added[visit.site] = max(min(told), added.get(visit.site, NO_TEXT))
    return {site: text for site, text in added.items() if text != NO_TEXT}


def chooses_rules(visit: Visit) -> bool:
    """Whether a system message is one of a table of constants (`RULES[role]`): with words of its
    own about what it is given beside it, a function is each of these roles."""
    told = [pieces_of(part) for role, part in visit.prompt if role == "system"]
    sources = [piece.source for pieces in told for piece in pieces if isinstance(piece, Hole)]
    return any(
        isinstance(source, ast.Subscript) and last_name(source.value).isupper()
        for source in sources
    )


def fills_given_template(definition: FunctionDefinition) -> bool:
    """Whether a function fills a template that its caller gives (`template.format(text=text)`): it
    may add a sentence about what it sends with it."""
    return any(
        isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in definition.parameters
        and (fills_by_name(node) or replaces_placeholder(node))
        for node in definition.calls
    )


def fills_by_name(node: ast.Call) -> bool:
    """Whether a call fills a text, by the name of its method and because it is given what it fills
    it with: `notes.render(last=4)` only shows them."""
    given = [*node.args, *(word.value for word in node.keywords)]
    is_filled = any(not isinstance(one, ast.Constant) for one in given)
    return is_filled and words_of(last_name(node.func)) in FILLING


def replaces_placeholder(node: ast.Call) -> bool:
    """Whether a call puts something in the place that a text marks: `template.replace("{text}",
    text)`."""
    if last_name(node.func) != "replace" or len(node.args) < 2:
        return False
    marked, put, *_ = node.args
    written = (one.value for one in ast.walk(marked) if isinstance(one, ast.Constant))
    is_marked = any(isinstance(text, str) and PLACEHOLDER.search(text) for text in written)
    return is_marked and not isinstance(put, ast.Constant)


PLACEHOLDER = re.compile(r"[{<$%]|\[\[")
"""Signs that mark the place in a template where something is put."""


def tells_rules(visits: list[Visit]) -> bool:
    """Whether a function asks with rules of its own: who runs it runs an agent."""
    return any(sentences_in(visit) >= SEVERAL_SENTENCES for visit in visits)


def sentences_in(visit: Visit, own: Set[int] = frozenset()) -> int:
    """How many sentences the system messages of a prompt have that are written out at hand; what
    stands behind rules that the function is given, by its `own` parameters, only adds to them."""
    said = [pieces_of(part) for role, part in visit.prompt if role == "system"]
    texts = [
        piece.text
        for pieces in said
        if not begins_with_given(pieces, own)
        for piece in pieces
        if isinstance(piece, Static)
    ]
    return sum(len(SENTENCE_END.findall(text)) for text in texts)


def begins_with_given(pieces: tuple[Piece, ...], own: Set[int]) -> bool:
    """Whether a text begins with what a function is given, by its `own` parameters."""
    first = next(iter(pieces), None)
    return isinstance(first, Hole) and not own.isdisjoint(parameters_in(first.value.all_origins()))


SENTENCE_END = re.compile(r"\w[^\s\w]*[.!?:](?=\s|[A-Z]|$)")
SEVERAL_SENTENCES = 3
"""Assumed: with so many of its own, a function whose name says nothing of asking is a step."""


def sends_own_state(
    definition: FunctionDefinition, visit: Visit, own: set[int], limit: OwnText
) -> bool:
    """Whether a method asks with what its object holds, which may be nothing as yet, and with none
    of its parameters: each call of it is another step."""
    if not definition.takes_self or parameters_of(visit) & own:
        return False
    if limit == OWN_TEXT[0] and sum(text_beside(visit, own)) > limit.prompt:
        return False
    asked = [pieces_of(value) for role, value in visit.prompt if role != "system"]
    filled = [piece.source for pieces in asked for piece in pieces if isinstance(piece, Hole)]
    if not any(asked):
        filled = [node for node in ast.walk(definition.node) if isinstance(node, ast.Attribute)]
    is_own = any(
        isinstance(source, ast.Attribute)
        and isinstance(source.ctx, ast.Load)
        and isinstance(source.value, ast.Name)
        and source.value.id == definition.own_name
        for source in filled
    )
    return is_own and sum(own_text(pieces, set()) for pieces in asked) <= limit.prompt


def fills_template(node: ast.AST) -> bool:
    """Whether a call gives a model a template and what it is filled with:
    `llm.predict(self.template, question=question)`."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    filled = [word.arg for word in node.keywords if word.arg and word.arg not in OPTIONS]
    return last_name(node.func) in PREDICTING and bool(filled)


PREDICTING = frozenset("predict apredict structured_predict astructured_predict".split())
"""Methods of LlamaIndex's models that fill the template that they are given."""


def sends_unknown(visit: Visit) -> bool:
    """Whether nothing of a prompt is written at hand: what was given was lost on the way, as in a
    serializer that sorts messages by their class."""
    asked = [value for role, value in visit.prompt if role != "system"]
    is_traced = any(value.all_origins() for value in asked)
    return bool(asked) and not is_traced and not any(written(pieces_of(one)) for one in asked)


def answer_text(result: Value) -> int:
    """Characters that the function itself adds to the answer."""
    members = (
        []
        if result.box is None
        else [member for member in result.box.members() if member.all_origins()]
    )
    pieces = [piece for value in (result, *members) for piece in value.pieces or ()]
    return sum(len(MARKUP.sub("", piece.text)) for piece in pieces if isinstance(piece, Static))


def returns_several(result: Value, asked: set[int]) -> bool:
    """Whether a function hands back one by one what several calls answered that were `asked` with
    what it was given: it is a program, not a wrapper."""
    members = result.box.members() if result.box is not None and result.box.kind != "list" else ()
    made = [
        {site for origin in member.all_origins() for site, _ in origin.chain if site in asked}
        for member in members
    ]
    return len({frozenset(sites) for sites in made if sites}) > 1


def is_answer(result: Value) -> bool:
    """Whether a function returns the answer itself, perhaps with one thing beside it."""
    return result.box is None or result.box.kind != "tuple" or len(result.box.items) <= 2
