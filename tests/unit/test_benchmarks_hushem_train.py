# pyright: reportMissingImports=false
"""Beside the network in the HuSHeM benchmark: kernels about the training heads, and a regression that learns."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `train` is not installed")

from benchmarks.hushem_train import regress
from benchmarks.kernels import about, gaussian, inner


def test_inner_products_about_the_training_rows_forget_what_all_have_in_common() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 2, (20, 1, 5))
    train = np.arange(20) < 12
    products = about(inner(values + 7), train)
    assert products == pytest.approx(about(inner(values), train))
    assert np.diag(products)[train].mean() == pytest.approx(1)
    assert products[np.ix_(train, train)].sum() == pytest.approx(0, abs=1e-9)


def test_a_regression_on_a_kernel_tells_a_ring_from_its_middle_where_a_plane_cannot() -> None:
    random = np.random.default_rng(1)
    angle, label = random.uniform(0, 2 * np.pi, 120), np.arange(120) % 2
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.where(label, 3.0, 0.5)[:, None]
    out = np.arange(120) >= 80
    said = regress(about(gaussian(around, out), ~out), label, out)
    assert said.shape == (40, 4)
    assert said.sum(axis=1) == pytest.approx(1)
    assert (said.argmax(axis=1) == label[out]).mean() > 0.95
    plane = regress(about(inner(around[:, None]), ~out), label, out)
    assert (plane.argmax(axis=1) == label[out]).mean() < 0.8


def test_views_of_a_head_are_averaged() -> None:
    random = np.random.default_rng(2)
    label = np.arange(60) % 4
    views = np.eye(4)[label][:, None] + random.normal(0, 0.1, (60, 3, 4))
    out = np.arange(60) >= 40
    said = regress(about(inner(views), np.repeat(~out, 3)), label, out)
    assert said.shape == (20, 4)
    assert (said.argmax(axis=1) == label[out]).all()
