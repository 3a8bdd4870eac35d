"""The optimizers' paths over a line's loss: the closed form, NumPy by hand, Keras' own training, and the figures."""

import runpy
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, refused

from recipes import load_data
from recipes.lecture.training.descent import BY_CURVATURE, OPTIMIZERS, descend, gradient
from recipes.plots import plot_descent_losses, plot_surface, save_page

LOSSES = ("mean_squared_error", "mean_absolute_error")
RATES = dict(zip(OPTIMIZERS, (0.03, 0.02, 0.1, 5.0, 0.02, 0.03), strict=True))


@pytest.fixture(scope="module")
def petals():
    return load_data("iris").x[:, 2:].T.astype(float)


@pytest.fixture(scope="module")
def descent(petals):
    return descend(*petals, steps=40, names=("length", "width"))


def artist(ax, gid):
    return next(line for line in ax.lines if line.get_gid() == gid)


def by_hand(name, rate, slope_of, start, steps):
    """Each optimizer as its paper has it, with the constants of Keras."""
    w, path = np.array(start, float), [np.array(start, float)]
    a, b = np.full(2, 0.1 if name == "adagrad" else 0.0), np.zeros(2)
    for t in range(1, steps + 1):
        g = slope_of(w)
        if name == "sgd":
            step = -rate * g
        elif name == "momentum":
            a = 0.9 * a - rate * g
            step = a
        elif name == "adagrad":
            a = a + g**2
            step = -rate * g / np.sqrt(a + 1e-7)
        elif name == "adadelta":
            a = 0.95 * a + 0.05 * g**2
            move = -np.sqrt(b + 1e-7) / np.sqrt(a + 1e-7) * g
            b = 0.95 * b + 0.05 * move**2
            step = rate * move
        elif name == "rmsprop":
            a = 0.9 * a + 0.1 * g**2
            step = -rate * g / np.sqrt(a + 1e-7)
        else:
            a, b = 0.9 * a + 0.1 * g, 0.999 * b + 0.001 * g**2
            step = -rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * a / (np.sqrt(b) + 1e-7)
        w = w + step
        path.append(w)
    return np.array(path)


