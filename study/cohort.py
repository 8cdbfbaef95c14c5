"""Patients with their percentage and their fertilization: what a cohort study knows.

Groups by fertilization rate are those of Leung et al. 2025, made whole: low up to 40 %, intermediate above that and
up to 70 %, high above 70 % (the paper prints 0-40, 41-70, 71-100 and leaves what lies between undefined).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zpscope.study.table import Table, read_table

Group = Literal["low", "intermediate", "high"]
GROUPS: tuple[Group, ...] = ("low", "intermediate", "high")
ENDS: tuple[Group, Group] = ("low", "high")
"""The groups that are told apart."""
PATIENT, PERCENT, RATE = "patient", "predicted_zp_binding_pct", "ivf_fertilization_rate_pct"
_PRINTED_GROUP = "fertilization_group"
_LOW_UP_TO, _INTERMEDIATE_UP_TO = 40, 70


@dataclass(frozen=True)
class Cohort:
    """One value a patient in every column, in the order of the file."""

    patients: tuple[str, ...]
    percent: NDArray[np.float64]
    """Predicted ZP-binding, %."""
    rate: NDArray[np.float64]
    """IVF fertilization rate, %."""
    groups: tuple[Group, ...]

    def of(self, group: Group) -> NDArray[np.bool_]:
        """Return which patients are of a group."""
        return np.array([one == group for one in self.groups])


def group_of(rate: float) -> Group:
    """Return the group of a fertilization rate in percent."""
    if rate <= _LOW_UP_TO:
        return "low"
    return "intermediate" if rate <= _INTERMEDIATE_UP_TO else "high"


def read_cohort(path: Path) -> Cohort:
    """Return the cohort of a CSV; raise CohortRefused with a line for every row that will not do."""
    table = read_table(path, (PATIENT, PERCENT, RATE))
    cohort = cohort_of(table)
    table.check()
    return cohort


def cohort_of(table: Table) -> Cohort:
    """Return the cohort of a table, and note the rows that will not do."""
    patients = table.texts(PATIENT)
    for row, name in enumerate(patients):
        if name and name in patients[:row]:
            table.reject(row, f"patient {name} is in line {table.lines[patients.index(name)]} already")
    percent, rate = table.numbers(PERCENT), table.numbers(RATE)
    groups: tuple[Group, ...] = tuple(group_of(one) for one in rate)
    if _PRINTED_GROUP in table.columns:
        for row, (group, cells) in enumerate(zip(groups, table.rows, strict=True)):
            printed = cells[_PRINTED_GROUP]
            if printed.lower() != group:
                table.reject(
                    row, f"{_PRINTED_GROUP} is {printed!r}, but a rate of {cells[RATE]} % is {group!r}"
                )
    return Cohort(tuple(patients), np.array(percent), np.array(rate), groups)
