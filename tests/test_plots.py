"""The data that the figures draw, not their pixels."""

import numpy as np
import pytest

from recipes.plots import plot_history, plot_reconstructions

HISTORY = {"loss": [1.0, 0.6, 0.4, 0.3, 0.25, 0.24], "val_loss": [1.0, 0.7, 0.6, 0.7, 0.8, 0.9]}


def test_the_curves_chance_and_the_verdict_are_on_the_figure():
    ax = plot_history(HISTORY, chance=0.95)
    train, validation, chance = ax.lines
    np.testing.assert_array_equal(train.get_ydata(), HISTORY["loss"])
    np.testing.assert_array_equal(train.get_xdata(), [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(validation.get_ydata(), HISTORY["val_loss"])
    assert set(chance.get_ydata()) == {0.95}
    assert ax.get_title(loc="left").replace("\n", " ").startswith("overfitting: val_loss was lowest at epoch 3")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "training", "validation", "constant guess: 0.95",
    ]  # fmt: skip
    assert train.get_linestyle() != validation.get_linestyle()  # told apart without colour


def test_a_given_ax_is_used_and_returned():
    from matplotlib import pyplot as plt

    ax = plt.figure().add_subplot()
    assert plot_history({"loss": [1.0, 0.5]}, ax) is ax
    assert ax.get_xlabel() == "epoch"


@pytest.mark.parametrize(("last", "scale"), [(0.5, "linear"), (0.001, "log"), (float("nan"), "linear")])
def test_wide_ranges_get_a_log_axis(last, scale):
    assert plot_history({"loss": [1.0, 0.9, last]}).get_yscale() == scale


@pytest.mark.parametrize("latent", [1, 7, 8, 16])
def test_reconstructions_show_original_code_and_restored(latent, rng):
    originals, restored = rng.random((2, 5, 8, 8, 1))
    codes = rng.normal(size=(5, latent))
    ax = plot_reconstructions(originals, codes, restored)
    drawn = [image.get_array() for image in ax.images]
    assert len(drawn) == 15
    np.testing.assert_array_equal(drawn[2], originals[2, :, :, 0])
    np.testing.assert_array_equal(drawn[12], restored[2, :, :, 0])
    tile = np.asarray(drawn[7]).ravel()[:latent]
    np.testing.assert_allclose(tile, (codes[2] - codes.min(0)) / np.ptp(codes, axis=0))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["original", "code", "reconstruction"]
