"""Moments in a prompt: times of day and dates."""

import re

from charter_engine.traffic.causes.difference import TextDifference

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_DATE = (
    rf"\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}}"
    rf"|(?:{_DAY},? )?{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?"
    rf"|(?:{_DAY},? )?\d{{1,2}}\.? {_MONTH}(?:,? \d{{4}})?|{_DAY}"
)
_ZONE = r"(?: ?(?:Z\b|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?"
_EPOCH = r"\b1[5-9]\d{8}(?:\d{3}){0,3}(?:\.\d+)?\b"
TIME = re.compile(rf"(?:(?:{_DATE})[T ,]+(?:at )?)?{_CLOCK}{_ZONE}|{_EPOCH}")
DATE = re.compile(_DATE)


def time_stamp(difference: TextDifference) -> str:
    """A time of day that is another in each prompt."""
    return _shown(difference.both(TIME))


def date(difference: TextDifference) -> str:
    """A date that is another in each prompt."""
    return _shown(difference.both(DATE))


def _shown(found: tuple[str, str] | None) -> str:
    return f"{found[0]!r} stood there, {found[1]!r} stands there now" if found else ""