class TestPaths:
    @pytest.mark.parametrize("start", [(0.0, 0.0), (2.0, -3.0)])
    def test_plain_descent_is_the_closed_form_of_a_quadratic(self, petals, start):
        x, y = petals.astype(np.float32).astype(float)
        path = descend(x, y, optimizers=("sgd",), start=start, steps=60).paths["sgd"]
        rows = np.column_stack([x, np.ones(len(x))])
        hessian = 2 * rows.T @ rows / len(x)
        best = np.linalg.solve(hessian, 2 * rows.T @ y / len(x))
        shrink = np.eye(2) - path.learning_rate * hessian
        expected = [best + np.linalg.matrix_power(shrink, t) @ (np.array(start) - best) for t in range(61)]
        np.testing.assert_allclose(path.weights, expected, rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_each_is_its_paper_by_hand(self, petals, name, loss):
        descent = descend(*petals, loss=loss, optimizers=(name,), learning_rates={name: RATES[name]}, steps=8)
        x, y, path = descent.lines.x, descent.lines.y, descent.paths[name]

        def slope_of(w):
            error = w[0] * x + w[1] - y
            pull = 2 * error if loss == LOSSES[0] else np.sign(error)
            return np.array([(pull * x).mean(), pull.mean()])

        assert path.learning_rate == pytest.approx(RATES[name], rel=1e-6)
        # Keras keeps its rate, and Adam the powers of its betas, in float32.
        np.testing.assert_allclose(
            path.weights, by_hand(name, path.learning_rate, slope_of, (0, 0), 8), rtol=1e-4, atol=1e-6
        )

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_keras_own_training_of_a_dense_layer_goes_the_same_way(self, petals, name):
        x, y = petals.astype("float32")
        path = descend(x, y, optimizers=(name,), learning_rates={name: RATES[name]}, steps=3).paths[name]
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        optimizer = keras.optimizers.SGD(RATES[name], momentum=0.9) if name == "momentum" else name
        model.compile(optimizer, "mean_squared_error", run_eagerly=True)
        model.optimizer.learning_rate = RATES[name]
        model.fit(x[:, None], y[:, None], batch_size=len(x), epochs=3, verbose=0)
        np.testing.assert_allclose(
            path.weights[-1], np.concatenate([w.ravel() for w in model.get_weights()]), rtol=1e-4
        )

    @pytest.mark.parametrize("loss", LOSSES)
    def test_the_gradient_is_the_losses_slope(self, petals, loss):
        descent = descend(*petals, loss=loss, steps=1, optimizers=("sgd",))
        w, h = np.array([0.31, -0.2]), 1e-7
        numeric = [(descent.loss_at(w + h * e) - descent.loss_at(w - h * e)) / (2 * h) for e in np.eye(2)]
        np.testing.assert_allclose(gradient(loss, descent.lines.x, descent.lines.y, w), numeric, rtol=1e-5)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_losses_are_keras_own_and_the_best_line_has_the_least(self, petals, loss):
        descent = descend(*petals, loss=loss, steps=20)
        x, y = descent.lines.x, descent.lines.y
        for path in descent.paths.values():
            slope, intercept = path.weights[-1]
            kept = float(np.asarray(keras.losses.get(loss)(y, slope * x + intercept)))
            assert path.losses[-1] == pytest.approx(kept, rel=1e-5)
            np.testing.assert_allclose(path.losses, descent.loss_at(path.weights))
            assert (path.losses >= descent.least * (1 - 1e-12)).all()

    @pytest.mark.parametrize("factor", [1e-3, 1e3])
    @pytest.mark.parametrize("loss", LOSSES)
    def test_the_usual_rates_lower_the_loss_in_any_units(self, petals, factor, loss):
        descent = descend(petals[0] * factor, petals[1], loss=loss, steps=20)
        for name, path in descent.paths.items():
            assert path.losses[-1] < 0.8 * path.losses[0], name

    def test_descents_usual_rate_follows_from_the_curvature(self, petals):
        descent = descend(*petals, steps=1)
        rate = descent.paths["sgd"].learning_rate
        assert rate * descent.curvatures[1] == pytest.approx(BY_CURVATURE["sgd"], rel=0.05)  # said in two digits
        assert f"{rate:.2g}" == f"{rate:.6g}"

    def test_above_two_over_the_curvature_descent_leaves_for_infinity(self, petals):
        curvature = descend(*petals, steps=1, optimizers=("sgd",)).curvatures[1]
        near, far = (
            descend(*petals, steps=50, optimizers=("sgd",), learning_rates={"sgd": share / curvature})
            for share in (1.99, 2.01)
        )
        rows = np.column_stack([near.lines.x, np.ones(len(near.lines.x))])
        across = np.linalg.eigh(rows.T @ rows)[1][:, -1]
        for descent, shrink in ((near, 0.99), (far, 1.01)):
            away = (descent.paths["sgd"].weights - (near.best.slope, near.best.intercept)) @ across
            np.testing.assert_allclose(away[1:] / away[:-1], -shrink, rtol=1e-5)
        wild = descend(*petals, steps=400, optimizers=("sgd",), learning_rates={"sgd": 10.0})
        assert not np.isfinite(wild.paths["sgd"].losses[-1])
        assert "error diverged: sgd ended above its start with learning_rate=10." in str(wild)
        plot_surface(wild)  # the window stays with the start and the best line
        wild.plot(3)

    def test_a_standardised_x_makes_a_round_bowl(self, petals):
        x, y = petals
        assert descend(x, y, steps=1).condition == pytest.approx(105.2, abs=0.1)
        round_one = descend((x - x.mean()) / x.std(), y, steps=5, optimizers=("sgd",))
        assert round_one.condition == pytest.approx(1, abs=1e-6)
        assert not any(f.rule == "narrow_valley" for f in round_one.findings)

    @pytest.mark.slow
    def test_what_the_example_says(self, petals):
        x, y = petals
        raw, bowl = descend(x, y), descend((x - x.mean()) / x.std(), y)
        rates = [path.learning_rate for path in raw.paths.values()]
        assert max(rates) / min(rates) == pytest.approx(1000, rel=0.01)
        assert [f.rule for f in raw.findings] == ["narrow_valley", "still_falling", "still_falling"]
        assert bowl.findings == ()


class TestUsersOwn:
    def test_an_optimizer_of_ones_own_is_copied_and_left_alone(self, petals):
        mine = keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True)
        before = mine.get_config()
        descent = descend(*petals, optimizers={"mine": mine}, steps=5)
        again = descend(*petals, optimizers={"mine": mine}, learning_rates={"mine": 0.01}, steps=5)
        assert mine.get_config() == before
        assert not mine.built
        assert descent.paths["mine"].learning_rate == pytest.approx(0.02)
        assert again.paths["mine"].learning_rate == pytest.approx(0.01)
        plain = descend(*petals, optimizers=("momentum",), learning_rates={"momentum": 0.02}, steps=5)
        assert np.abs(descent.paths["mine"].weights - plain.paths["momentum"].weights).max() > 1e-3  # Nesterov's

    def test_generators_are_left_alone(self, petals):
        keras.utils.set_random_seed(3)
        before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global one is what must not change
        expected = keras.random.uniform(())
        keras.utils.set_random_seed(3)
        descend(*petals, steps=2)
        np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
        assert float(keras.random.uniform(())) == float(expected)

    @pytest.mark.slow
    def test_the_example_takes_a_csv(self, tmp_path, monkeypatch, capsys):
        (tmp_path / "mine.csv").write_text("a,b,c\n" + "".join(f"{i},{2 * i + 1},x\n" for i in range(5)))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["descent.py", "--csv", "mine.csv", "--columns", "a", "b", "--quick"])
        runpy.run_path(str(ROOT / "examples/descent.py"), run_name="__main__")
        assert "b from a, 5 rows: L2 loss down from slope 0, intercept 0; 10 steps" in capsys.readouterr().out
        assert (tmp_path / "figures/descent.png").is_file()
        assert (tmp_path / "figures/descent.html").is_file()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"loss": "mse"}, "Unknown loss. Received: loss='mse'. Expected one of mean_squared_error, "
             "mean_absolute_error."),
            ({"optimizers": ("sgd", "adm")}, "Unknown optimizer. Received: 'adm'. Expected one of sgd, momentum, "
             "adagrad, adadelta, rmsprop, adam, or Keras optimizers of your own by name, such as "
             "{'mine': keras.optimizers.Nadam(0.1)}. Did you mean 'adam'?"),
            ({"optimizers": ("sgd", "sgd")}, "optimizers must be different ones. Received: ('sgd', 'sgd'). "
             "Expected like ('sgd', 'adam')."),
            ({"optimizers": {"mine": "adam"}}, "optimizers has Keras optimizers by name, or is a sequence of names. "
             "Received: {'mine': 'adam'}. Expected something like {'mine': keras.optimizers.Adam(0.1)}."),
            ({"steps": 0}, "steps must be a whole number of at least 1. Received: steps=0."),
            ({"start": (1, 2, 3)}, "start must be a slope and an intercept. Received: start=(1, 2, 3). "
             "Expected like (0, 0)."),
            ({"start": (1, np.nan)}, "start must be a slope and an intercept. Received: start=(1, nan). "
             "Expected like (0, 0)."),
            ({"learning_rates": 0.1}, "learning_rates has one for each optimizer's name. Received: 0.1. "
             "Expected like {'sgd': 0.01}."),
            ({"learning_rates": {"sdg": 0.1}}, "learning_rates names 'sdg', which is not among the optimizers sgd, "
             "momentum, adagrad, adadelta, rmsprop, adam. Did you mean 'sgd'?"),
            ({"learning_rates": {"sgd": 0}}, "A learning rate must be above 0. Received: learning_rates={'sgd': 0}."),
            ({"x": [1, 1, 1]}, "x is 1 in 3 rows. Expected two different values at least: through points above one "
             "another every line is as good. Take another column."),
        ],
    )  # fmt: skip
    def test_refusals(self, arguments, message):
        with refused(message):
            descend(**{"x": [0, 1, 2], "y": [0, 1, 3], **arguments})


