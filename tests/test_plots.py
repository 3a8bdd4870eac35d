"""The data that the figures draw, not their pixels."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

from cheatsheet import Finding
from recipes.plots import (
    plot_anomaly,
    plot_class_errors,
    plot_history,
    plot_latent,
    plot_reconstructions,
    plot_runs,
    plot_walk,
)
from recipes.plots.style import log_scale, new_ax

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


@pytest.mark.parametrize(("loss", "lines"), [("poisson", 2), ("binary_crossentropy", 3)])
def test_a_perfect_model_is_drawn_where_there_is_one(loss, lines):
    """The least Poisson loss is that of foretelling every count, which no rate can: two counts of one rate differ."""
    import keras

    from recipes import fit

    x = np.linspace(0, 1, 64, dtype="float32")[:, None]
    y = np.arange(64) % 4 if loss == "poisson" else 0.2 + 0.5 * x
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", loss)
    run = fit(model, x, y, allow="unreachable_target", verbose=0)
    assert run.least != 0
    assert len(plot_history(run).lines) == lines


def test_a_new_figure_is_not_left_with_pyplot():
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    figure = plot_history(HISTORY).figure
    assert plt.get_fignums() == before
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    assert buffer.getvalue().startswith(b"\x89PNG")


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


class TestAutoencoderFigures:
    IMAGES = np.linspace(0, 1, 4 * 6 * 5).reshape(4, 6, 5, 1)

    def test_the_latent_map_shows_each_class_in_its_colour(self, rng):
        centres = np.array([[0.0, 0, 0], [10, 0, 0], [0, 5, 0]])
        labels = np.repeat([0, 1, 2], 20)
        codes = centres[labels] + rng.normal(0, 0.1, (60, 3))
        ax = plot_latent(codes, labels, class_names=["a", "b", "c"])
        assert [len(group.get_offsets()) for group in ax.collections] == [20, 20, 20]
        assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
        middles = np.array([np.median(np.asarray(group.get_offsets()), axis=0) for group in ax.collections])
        distances = np.linalg.norm(middles[:, None] - middles[None], axis=2)
        expected = np.linalg.norm(centres[:, None] - centres[None], axis=2)  # the plane keeps the true distances
        np.testing.assert_allclose(distances, expected, atol=0.3)

    def test_a_walk_goes_straight_from_one_code_to_the_other(self):
        ax = plot_walk(lambda codes: codes.reshape(-1, 2, 2, 1), np.zeros(4), np.ones(4), steps=5)
        strip = np.asarray(ax.images[0].get_array())
        assert strip.shape == (2, 5 * 3 - 1)
        np.testing.assert_allclose(strip[0, ::3], [0, 0.25, 0.5, 0.75, 1])

    def test_class_errors_and_their_worst_cases(self):
        restored = self.IMAGES.copy()
        restored[1] += 0.1
        restored[2] += 0.2
        restored[3] += 0.4
        ax = plot_class_errors(self.IMAGES, restored, [0, 0, 1, 1])
        np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [0.005, 0.1])
        assert [text.get_text() for text in ax.texts] == ["0.010", "0.160"]
        np.testing.assert_array_equal(ax.images[2].get_array(), self.IMAGES[3, ..., 0])
        np.testing.assert_array_equal(ax.images[3].get_array(), restored[3, ..., 0])

    def test_anomalies_are_counted_above_the_known(self):
        ax = plot_anomaly(np.linspace(1, 2, 100), [0.5, 1.5, 3.0, 4.0], names=("digits", "noise"))
        assert ax.get_title(loc="left") == "50% of the noise err more than 99% of the\ndigits"

    def test_runs_go_on_from_one_another(self):
        runs = [fit_like({"val_loss": [1.0, 0.5]}), fit_like({"val_loss": [0.4, 0.3, 0.2]})]
        ax = plot_runs({"chain": runs})
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2, 3, 4, 5])
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, 0.5, 0.4, 0.3, 0.2])
        assert [text.get_text() for text in ax.texts] == ["1", "2", "1  0.5000  too short", "2  0.2000  too short"]


def fit_like(history):
    return SimpleNamespace(history=history, findings=[Finding("too_short", "info", "")])


@pytest.mark.slow_but("-5.83-size0")
@pytest.mark.parametrize("size", [(2.4, 2.4), (6.4, 4.4)])
@pytest.mark.parametrize("start", [-6, -5.83, -5.67, -5.5, -5.33, -5.17, -5])
def test_a_log_axis_has_two_labels_wherever_it_lies(size, start):
    for decades in (0.02, 0.3, 0.9, 1.2, 1.9, 2.5, 7, 30):
        for which in ("x", "y"):
            ax = new_ax(size)
            axis = getattr(ax, f"{which}axis")
            ax.plot(*[[10**start, 10 ** (start + decades)]] * 2)
            log_scale(axis)
            ax.figure.draw_without_rendering()
            low, high = axis.get_view_interval()
            assert axis.get_scale() == "log"
            seen = {label.get_text() for place, label in zip(axis.get_majorticklocs(), axis.get_ticklabels(),
                    strict=True) if low <= place <= high} - {""}  # fmt: skip
            assert 2 <= len(seen) <= 10, (which, decades, seen)


def test_curves_may_be_arrays_as_diagnose_takes_them():
    loss = 0.03 + 0.9 * np.exp(-np.arange(60) / 8)
    ax = plot_history({"loss": loss, "val_loss": loss + 0.01}, chance=0.9)
    assert ax.get_yscale() == "log"
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), loss + 0.01)
