"""Batch sizes: the budget that is held, the trainings by hand, and the figure."""

import runpy
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, refused

from recipes import build_model, fit, load_data
from recipes.lecture.training.batches import BatchSizes, compare_batch_sizes
from recipes.plots import plot_batch_sizes


@pytest.fixture(scope="module")
def digits():
    data = load_data("digits")
    return data.x[:125].reshape(125, -1), data.y[:125]


@pytest.fixture(scope="module")
def by_steps(digits):
    return compare_batch_sizes(*digits, batch_sizes=(50, 10), learning_rates=(0.5, 0.1), steps=20, seeds=2)


def test_the_same_steps_for_all(by_steps):
    assert (by_steps.rows, by_steps.batch_sizes, by_steps.learning_rates) == (100, (10, 50), (0.1, 0.5))
    assert by_steps.steps == (20, 20)  # two epochs of ten, ten epochs of two
    assert by_steps.values.shape == (2, 2, 2)


def test_the_same_epochs_for_all_and_numbers_are_measured_by_their_loss(digits):
    found = compare_batch_sizes(digits[0], digits[0][:, 20] * 3, batch_sizes=(30, 100), learning_rates=(0.1,), epochs=2,
                                seeds=2)  # fmt: skip
    assert found.steps == (8, 2)  # 30 + 30 + 30 + 10 rows, twice
    assert (found.metric, found.is_loss, found.held, found.budget) == ("loss", True, "epochs", 2)


def test_each_is_a_training_by_hand(digits, by_steps):
    x, y = digits
    order = np.random.default_rng(1).permutation(125)
    held, train = order[:25], order[25:]
    model = build_model(x=x[train], y=y[train], body="mlp", optimizer="sgd", learning_rate=0.5, seed=1)
    run = fit(
        model, x[train], y[train], epochs=10, batch_size=50, seed=1, verbose=0, validation_data=(x[held], y[held])
    )
    assert by_steps.values[1, 1, 1] == pytest.approx(run.history["val_accuracy"][-1])


def test_a_model_of_ones_own_is_built_for_each_training(digits):
    asked = []

    def build(rate, seed):
        asked.append((rate, seed))
        model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(10, "softmax")])
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    compare_batch_sizes(*digits, batch_sizes=(50,), learning_rates=(0.1, 0.01), epochs=1, seeds=2, build=build)
    assert sorted(asked) == [(0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1)]


@pytest.fixture(scope="module")
def made():
    values = np.array([[[0.9, 0.8], [0.4, 0.6]], [[0.2, 0.2], [0.7, 0.9]]])
    return BatchSizes("epochs", 5, "accuracy", 100, (10, 50), (0.1, 1.0), values, (50, 10))


def test_it_says_which_rate_each_size_wants(made):
    np.testing.assert_allclose(made.means, [[0.85, 0.5], [0.2, 0.8]])
    np.testing.assert_allclose(made.errors, [[0.05, 0.1], [0.0, 0.1]])  # half the difference of two values
    assert made.best_rates == (0.1, 1.0)
    assert str(made).splitlines() == [
        "accuracy, 100 rows to learn from, 5 epochs each; mean and standard error of 2 seeds",
        "    batch size                10                50",
        "         steps                50                10",
        "      rate 0.1       0.85 ± 0.05         0.5 ± 0.1",
        "        rate 1           0.2 ± 0         0.8 ± 0.1",
        "info best_rates: the best learning rate by batch size is 10: 0.1, 50: 1; with it the accuracy is 0.8 to 0.85 "
        "after 5 epochs.",
        "warning range_ends: the best rate of some batch sizes is the end of those tried, 0.1, 1.0. "
        "Mend: more learning_rates to that side.",
    ]
    assert repr(made) == "<BatchSizes accuracy at 5 epochs each: 8 trainings>"
    assert "0.8 with rate 1" in made._repr_html_()
    assert made.plot().axes


