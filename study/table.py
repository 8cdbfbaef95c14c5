"""A CSV of patients or slides in, checked columns out. Every row that will not do is named, one line each.

Knows files and numbers; knows nothing of what they mean.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from zpscope.config.errors import CohortRefused

_SHOWN = 20
"""So many bad values are named one by one."""


@dataclass
class Table:
    """The rows of one CSV, and what is wrong with them."""

    path: Path
    rows: list[dict[str, str]]
    lines: list[int]
    """Where each row stands in the file, from 1."""
    columns: tuple[str, ...]
    problems: list[str] = field(default_factory=list[str])

    def reject(self, row: int, problem: str) -> None:
        """Note what is wrong with a row."""
        self.problems.append(f"{self.path}, line {self.lines[row]}: {problem}")

    def texts(self, name: str) -> list[str]:
        """Return a column of words; an empty cell is a problem."""
        for row, cells in enumerate(self.rows):
            if not cells[name]:
                self.reject(row, f"{name} is missing")
        return [cells[name] for cells in self.rows]

    def numbers(self, name: str, low: float = 0, high: float = 100) -> list[float]:
        """Return a column of numbers from `low` to `high`; what is no such number is a problem, and 0 here."""
        return [self._number(row, name, low, high) for row in range(len(self.rows))]

    def counts(self, name: str, most: int) -> list[int]:
        """Return a column of whole numbers from 0 to `most`."""
        values = self.numbers(name, 0, most)
        for row, value in enumerate(values):
            if value != int(value):
                self.reject(row, f"{name} is {self.rows[row][name]}, but must be a whole number")
        return [int(value) for value in values]

    def check(self) -> None:
        """Raise CohortRefused if anything is wrong, with a line for each."""
        if self.problems:
            more = len(self.problems) - _SHOWN
            shown = self.problems[:_SHOWN] + [f"{self.path}: and {more} more like these"] * (more > 0)
            raise CohortRefused("\n".join(shown))

    def _number(self, row: int, name: str, low: float, high: float) -> float:
        text = self.rows[row][name]
        if not text:
            self.reject(row, f"{name} is missing")
            return 0
        try:
            value = float(text)
        except ValueError:
            hint = ": write a decimal point, not a comma" if "," in text else ""
            self.reject(row, f"{name} is {text!r}, which is not a number{hint}")
            return 0
        if not isfinite(value) or not low <= value <= high:
            self.reject(row, f"{name} is {text}, but must be from {low:g} to {high:g}")
            return 0
        return value


def read_table(path: Path, required: Sequence[str]) -> Table:
    """Return the rows of a CSV with a header line; raise CohortRefused if it is none, or lacks a column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="", strict=True)
            read = [(reader.line_num, cells) for cells in reader]
            names = tuple(name.strip() for name in reader.fieldnames or ())
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): give a CSV file"
        raise CohortRefused(msg) from error
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} is not a CSV file in UTF-8 ({error}): save it as such"
        raise CohortRefused(msg) from error
    missing = [name for name in required if name not in names]
    if missing:
        found = ", ".join(names) or "nothing"
        msg = f"{path} has no column {', '.join(missing)}: its first line names {found}; name columns, parted by commas"
        raise CohortRefused(msg)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        msg = f"{path} has the column {', '.join(twice)} twice: keep one"
        raise CohortRefused(msg)
    table = Table(path, [], [], names)
    for line, cells in read:
        if not any(_text(cell) for cell in cells.values()):
            continue
        table.lines.append(line)
        table.rows.append({name.strip(): _text(cell) for name, cell in cells.items()})
        if "" in cells and "" not in names:
            table.reject(
                len(table.rows) - 1, "it has more cells than the first line: quote cells with commas"
            )
    if not table.rows:
        msg = f"{path} has no rows: give one line a patient or slide under the line of names"
        raise CohortRefused(msg)
    return table


def _text(cell: str | list[str]) -> str:
    return " ".join(cell).strip() if isinstance(cell, list) else cell.strip()
