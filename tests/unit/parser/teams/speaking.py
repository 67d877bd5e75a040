"""What is looked at of a team's calls: what each is told, and which are repeated."""

from charter_engine.contracts.graph import CompiledFile


def said(file: CompiledFile, line: int) -> list[tuple[str | None, str, bool]]:
    """The segments of the call in a line: role, text or name, and whether every turn leaves one."""
    call = next(call for call in file.calls if call.line == line)
    return [(part.role, part.text or part.name, part.each_turn) for part in call.segments]


def turning(file: CompiledFile) -> list[int]:
    return [call.line for call in file.calls if call.repeated_by]