def test_of_a_loss_less_is_better_and_what_ran_away_is_not_best():
    values = np.array([[[3.0, 3.0]], [[1.0, 1.0]], [[np.nan, 1.0]]])
    found = BatchSizes("steps", 5, "loss", 100, (10,), (0.1, 0.5, 1.0), values, (5,))
    assert found.best_rates == (0.5,)
    assert [f.rule for f in found.findings] == ["best_rates"]


def test_the_figure_has_a_line_for_each_rate_told_apart_without_colour(made):
    ax = plot_batch_sizes(made)
    assert ax.get_title(loc="left") == "5 epochs for all (50 to 10 steps)"
    for container, means, errors in zip(ax.containers, made.means, made.errors, strict=True):
        line, _, (bars,) = container
        np.testing.assert_allclose(line.get_xdata(), (10, 50))
        np.testing.assert_allclose(line.get_ydata(), means)
        np.testing.assert_allclose([np.ptp(s[:, 1]) / 2 for s in bars.get_segments()], errors, atol=1e-12)
    lines = [container[0] for container in ax.containers]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 2
    assert ax.get_ylabel() == "validation accuracy"


@pytest.mark.slow
def test_the_example_takes_a_csv(tmp_path, monkeypatch, capsys):
    rows = "".join(f"{i},{i % 7},{'up' if i % 2 else 'down'}\n" for i in range(40))
    (tmp_path / "mine.csv").write_text("a,b,kind\n" + rows)
    arguments = ["--csv", "mine.csv", "--columns", "a", "b", "--label", "kind", "--quick", "--sizes", "4", "16"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["batch_size.py", *arguments])
    runpy.run_path(str(ROOT / "examples/batch_size.py"), run_name="__main__")
    assert "accuracy, 32 rows to learn from, 8 steps each" in capsys.readouterr().out
    assert (tmp_path / "figures/batch_size.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_sizes": 8}, "batch_sizes must be whole numbers of at least 1. Received: batch_sizes=8. "
         "Expected like (8, 32, 128, 512)."),
        ({"batch_sizes": (8, 900)}, "batch_sizes=(8, 900) of 100 rows to learn from. Expected sizes of 1 to 100."),
        ({"learning_rates": (0.1, 0)}, "learning_rates must be numbers above 0. Received: (0.1, 0). "
         "Expected like (0.01, 0.1, 1.0)."),
        ({"epochs": 2, "steps": 3}, "Either epochs or steps are held. Received: epochs=2, steps=3. Leave one out."),
        ({"steps": 3, "batch_sizes": (10, 50)},
         "steps=3 end within the first pass over the rows in batches of 10, which takes 10. "
         "Expected at least as many, or larger batches."),
        ({"steps": 0}, "steps must be a whole number of at least 1. Received: steps=0."),
        ({"seeds": 1}, "seeds must be a whole number of at least 2. Received: seeds=1."),
        ({"validation_split": 0}, "validation_split must lie between 0 and 1. Received: validation_split=0. Say 0.2."),
    ],
)  # fmt: skip
def test_refusals(digits, arguments, message):
    with refused(message):
        compare_batch_sizes(*digits, **arguments)


@pytest.mark.slow
def test_what_the_example_says():
    data = load_data("digits")
    x = data.x.reshape(len(data.x), -1)
    epochs, steps = (compare_batch_sizes(x, data.y, **budget) for budget in ({"epochs": 20}, {"steps": 720}))
    assert (epochs.steps, set(steps.steps)) == ((3_600, 900, 240, 60), {720})
    assert epochs.means[0, 0] > 0.95
    assert epochs.means[0, -1] < 0.4  # the lowest rate: 60 steps do not get it there
    assert np.ptp(steps.means[0]) < 0.02
    for found in (epochs, steps):
        assert found.best_rates[-1] == 1.0
        assert found.means[2, :2].max() < 0.5
        assert found.means.max(axis=0).min() > 0.95
