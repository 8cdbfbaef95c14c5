"""Table 1 of the paper, to the last printed digit, through the command itself; it needs the published values."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from zpscope.config.errors import CohortRefused
from zpscope.config.notice import NOTICE
from zpscope.daemon.command import main
from zpscope.study.table1 import read_table1

# The domain report prints 0.76 for the bootstrap of morphology; see docs/explanation/table1.md.
PRINTED = """
ZP <= 4.9 %: sensitivity 14/14 = 100.0 % (Clopper-Pearson 76.8 to 100, Wilson 78.5 to 100); specificity 16/16
16/16 = 100.0 % (Clopper-Pearson 79.4 to 100, Wilson 80.6 to 100); right 30/30 = 100.0 % (Clopper-Pearson 88.4 to 100)
sensitivity 5/14 = 35.7 % (Clopper-Pearson 12.8 to 64.9, Wilson 16.3 to 61.2)
specificity 12/16 = 75.0 % (Clopper-Pearson 47.6 to 92.7, Wilson 50.5 to 89.8)
right 17/30 = 56.7 % (Clopper-Pearson 37.4 to 74.5)
sensitivity 11/14 = 78.6 % (Clopper-Pearson 49.2 to 95.3, Wilson 52.4 to 92.4)
specificity 6/16 = 37.5 % (Clopper-Pearson 15.2 to 64.6, Wilson 18.5 to 61.4)
sensitivity 0/14 = 0.0 % (Clopper-Pearson 0 to 23.2, Wilson 0 to 21.5)
right 16/30
AUC predicted_zp_binding_pct: 1.000
AUC raw_morphology_pct: 0.554
AUC morphology, bootstrap: 95 % 0.35 to 0.75
J = 1.00 for any cut from 4.4 to below 5 (
J = 0.16 at most
13 against 0 discordant, exact P = 0.00024
26.28 +- 4.04 SEM (n = 16, SD 16.18, median 22.75, Shapiro P = 0.46)
2.60 +- 0.35 SEM (n = 14, SD 1.31, median 2.9, Shapiro P = 0.53)
Student P = 8.1e-06, Welch P = 3.1e-05, Mann-Whitney P = 1.4e-08
all: rho = 0.77
high: rho = -0.19
low: rho = 0.35
chance 0.037 if
SD 0.95 points at 2.6 % and 282 heads
chi-square P = 0.056
103/3948 = 2.6 % (Clopper-Pearson 2.1 to 3.2
at 282 heads: patients 10, 11, 18, 19, 20, 22, 24, 27, 28, 29
at 1000 heads: patients 10, 19, 20, 22, 24, 27
again at 200 heads: chance 0.07
again at 282 heads: chance 0.11
again at 400 heads: chance 0.17
again at 1000 heads: chance 0.35
again at 2000 heads: chance 0.47
patient 10 at 282 heads: Wilson 3.0 to 8.2 %
27/30 = 90.0 % (Clopper-Pearson 73.5 to 97.9
50/56 = 89.3 % (Clopper-Pearson 78.1 to 96.0
120/123 = 97.6 % (Clopper-Pearson 93.0 to 99.5
143/149 = 96.0 % (Clopper-Pearson 91.4 to 98.5
Firth (the groups do not overlap)
patient 23: processed progressive and nonprogressive motility add up to 114 %
patient 30: the same raw semen values as patient 15
patients 2, 3, 10, 12, 18, 22, 25, 27, 29: morphology below 4 %
"""


@pytest.fixture(scope="module")
def table(data: Path) -> Path:
    return data / "paper" / "table1.csv"


def test_every_printed_digit(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "table1", str(table)]) == 0
    printed = capsys.readouterr().out
    text = "\n".join(": ".join(line.split("  ", 1)).replace(":  ", ": ") for line in printed.splitlines())
    text = "\n".join(" ".join(line.split()) for line in text.splitlines())
    for words in PRINTED.strip().splitlines():
        assert words in text, words
    assert printed.endswith(f"{NOTICE}\n")


def test_no_other_semen_value_tells_the_groups_apart(table: Path) -> None:
    """Where the domain report rounds to 0.40-0.65, the least and the greatest area are these."""
    areas = {name: (one.area, p) for name, (one, p) in read_table1(table).areas.items()}
    del areas["predicted_zp_binding_pct"]
    assert round(min(area for area, _ in areas.values()), 2) == 0.40
    assert round(max(area for area, _ in areas.values()), 2) == 0.65
    assert min(p for _, p in areas.values()) > 0.05


def test_the_middle_of_the_table_has_no_place_in_it(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "table1.csv"
    path.write_text(table.read_text("utf-8").replace("88.9,High", "60,Intermediate"), "utf-8")
    with pytest.raises(
        CohortRefused, match=r"line 8: ivf_fertilization_rate_pct is 60: Table 1 has no interm"
    ):
        read_table1(path)


def test_whole_numbers_behind_printed_percentages() -> None:
    """Of 86 men, and of the 272 images that the paper's validation split has, only one way each rounds to print."""

    def printed(k: int, n: int) -> float:
        return round(1000 * k / n) / 10

    def ways(n: int, sensitivity: float, specificity: float) -> list[tuple[int, int, int, int]]:
        return [
            (k, sick, right, n - sick)
            for sick in range(1, n)
            for k in range(sick + 1)
            if printed(k, sick) == sensitivity
            for right in range(n - sick + 1)
            if printed(right, n - sick) == specificity
        ]

    assert ways(86, 90.0, 89.3) == [(27, 30, 50, 56)]
    images = [
        (tp, bound, tn, unbound)
        for tp, bound, tn, unbound in ways(272, 97.6, 96.0)
        if printed(tp + tn, 272) == 96.7 and printed(tp, tp + unbound - tn) == 95.2
    ]
    assert images == [(120, 123, 143, 149)]


def test_threshold_and_groups_as_json_and_as_figures(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plots = tmp_path / "plots"
    for question in ("threshold", "groups"):
        drawn: list[dict[str, bytes]] = []
        for _ in range(2):
            assert main(["study", question, str(table), "--json", "--plots", str(plots)]) == 0
            drawn.append({path.name: path.read_bytes() for path in plots.iterdir()})
        assert drawn[0] == drawn[1]
        answer, again = (json.loads(line) for line in capsys.readouterr().out.splitlines())
        assert answer == again
        assert answer["notice"] == NOTICE
    assert {path.suffix for path in plots.iterdir()} == {".png", ".svg"}
    svg = (plots / "threshold-roc.svg").read_text("utf-8")
    assert 'href="http' not in svg


@pytest.mark.parametrize("library", ["scipy", "matplotlib"])
def test_an_extra_that_is_absent_is_named(library: str) -> None:
    program = (
        f"import sys; sys.modules['{library}'] = None; from zpscope.daemon.command import main; "
        "sys.exit(main(['study', 'groups', 'cohort.csv']))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert re.fullmatch(
        rf"zpscope: zpscope study needs {library}\S*, which is not installed: pip install 'zpscope\[study\]'\n",
        run.stderr,
    )
