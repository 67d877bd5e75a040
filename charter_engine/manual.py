"""Manual pages out of the very parser that reads a command line: as records, and in roff."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Argument:
    """An option or a word of a command line as it is written, and what it is about."""

    written: str
    about: str


@dataclass(frozen=True)
class ArgumentGroup:
    """Arguments that belong together, under their title."""

    title: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class ManualPage:
    """A program, or one of its commands by the `words` that ask for it."""

    words: tuple[str, ...]
    summary: str
    synopsis: str
    description: str
    commands: tuple[Argument, ...]
    groups: tuple[ArgumentGroup, ...]
    epilog: str

    @property
    def name(self) -> str:
        """What man(1) finds it by, such as `charter-engine-push`."""
        return "-".join(self.words)


def pages_of(
    parser: argparse.ArgumentParser, words: tuple[str, ...], summary: str = ""
) -> Iterator[ManualPage]:
    """The page of a parser, and those of its commands, outermost first."""
    below: dict[str, argparse.ArgumentParser] = {}
    commands: list[Argument] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below |= action.choices
            commands += [Argument(one.dest, _plain(one.help)) for one in action._choices_actions]
    formatter = argparse.HelpFormatter(" ".join(words))
    yield ManualPage(
        words=words,
        summary=summary or _plain(parser.description),
        synopsis=_synopsis(parser, words),
        description=_plain(parser.description),
        commands=tuple(commands),
        groups=tuple(_groups(parser, formatter)),
        epilog=_plain(parser.epilog),
    )
    abouts = {command.written: command.about for command in commands}
    for name, one in below.items():
        yield from pages_of(one, (*words, name), abouts.get(name, ""))


def roff(page: ManualPage, version: str) -> str:
    """A page in the macros of man(7)."""
    title = page.name.upper()
    lines = [f'.TH {title} 1 "" "Charter {version}" "Charter"', ".SH NAME"]
    lines += [_escaped(f"{page.name} - {page.summary}"), ".SH SYNOPSIS", _escaped(page.synopsis)]
    if page.description:
        lines += [".SH DESCRIPTION", _escaped(page.description)]
    if page.commands:
        lines += [".SH COMMANDS", *_listed(page.commands)]
    for group in page.groups:
        lines += [f'.SH "{_escaped(group.title.upper())}"', *_listed(group.arguments)]
    if page.epilog:
        lines += [".SH NOTES", _escaped(page.epilog)]
    if len(page.words) > 1:
        lines += [".SH SEE ALSO", _escaped(f"{'-'.join(page.words[:-1])}(1)")]
    return "\n".join((*lines, ""))


def _listed(arguments: tuple[Argument, ...]) -> Iterator[str]:
    for argument in arguments:
        yield from (".TP", f".B {_escaped(argument.written)}", _escaped(argument.about))


def _groups(
    parser: argparse.ArgumentParser, formatter: argparse.HelpFormatter
) -> Iterator[ArgumentGroup]:
    for group in parser._action_groups:
        shown = [
            Argument(_written(action), _about(action, formatter))
            for action in group._group_actions
            if not isinstance(action, argparse._SubParsersAction)
            and action.help != argparse.SUPPRESS
        ]
        if shown:
            title = group.title or "options"
            yield ArgumentGroup(title.removeprefix("positional "), tuple(shown))


def _about(action: argparse.Action, formatter: argparse.HelpFormatter) -> str:
    return _plain(formatter._expand_help(action)) if action.help else ""


def _synopsis(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> str:
    program = " ".join(words)
    if parser.usage:
        return parser.usage % {"prog": program}
    placed = [_placed(action) for action in parser._actions if not action.option_strings]
    return " ".join((program, "[option …]", *placed))


def _placed(action: argparse.Action) -> str:
    """A word of the command line, with brackets where it may be left out."""
    if isinstance(action, argparse._SubParsersAction):
        return _called(action)
    shape = {"?": "[{}]", "*": "[{} …]", "+": "{} …"}.get(str(action.nargs), "{}")
    return shape.format(_called(action))


def _written(action: argparse.Action) -> str:
    if not action.option_strings:
        return _called(action)
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 else f"{names} {_called(action)}"


def _called(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None and not isinstance(action, argparse._SubParsersAction):
        return "|".join(map(str, action.choices))
    return action.dest.upper()


def _plain(text: str | None) -> str:
    """A help text in one line."""
    return " ".join((text or "").split())


def _escaped(text: str) -> str:
    """Text that roff prints as it is (groff_char(7))."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe
