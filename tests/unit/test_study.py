"""The statistics of a study against published worked values, which no code of this project made."""

from math import log
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, special

from zpscope.config.errors import CohortRefused
from zpscope.study.accuracy import Share, accuracy, clopper_pearson, mcnemar
from zpscope.study.answers import ANSWERS
from zpscope.study.cohort import group_of, read_cohort
from zpscope.study.groups import difference, summary
from zpscope.study.logistic import logistic, separated
from zpscope.study.replicates import read_replicates, reproducibility
from zpscope.study.roc import area, best_cuts, spread_of_cut

# Albumin, total protein, K-G score and whether surgery helped, of 43 women: DeLong et al. 1988, as SAS/STAT prints them
# with the areas, standard errors and intervals of Example "Comparing Receiver Operating Characteristic Curves".
OVARIAN = np.array(
    """3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1
    3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0
    4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1
    4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1
    2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1""".split(),
    float,
).reshape(-1, 4)


@pytest.mark.parametrize(
    ("column", "sign", "printed"),
    [
        (0, 1, (0.7366, 0.0927, 0.5549, 0.9182)),
        (1, 1, (0.6478, 0.1000, 0.4518, 0.8439)),
        (2, -1, (0.7258, 0.1028, 0.5243, 0.9273)),
    ],
)
def test_delong_s_own_patients(column: int, sign: int, printed: tuple[float, ...]) -> None:
    values, helped = sign * OVARIAN[:, column], OVARIAN[:, 3] == 1
    found = area(values[~helped], values[helped])
    assert found.interval
    assert (round(found.area, 4), round(found.se, 4), *(round(one, 4) for one in found.interval)) == printed


def test_groups_apart_have_no_delong_interval() -> None:
    assert area(np.array([1.0, 2.0]), np.array([3.0, 4.0])).interval is None


# R. Newcombe, Statistics in Medicine 17 (1998) 857-872, Table I: Wilson and Clopper-Pearson.
@pytest.mark.parametrize(
    ("k", "n", "wilson", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_newcombe_s_intervals(
    k: int, n: int, wilson: tuple[float, float], exact: tuple[float, float]
) -> None:
    assert tuple(round(one, 4) for one in clopper_pearson(k, n)) == exact
    assert tuple(round(one / 100, 4) for one in Share(k, n).wilson) == wilson


# The hours that 20 students learned, and whether they passed: the worked example of Wikipedia's "Logistic regression".
HOURS = np.array(
    [0.5, 0.75, 1, 1.25, 1.5, 1.75, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 4, 4.25, 4.5, 4.75, 5, 5.5]
)
PASSED = np.array([0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1], bool)


def test_maximum_likelihood_of_a_published_example() -> None:
    found = logistic(HOURS, PASSED)
    assert found.method == "maximum likelihood"
    assert round(found.intercept, 4) == -4.0777
    assert round(found.slope, 4) == 1.5046
    assert found.p == pytest.approx(0.000636, abs=1e-6)


def test_firth_adds_half_a_patient_to_every_cell() -> None:
    """For two values of x, Firth's estimate is known in closed form (Firth 1993, section 3.3: logits of k + 1/2)."""
    x, outcome = np.repeat([0.0, 1.0], [7, 9]), np.array([1] * 3 + [0] * 4 + [1] * 9, bool)
    found = logistic(x, outcome, "Firth")
    assert found.intercept == pytest.approx(log(3.5 / 4.5), abs=1e-6)
    assert found.slope == pytest.approx(log(9.5 / 0.5) - log(3.5 / 4.5), abs=1e-6)


def test_firth_solves_his_score_equations() -> None:
    """The modified score (Firth 1993): residuals plus leverages times 1/2 - p, set to zero by another solver."""
    x, outcome = np.array([1.0, 2, 3, 5, 6, 8, 9]), np.array([0, 0, 0, 1, 1, 1, 1], bool)
    design = np.column_stack([np.ones(7), x])

    def score(
        at: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        share = special.expit(design @ at)
        root = np.sqrt(share * (1 - share))[:, None] * design
        leverage = np.einsum("ij,jk,ik->i", root, np.linalg.inv(root.T @ root), root)
        return np.asarray(design.T @ (outcome - share + leverage * (0.5 - share)), np.float64)

    solved = optimize.root(score, np.array([-3.0, 0.8])).x
    found = logistic(x, outcome)
    assert found.method == "Firth"
    assert [found.intercept, found.slope] == pytest.approx(solved, abs=1e-5)
    assert found.interval[0] < found.slope < found.interval[1]


def test_the_method_follows_from_the_overlap() -> None:
    assert separated(np.array([1.0, 2, 2, 3]), np.array([0, 0, 1, 1], bool))
    assert not separated(np.array([1.0, 2, 1.5, 3]), np.array([0, 0, 1, 1], bool))
    with pytest.raises(ValueError, match="both outcomes"):
        logistic(np.array([1.0, 2.0]), np.array([True, True]))


def test_youden_s_cut_is_a_whole_gap() -> None:
    (cut,) = best_cuts(np.array([1.0, 2, 4.4]), np.array([5.0, 9]))
    assert (cut.youden, cut.low, cut.high) == (1, 4.4, 5)


def test_the_bootstrap_is_the_same_each_time() -> None:
    low, high = np.array([1.0, 2, 4.4, 6]), np.array([5.0, 9, 12])
    one, other = (spread_of_cut(low, high, seed=7, draws=200) for _ in range(2))
    assert one.interval == other.interval
    assert one.optimism >= 0
    assert spread_of_cut(low, high, seed=8, draws=200).cuts.tolist() != one.cuts.tolist()


def test_accuracy_and_mcnemar_count_patients() -> None:
    called, sick = np.array([1, 1, 0, 0, 1], bool), np.array([1, 1, 1, 0, 0], bool)
    found = accuracy(called, sick)
    assert (found.sensitivity, found.specificity, found.right) == (Share(2, 3), Share(1, 2), Share(3, 5))
    assert mcnemar(called == sick, sick == sick) == (0, 2, 0.5)


def test_mann_whitney_without_overlap_is_a_count_of_orders() -> None:
    """Of the 10 ways to take 3 of 5 ranks, two are the most extreme: P = 0.2, ties within a group or not."""
    assert difference(np.array([1.0, 1.0, 2.0]), np.array([5.0, 6.0])).mann_whitney_p == pytest.approx(0.2)
    assert summary(np.array([4.0])).sem is None


def test_values_that_are_all_alike_have_no_t_test() -> None:
    found = difference(np.array([2.0, 2.0, 2.0]), np.array([5.0, 6.0, 7.0]))
    assert (found.student_p, found.welch_p, found.chosen) == (None, None, "Mann-Whitney")
    assert found.p == pytest.approx(0.1)


def test_gaps_between_the_printed_groups_are_closed() -> None:
    assert [group_of(rate) for rate in (0, 40, 40.5, 70, 70.5, 100)] == [
        "low",
        "low",
        "intermediate",
        "intermediate",
        "high",
        "high",
    ]


def test_two_slides_that_are_alike_and_two_that_are_not() -> None:
    found = reproducibility({"A": {"1": Share(20, 200), "2": Share(20, 200)}})
    assert found.sd_percent == 0
    assert found.p == 1
    assert found.samples[0].pairs[0].agree
    # Two slides: Pearson's chi-square of the 2 x 2 table 10/200, 30/200 is 11.111, without correction.
    apart = reproducibility({"B": {"1": Share(10, 200), "2": Share(30, 200)}})
    assert apart.p == pytest.approx(0.000858, abs=1e-6)
    assert not apart.samples[0].pairs[0].agree


BAD = """patient,predicted_zp_binding_pct,ivf_fertilization_rate_pct
1,12.5,80
2,,90
3,"4,9",20
4,104,20
4,3,nan
5,3,20,7
"""


def test_every_bad_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text(BAD, "utf-8")
    with pytest.raises(CohortRefused) as refused:
        read_cohort(path)
    lines = str(refused.value).splitlines()
    assert len(lines) == 6
    for line, words in (
        (3, "predicted_zp_binding_pct is missing"),
        (4, "write a decimal point, not a comma"),
        (5, "is 104, but must be from 0 to 100"),
        (6, "patient 4 is in line 5 already"),
        (6, "ivf_fertilization_rate_pct is nan, but must be"),
        (7, "more cells than the first line"),
    ):
        assert [one for one in lines if f"line {line}:" in one and words in one], (words, lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no column"),
        ("patient,zp\n1,2\n", "its first line names patient, zp"),
        ("patient,predicted_zp_binding_pct,ivf_fertilization_rate_pct\n", "has no rows"),
        ("patient,patient,predicted_zp_binding_pct,ivf_fertilization_rate_pct\n1,1,2,3\n", "patient twice"),
        ("patient;predicted_zp_binding_pct;ivf_fertilization_rate_pct\n1;2;3\n", "parted by commas"),
    ],
)
def test_a_table_that_is_none_is_told_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(CohortRefused, match=words) as refused:
        read_cohort(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("1,5,10\n2,5,20\n3,5,30\n4,5,90\n5,5,90\n6,5,90\n", "every patient has the same percentage"),
        ("1,5,10\n2,6,20\n4,7,90\n5,8,90\n6,9,90\n", "2 patients of low fertilization: a comparison needs 3"),
    ],
)
@pytest.mark.parametrize("question", ["threshold", "groups"])
def test_what_cannot_be_compared_is_refused(tmp_path: Path, rows: str, words: str, question: str) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text(BAD.splitlines()[0] + "\n" + rows, "utf-8")
    with pytest.raises(CohortRefused, match=words):
        ANSWERS[question](path, 1, 100)


def test_replicates_that_cannot_be_are_named(tmp_path: Path) -> None:
    path = tmp_path / "slides.csv"
    path.write_text("sample,slide,k,n\nA,1,5,200\nA,1,7,200\nB,1,9,8\nC,1,0.5,100\nD,1,0,0\n", "utf-8")
    with pytest.raises(CohortRefused) as refused:
        read_replicates(path)
    text = str(refused.value)
    for words in (
        "line 3: slide 1 of sample A is there already",
        "line 4: k is 9, more than n, which is 8",
        "line 5: k is 0.5, but must be a whole number",
        "line 6: n is 0",
        "line 4: sample B has one slide only",
    ):
        assert words in text
