"""The pages of both programs' command lines."""

from collections.abc import Iterable, Iterator

from charter_engine.cli import whole_parser
from charter_engine.manual import Argument, ArgumentGroup, ManualPage, pages_of
from charter_tui.cli import whole_parser as whole_console_parser
from scripts.reference.tables import anchor, code, table


def command_lines() -> str:
    """Every command with its options."""
    engine = pages_of(whole_parser(), ("charter-engine",))
    console = pages_of(whole_console_parser(), ("charter-tui",))
    return "".join(
        (
            "# Commands\n\n",
            "Data goes to standard output, everything else to standard error. `charter-engine man "
            "COMMAND` prints the same as a manual page.\n\n",
            *_sections((*engine, *console)),
        )
    )


def _sections(pages: Iterable[ManualPage]) -> Iterator[str]:
    """A section for each page; options that stood before are linked to."""
    shown: dict[ArgumentGroup, str] = {}
    for page in pages:
        title = " ".join(page.words)
        yield f"## {title}\n\n"
        if page.summary and page.summary != page.description:
            yield f"{_sentence(page.summary)}\n\n"
        yield f"    {page.synopsis}\n\n"
        if page.description:
            yield f"{_text(page.description)}\n\n"
        yield table(("command", "what it does"), _rows(page.commands))
        for group in page.groups:
            if group in shown:
                yield f"*{group.title}*: as of [{shown[group]}](#{anchor(shown[group])}).\n\n"
            elif rows := tuple(_rows(group.arguments)):
                yield table((group.title, ""), rows)
                shown[group] = title
        if page.epilog:
            yield f"{_sentence(_text(page.epilog))}\n\n"


def _rows(arguments: Iterable[Argument]) -> Iterator[tuple[str, str]]:
    for argument in arguments:
        if argument.written != "-h, --help":
            yield code(argument.written), _text(argument.about)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _text(text: str) -> str:
    """Words with stars and brackets as they are."""
    return text.replace("*", "\\*").replace("<", "&lt;")
