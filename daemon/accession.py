"""Which words may stand for a sample: a pseudonymous code, and nothing that looks like a person. Pure."""

import re
from collections.abc import Iterable

from zpscope.config.errors import CommandRefused

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DATES = (
    re.compile(r"(?<!\d)((?:19|20)\d\d)[-._]?(?:0[1-9]|1[0-2])[-._]?(?:0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(r"(?<!\d)(?:0?[1-9]|[12]\d|3[01])[-._](?:0?[1-9]|1[0-2])[-._]((?:19|20)\d\d)(?!\d)"),
    re.compile(r"(?<!\d)(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])((?:19|20)\d\d)(?!\d)"),
)
_CHILD_YEARS = 12
"""Nobody whose sperm are looked at was born later; a younger date is one of the laboratory's own."""

_NO_NAMES = frozenset(
    "batch case control demo donor negative patient positive reference sample semen slide smear specimen sperm study "
    "test".split()
)


def checked(accession: str, this_year: int, no_names: Iterable[str] = ()) -> str:
    """Return the accession if it will do; raise CommandRefused, saying what is wrong with it.

    no_names: words that may stand in it though they look like names, as that of a clinic does; in any case.
    """
    if not _CODE.fullmatch(accession):
        msg = (
            f"accession {accession!r} will not do: give a pseudonymous code of 1 to 64 letters, digits, "
            "dots, dashes and underscores, never a name"
        )
        raise CommandRefused(msg)
    if any(int(year) <= this_year - _CHILD_YEARS for date in _DATES for year in date.findall(accession)):
        msg = "the accession holds what may be a date of birth: give a code that says nothing of the person"
        raise CommandRefused(msg)
    harmless = _NO_NAMES | {word.lower() for word in no_names}
    for word in re.findall(r"[A-Za-z]+", accession):
        short = len(word) < 3 or (len(word) < 5 and word.isupper())
        if not short and word.lower() not in harmless:
            msg = (
                f"the accession looks like a name: give a pseudonymous code; if {word!r} names nobody, add it to "
                "specimen.no_names"
            )
            raise CommandRefused(msg)
    return accession
