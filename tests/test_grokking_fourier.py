"""Circles and waves that were put in are found, and the losses that are measured with them."""

import itertools

import numpy as np
import pytest

from recipes.grokking.crossentropy import crossentropies
from recipes.grokking.equations import equations
from recipes.grokking.fourier import (
    circle_order,
    circle_plane,
    fourier_power,
    gini,
    joining_order,
    restricted_and_excluded_loss,
)


def test_a_circle_is_found(rng):
    table = equations("x+y", 53)
    angle = 2 * np.pi * 7 * np.arange(53) / 53
    directions, _ = np.linalg.qr(rng.normal(size=(16, 2)))
    embedding = np.zeros((55, 16))
    embedding[:53] = np.stack([np.cos(angle), np.sin(angle)], 1) @ directions.T
    order = circle_order(table)
    power = fourier_power(embedding, order)
    assert power[6] == pytest.approx(1)
    assert gini(power) == pytest.approx(1 - 1 / 26)
    plane, frequency = circle_plane(embedding, order)
    assert frequency == 7
    radius = np.linalg.norm(embedding[:53] @ plane, axis=1)
    np.testing.assert_allclose(radius, radius[0])
    rim = joining_order(order, 7)
    steps = np.linalg.norm(np.diff(embedding[rim], axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0])  # neighbours on the rim


def test_division_has_its_circle_in_the_discrete_logarithm():
    order = circle_order(equations("x/y", 11))
    assert sorted(order) == list(range(1, 11))
    ratios = {int(b) * pow(int(a), -1, 11) % 11 for a, b in itertools.pairwise(order)}
    assert len(ratios) == 1  # each is the one before times the same number
    assert circle_order(equations("S5: xy")) is None


def test_gini():
    assert gini(np.ones(10)) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 1.0])) == pytest.approx(0.75)


@pytest.mark.parametrize("operation", ["x+y", "x-y", "x*y", "x/y"])
def test_restricted_and_excluded_loss_of_waves(operation):
    """A network that computes with five waves has all it knows in them."""
    p = 23
    table = equations(operation, p)
    order = circle_order(table)
    place, n = np.argsort(order) if len(order) == p else np.append(0, np.argsort(order)), len(order)
    turn = 2 * np.pi * (place[table.answer][:, None] - place[np.arange(p)]) / n
    waves = sum(np.cos(k * turn) for k in (1, 3, 4, 7, 9))
    restricted, excluded = restricted_and_excluded_loss(table, 5 * waves)
    assert restricted < 0.02
    assert excluded == pytest.approx(np.log(n), rel=1e-6)
    answers = np.random.default_rng(0).permutation(table.answer)  # memory alone: right where it was trained
    answers[table.train] = table.answer[table.train]
    restricted, _ = restricted_and_excluded_loss(table, np.where(np.arange(p) == answers[:, None], 20.0, 0.0))
    assert restricted > 0.3


def test_restricted_loss_is_that_of_the_two_dimensional_transform(rng):
    """Nanda's own way: transform over x and over y, and keep the waves of x + y at the strongest frequencies."""
    p, num_frequencies = 11, 2
    table = equations("x+y", p)
    logits = rng.normal(size=(p * p, p + 2)) + 3 * np.cos(
        2 * np.pi * 2 * (table.answer[:, None] - np.arange(p + 2)) / p
    )
    cube = np.fft.fft2(logits[:, :p].reshape(p, p, p), axes=(0, 1))
    diagonal = cube[np.arange(p), np.arange(p)]  # (frequency, p): the same for x and for y
    power = [np.sum(np.abs(diagonal[[k, p - k]]) ** 2) for k in range(1, p // 2 + 1)]
    kept = np.zeros_like(cube)
    for k in 1 + np.argsort(power)[-num_frequencies:]:
        for sign in (k, p - k):
            kept[sign, sign] = cube[sign, sign]
    without = np.fft.ifft2(cube - kept, axes=(0, 1)).real.reshape(p * p, p)
    kept[0, 0] = cube[0, 0]
    alone = np.fft.ifft2(kept, axes=(0, 1)).real.reshape(p * p, p)

    def crossentropy(outputs, answers):
        return np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(len(answers)), answers])

    found = restricted_and_excluded_loss(table, logits, num_frequencies)
    expected = (crossentropy(alone, table.answer), crossentropy(without[table.train], table.answer[table.train]))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


class TestCrossentropy:
    def test_it_is_minus_the_logarithm_of_the_share(self, rng):
        logits, answers = rng.normal(size=(20, 7)), rng.integers(0, 7, 20)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        for given in (logits, logits.astype("float32")):
            before = given.copy()
            expected = -np.log(shares[np.arange(20), answers])
            np.testing.assert_allclose(crossentropies(given, answers), expected, rtol=1e-5)
            np.testing.assert_array_equal(given, before)

    def test_losses_below_the_resolution_of_float32_are_kept(self):
        found = crossentropies(np.array([[25.0, 0.0]], "float32"), np.array([0]))
        np.testing.assert_allclose(found, np.exp(-25.0), rtol=1e-4)