class TestFigures:
    def test_the_surface_has_the_paths_the_start_and_the_best_line(self, descent):
        ax = plot_surface(descent)
        for name, path in descent.paths.items():
            np.testing.assert_allclose(artist(ax, name).get_xydata(), path.weights)
            assert f"{name}, rate {path.learning_rate:.3g}" in ax.get_legend_handles_labels()[1]
        np.testing.assert_allclose(artist(ax, "best").get_xydata()[0], (descent.best.slope, descent.best.intercept))
        np.testing.assert_allclose(artist(ax, "start").get_xydata()[0], (0, 0))
        (contours,) = ax.collections
        for level, kept in zip(contours.levels, contours.get_paths(), strict=True):
            if len(kept.vertices):  # each point of a contour has its loss
                found = descent.loss_at(kept.vertices) - descent.least
                np.testing.assert_allclose(found, level, rtol=0.2, atol=0.01)
        for (left, right), values in zip((ax.get_xlim(), ax.get_ylim()), artist(ax, "best").get_data(), strict=True):
            assert left < values[0] < right

    def test_paths_are_told_apart_without_colour(self, descent):
        ax = plot_surface(descent)
        paths = [artist(ax, name) for name in OPTIMIZERS]
        assert len({path.get_marker() for path in paths}) == len(OPTIMIZERS)
        assert len({str(path._dash_pattern) for path in paths}) == len(OPTIMIZERS)

    def test_the_losses_are_those_above_the_least(self, descent):
        ax = plot_descent_losses(descent)
        path = descent.paths["sgd"]
        drawn = artist(ax, "sgd").get_xydata()
        np.testing.assert_array_equal(drawn[:, 0], np.arange(41))
        np.testing.assert_allclose(drawn[:, 1], path.losses - descent.least)
        assert ax.get_title(loc="left") == f"the best line has {descent.least:.3g}"

    def test_a_frame_shows_the_way_so_far(self, descent):
        points, surface, losses = descent.plot(7).axes
        np.testing.assert_allclose(artist(surface, "adam").get_xydata(), descent.paths["adam"].weights[:8])
        assert len(artist(losses, "adam").get_xdata()) == 8
        slope, intercept = descent.paths["adam"].weights[7]
        x, y = artist(points, "adam").get_data()
        np.testing.assert_allclose(y, slope * np.array(x) + intercept)
        with pytest.raises(ValueError, match=r"The paths have the steps 0 to 40\. Received: step=41\."):
            descent.plot(41)

    def test_frames_stand_on_a_page(self, petals, tmp_path):
        short = descend(*petals, steps=30, optimizers=("sgd", "adam"))
        captions = [caption for _, caption in short.frames(6)]
        assert len(captions) <= 6
        assert captions[0].startswith("step 0: loss sgd 2.02, adam 2.02")
        assert captions[-1].startswith("step 30: loss sgd")
        assert "step 30: loss" in save_page(tmp_path / "a.html", "A", short.frames(2)).read_text()

    def test_it_says_what_happened(self, descent):
        lines = str(descent).splitlines()
        assert lines[0] == ("width from length, 150 rows: L2 loss down from slope 0, intercept 0; 40 steps")
        assert lines[2].split() == ["sgd", "0.042", *(f"{v:.4g}" for v in descent.paths["sgd"].weights[-1]),
                                    f"{descent.paths['sgd'].losses[-1]:.4g}"]  # fmt: skip
        assert repr(descent) == (
            "<Descent mean_squared_error: sgd, momentum, adagrad, adadelta, rmsprop, adam, 40 steps>"
        )
        assert "rate 0.042" in descent._repr_html_()
