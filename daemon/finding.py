"""What `zpscope check` says: one answer to one question."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One answer."""

    check: str
    grade: Literal["ok", "warn", "fail"]
    words: str
    """What was found and, unless all is well, what to do."""
