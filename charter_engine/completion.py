"""Completions for bash, zsh and fish, out of the very parser that reads a command line."""

import argparse
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

Shell = Literal["bash", "zsh", "fish"]
SHELLS: Final[tuple[Shell, ...]] = get_args(Shell)
FILES: Final = frozenset(
    ("FILE", "PATH", "DIR", "DIRECTORY", "AGENT", "SOCKET", "PLAN", "RECORDING")
)
"""What an argument is called whose value is the name of a file."""


@dataclass(frozen=True)
class Option:
    """An option by its names; `value` is what its value is called, empty for a switch."""

    names: tuple[str, ...]
    about: str
    value: str = ""
    choices: tuple[str, ...] = ()

    @property
    def takes_file(self) -> bool:
        """Whether its value is the name of a file."""
        return self.value in FILES


@dataclass(frozen=True)
class Level:
    """What can be written behind the words of `path`: commands, options, and names of files."""

    path: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    options: tuple[Option, ...]
    choices: tuple[str, ...]
    files: bool


def completion(shell: Shell, program: str, parser: argparse.ArgumentParser) -> str:
    """The script that makes a shell complete a program's command lines."""
    levels = tuple(levels_of(parser))
    made = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    return made(program, levels)


def levels_of(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[Level]:
    """A parser and those of its commands, outermost first."""
    commands: dict[str, argparse.ArgumentParser] = {}
    abouts: list[tuple[str, str]] = []
    options: list[Option] = []
    choices: list[str] = []
    files = False
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            commands |= action.choices
            abouts += [(one.dest, _plain(one.help)) for one in action._choices_actions]
        elif action.option_strings and action.help != argparse.SUPPRESS:
            options.append(_option(action))
        elif not action.option_strings:
            choices += map(str, action.choices or ())
            files = files or _called(action) in FILES
    yield Level(path, tuple(abouts), tuple(options), tuple(choices), files)
    for name, below in commands.items():
        yield from levels_of(below, (*path, name))


def _option(action: argparse.Action) -> Option:
    takes = action.nargs != 0
    return Option(
        names=tuple(action.option_strings),
        about=_plain(action.help),
        value=_called(action) if takes else "",
        choices=tuple(map(str, action.choices or ())) if takes else (),
    )


def _called(action: argparse.Action) -> str:
    return action.metavar if isinstance(action.metavar, str) else action.dest.upper()


def _plain(text: str | None) -> str:
    """A help text in one line, without what a shell would read in it."""
    return " ".join((text or "").replace("%%", "%").split())


def _function(program: str) -> str:
    return f"_{program.replace('-', '_')}"


def _words(level: Level) -> list[str]:
    names = [name for option in level.options for name in option.names]
    return [*(name for name, _ in level.commands), *level.choices, *names]


def _bash(program: str, levels: Sequence[Level]) -> str:
    commands = [" ".join(level.path) for level in levels if level.path]
    lines = [
        f"# bash: source <({program} completions bash)",
        f"{_function(program)}() {{",
        '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        '    local path="" at',
        "    for ((at = 1; at < COMP_CWORD; at++)); do",
        '        case "${path:+$path }${COMP_WORDS[at]}" in',
        f"            {'|'.join(map(_quoted, commands))})" if commands else "            '')",
        '                path="${path:+$path }${COMP_WORDS[at]}" ;;',
        "        esac",
        "    done",
        '    case "$path|$before" in',
    ]
    for level in levels:
        for option in level.options:
            if option.value:
                places = "|".join(_quoted(f"{' '.join(level.path)}|{one}") for one in option.names)
                lines.append(f"        {places}) {_bash_value(option)}; return ;;")
    lines += ["    esac", '    case "$path" in']
    for level in levels:
        files = ' $(compgen -f -- "$word")' if level.files else ""
        words = _quoted(" ".join(_words(level)))
        lines.append(
            f"        {_quoted(' '.join(level.path))}) "
            f'COMPREPLY=($(compgen -W {words} -- "$word"){files}) ;;'
        )
    name = _function(program)
    return "\n".join((*lines, "    esac", "}", f"complete -o filenames -F {name} {program}", ""))


def _bash_value(option: Option) -> str:
    if option.choices:
        return f'COMPREPLY=($(compgen -W {_quoted(" ".join(option.choices))} -- "$word"))'
    return 'COMPREPLY=($(compgen -f -- "$word"))' if option.takes_file else "COMPREPLY=()"


def _quoted(text: str) -> str:
    return shlex.quote(text) if text else "''"


def _zsh(program: str, levels: Sequence[Level]) -> str:
    lines = [f"#compdef {program}", f"# zsh: {program} completions zsh > ~/.zfunc/_{program}"]
    for level in levels:
        lines += _zsh_level(program, level)
    name = _function(program)
    call = f'[ "$funcstack[1]" = "{name}" ] && {name} "$@" || compdef {name} {program}'
    return "\n".join((*lines, call, ""))


def _zsh_level(program: str, level: Level) -> list[str]:
    name = "_".join((_function(program), *level.path)).replace("-", "_")
    arguments = [_quoted(spec) for option in level.options for spec in _zsh_option(option)]
    if level.choices:
        arguments.append(_quoted(f"*: :({' '.join(level.choices)})"))
    elif level.files:
        arguments.append(_quoted("*:file:_files"))
    if not level.commands:
        return [f"{name}() {{", f"    _arguments {' '.join(arguments)}", "}"]
    described = " ".join(_quoted(f"{one}:{_zsh_text(about)}") for one, about in level.commands)
    arguments += [_quoted("1: :->command"), _quoted("*:: :->rest")]
    cases = [f"            {one}) {name}_{one.replace('-', '_')} ;;" for one, _ in level.commands]
    return [
        f"{name}() {{",
        "    local state line",
        f"    local -a commands=({described})",
        f"    _arguments -C {' '.join(arguments)}",
        "    case $state in",
        "        command) _describe command commands ;;",
        "        rest) case $words[1] in",
        *cases,
        "        esac ;;",
        "    esac",
        "}",
    ]


def _zsh_option(option: Option) -> Iterator[str]:
    if not option.value:
        value = ""
    elif option.choices:
        value = f":{option.value}:({' '.join(option.choices)})"
    else:
        value = f":{option.value}:{'_files' if option.takes_file else ' '}"
    for name in option.names:
        yield f"{name}[{_zsh_text(option.about)}]{value}"


def _zsh_text(text: str) -> str:
    for sign in ("\\", "[", "]", ":"):
        text = text.replace(sign, f"\\{sign}")
    return text


def _fish(program: str, levels: Sequence[Level]) -> str:
    lines = [f"# fish: {program} completions fish > ~/.config/fish/completions/{program}.fish"]
    for level in levels:
        known = " ".join(name for name, _ in level.commands)
        seen = " ".join(f"__fish_seen_subcommand_from {word};" for word in level.path)
        where = seen.replace("; __", "; and __").rstrip(";")
        if known:
            unseen = f"not __fish_seen_subcommand_from {known}"
            where = f"{where}; and {unseen}" if where else unseen
        condition = f" -n {_quoted(where)}" if where else ""
        begin = f"complete -c {program}{condition}"
        if not level.files:
            lines.append(f"{begin} -f")
        lines += [f"{begin} -f -a {name} -d {_quoted(about)}" for name, about in level.commands]
        lines += [f"{begin} -f -a {_quoted(choice)}" for choice in level.choices]
        lines += [f"{begin} {_fish_option(option)}" for option in level.options]
    return "\n".join((*lines, ""))


def _fish_option(option: Option) -> str:
    parts = [
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
    ]
    if option.value:
        parts.append("-r" if option.takes_file else "-x")
    if option.choices:
        parts.append(f"-a {_quoted(' '.join(option.choices))}")
    return " ".join((*parts, f"-d {_quoted(option.about)}"))
