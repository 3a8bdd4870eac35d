"""On which scales numbers are learnt, and the way back into their units."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from recipes.tables.learning.scales import Scales, _share, scales_for

PRICES = np.array([1.0, 2.0, 4.0, 8.0, 100.0])
SKEWED, PLAIN = (SimpleNamespace(loss="mean_squared_error", scale=scale, lowest=None) for scale in ("log", "identity"))


def test_what_is_learnt_has_mean_0_and_deviation_1_on_each_scale():
    for target, outputs in ((SKEWED, 2), (PLAIN, 1)):
        learnt = scales_for(target, PRICES).learnt(PRICES)
        assert learnt.shape == (5, outputs)
        np.testing.assert_allclose(learnt.mean(0), 0.0, atol=1e-6)
        np.testing.assert_allclose(learnt.std(0), 1.0, rtol=1e-6)
    assert scales_for(SimpleNamespace(loss="poisson"), PRICES) is None


@pytest.mark.parametrize("target", [SKEWED, PLAIN])
def test_a_perfect_network_gives_the_numbers_back(target):
    scales = scales_for(target, PRICES)
    outputs = scales.learnt(PRICES)
    np.testing.assert_allclose(scales.balanced(outputs, PRICES).back(outputs)[:, 0], PRICES, rtol=1e-5)


def test_logarithms_become_means_and_the_better_scale_has_the_weight(rng):
    logs = rng.normal(size=20_000)
    y = np.exp(logs + rng.normal(scale=0.5, size=20_000))  # the mean of y is exp(logs + 1/8)
    scales = scales_for(SKEWED, y)
    knows = np.stack([(logs - scales.middle[0]) / scales.spread[0], np.zeros_like(logs)], axis=1)  # the second nothing
    found = scales.balanced(knows, y)
    assert found.smear == pytest.approx(np.exp(1 / 8), rel=0.02)
    assert found.share > 0.95
    assert found.back(knows).mean() == pytest.approx(y.mean(), rel=0.02)
    other = np.stack([np.zeros_like(logs), (y - scales.middle[1]) / scales.spread[1]], axis=1)  # the first nothing
    assert scales.balanced(other, y).share < 0.05


@pytest.mark.slow
def test_the_share_is_that_of_least_squares_and_one_standard_error_more(rng):
    """As the share varies from sample to sample, where errors grow with the numbers."""

    def drawn(num_rows):
        first = np.exp(0.4 * rng.normal(size=num_rows))
        second = first + first * rng.normal(size=num_rows)
        return first, second, 0.4 * first + 0.6 * second + first * rng.normal(size=num_rows)

    def least_squares(first, second, y):
        shares = np.linspace(0, 1, 2_001)
        return shares[np.argmin([np.sum((share * first + (1 - share) * second - y) ** 2) for share in shares])]

    spread = np.std([least_squares(*drawn(2_000)) for _ in range(200)])
    first, second, y = drawn(2_000)
    assert _share(first, second, y) == pytest.approx(least_squares(first, second, y) + spread, abs=0.3 * spread)
    assert _share(first, second, first) == 1.0
    assert _share(first, second, second) == 0.0
    assert _share(first, first, y) == 1.0


def test_layers_do_the_same_and_nothing_goes_below_the_lowest():
    scales = Scales((0.3, 5.0), (0.7, 4.0), is_log=True, smear=1.1, share=0.25, lowest=2.0)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, scales.layers(inputs))
    outputs = np.array([[0.0, -9.0], [1.0, 0.5], [-2.0, 3.0]], "float32")
    expected = scales.back(outputs)
    np.testing.assert_allclose(model.predict(outputs, verbose=0), expected, rtol=1e-5)
    assert expected[0, 0] == pytest.approx(0.25 * 1.1 * np.exp(0.3) + 0.75 * 2.0)


@pytest.mark.parametrize(("lowest", "expected"), [(0.0, [[0.0], [7.0]]), (None, [[-1.0], [7.0]])])
def test_plain_numbers_stop_at_the_targets_lowest(lowest, expected):
    scales = Scales((3.0,), (4.0,), lowest=lowest)
    inputs = keras.Input((1,))
    outputs = np.array([[-1.0], [1.0]], "float32")
    assert scales.back(outputs).tolist() == expected
    assert keras.Model(inputs, scales.layers(inputs)).predict(outputs, verbose=0).tolist() == expected
