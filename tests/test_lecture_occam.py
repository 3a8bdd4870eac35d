"""The size of models: NumPy's own fits, the rule of one standard error by hand, double descent, and the figure."""

import runpy
import sys

import numpy as np
import pytest
from conftest import ROOT, refused

from recipes import build_model, fit, load_data
from recipes.lecture.models.occam import Occam, Size, occam, standard_error
from recipes.plots import plot_occam


def artist(ax, gid):
    return next(line for line in ax.lines if line.get_gid() == gid)


def sized(*means, spread=0.0, parameters=None):
    """Sizes whose two validation losses have these means, `spread` to either side."""
    parameters = parameters or range(1, len(means) + 1)
    return tuple(Size(p, p, np.zeros(2), np.array([m - spread, m + spread]))
                 for p, m in zip(parameters, means, strict=True))  # fmt: skip


@pytest.fixture(scope="module")
def waves():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 40)
    return x, np.sin(4 * x) + 0.2 * rng.normal(size=40)


@pytest.fixture(scope="module")
def descended():
    data = load_data("digits")
    x, y = data.x[:100].reshape(100, -1), np.eye(10)[data.y[:100]]
    return occam(x, y, by="features", sizes=(5, 20, 70, 400), seeds=4)


class TestFits:
    def test_polynomials_are_numpys(self, waves):
        x, y = waves
        found = occam(x, y, sizes=(1, 4), seeds=2)
        x, y = x.astype(np.float32).astype(float), y.astype(np.float32).astype(float)
        for size in found.sizes:
            for seed in (0, 1):
                order = np.random.default_rng(seed).permutation(40)
                held, train = order[:12], order[12:]
                kept = np.polynomial.Polynomial.fit(x[train], y[train], size.size)
                assert size.train[seed] == pytest.approx(((kept(x[train]) - y[train]) ** 2).mean())
                assert size.validation[seed] == pytest.approx(((kept(x[held]) - y[held]) ** 2).mean())
        assert [size.parameters for size in found.sizes] == [2, 5]
        assert (found.rows, found.outputs) == (28, 1)

    def test_a_cubic_is_found_to_be_one(self):
        x = np.linspace(3, 9, 60)
        y = (x - 4) * (x - 6) * (x - 8) + 0.05 * np.random.default_rng(1).normal(size=60)
        found = occam(x, y, sizes=range(7))
        assert found.simplest.size == 3
        assert found.simplest.mean == pytest.approx(0.05**2, rel=0.5)  # the noise is what is left

    def test_with_more_parameters_than_rows_the_solution_is_the_one_of_least_norm(self, waves):
        found = occam(*waves, sizes=(60,), seeds=2)
        x, y = (values.astype(np.float32).astype(float) for values in waves)
        order = np.random.default_rng(0).permutation(40)
        basis = np.polynomial.legendre.legvander(2 * (x - x.min()) / (x.max() - x.min()) - 1, 60)
        weights = np.linalg.pinv(basis[order[12:]]) @ y[order[12:]]
        expected = ((basis[order[:12]] @ weights - y[order[:12]]) ** 2).mean()
        assert found.sizes[0].validation[0] == pytest.approx(expected, rel=1e-6)
        assert found.sizes[0].train.max() < 1e-20

    def test_more_random_features_never_fit_the_training_rows_worse(self, descended):
        """Those of a smaller number are among those of a larger one."""
        train = np.array([size.train for size in descended.sizes])
        assert (np.diff(train, axis=0) < 1e-12).all()
        assert [size.parameters for size in descended.sizes] == [50, 200, 700, 4000]

    def test_networks_are_those_of_build_model_and_fit(self, waves):
        x, y = waves[0][:, None], waves[1]
        found = occam(x, y, by="units", sizes=(3, 0), seeds=2, epochs=3)
        assert [(size.size, size.parameters) for size in found.sizes] == [(0, 2), (3, 10)]  # 1 + 1, 3 + 3 + 3 + 1
        order = np.random.default_rng(1).permutation(40)
        train, held = order[12:], order[:12]
        model = build_model(x=x[train], y=y[train], units=(3,), learning_rate=0.01, seed=1)
        run = fit(model, x[train], y[train], epochs=3, validation_data=(x[held], y[held]), seed=1, verbose=0)
        assert found.sizes[1].train[1] == pytest.approx(run.history["loss"][-1], rel=1e-5)
        assert found.sizes[1].validation[1] == pytest.approx(run.history["val_loss"][-1], rel=1e-5)
        assert found.loss == "mean_squared_error"

    def test_networks_take_classes_and_are_ordered_by_their_parameters(self):
        data = load_data("digits")
        found = occam(data.x[:60].reshape(60, -1), data.y[:60], by="units", sizes=(0, 2), seeds=2, epochs=1)
        assert [(size.size, size.parameters) for size in found.sizes] == [(2, 64 * 2 + 2 + 2 * 10 + 10), (0, 650)]
        assert found.loss == "sparse_categorical_crossentropy"


class TestRule:
    def test_one_standard_error_by_hand(self):
        """Two losses 0.1 to either side of the mean have a standard error of 0.1."""
        found = Occam("degree", sized(2.0, 1.09, 1.11, 1.0, 1.05, spread=0.1), "mean_squared_error", 9, 1)
        assert found.best.size == 4
        assert found.best.standard_error == pytest.approx(0.1)
        assert found.limit == pytest.approx(1.1)
        assert found.simplest.size == 2
        assert str(found.findings[0]) == (
            "info simplest: degree of the polynomial 2 with 2 parameters lies within one standard error of the best, "
            "4 with 4 parameters."
        )

    def test_standard_errors_are_scipys(self, rng):
        stats = pytest.importorskip("scipy.stats")
        values = rng.normal(size=13)
        assert standard_error(values) == pytest.approx(stats.sem(values))

    def test_a_range_that_ends_too_early_is_said(self):
        found = Occam("degree", sized(3.0, 2.0, 1.0, spread=0.1), "mean_squared_error", 9, 1)
        assert [f.rule for f in found.findings] == ["simplest", "range_ends"]

    def test_a_peak_is_one_only_where_nearly_all_repetitions_agree(self):
        high = Occam("degree", sized(2.0, 1.0, 5.0, 1.5, spread=0.1), "mean_squared_error", 9, 1)
        assert high.peak.size == 3
        for means in ((3.0, 2.0, 1.0, 0.9), (1.0, 2.0, 3.0, 4.0), (2.0, 1.0, 1.3, 1.0)):
            assert Occam("degree", sized(*means, spread=0.1), "mean_squared_error", 9, 1).peak is None
        below, above, torn = (Size(i, i, np.zeros(2), np.array(v)) for i, v in enumerate(((1, 1), (5, 5), (2, 9))))
        assert Occam("degree", (below, above, torn), "mean_squared_error", 9, 1).peak is None

    def test_double_descent_has_its_peak_at_as_many_features_as_rows(self, descended):
        """Belkin et al. 2019, figure 2: at the interpolation threshold, after which the loss falls below the first."""
        assert descended.rows == 70
        assert descended.peak.size == 70
        assert descended.best.size == 400
        assert [f.rule for f in descended.findings] == ["simplest", "range_ends", "double_descent"]

    def test_for_a_polynomial_too(self, waves):
        found = occam(*waves, sizes=(1, 3, 5, 8, 15, 27, 60, 300), seeds=10)
        assert found.peak.size == 27  # 28 coefficients for 28 rows
        assert found.sizes[-1].mean < 1e-3 * found.peak.mean
        assert found.simplest.size == 5

    def test_what_the_example_says_of_the_mass_index(self):
        data = load_data("diabetes")
        found = occam(data.x[:, 2], data.y)
        assert found.simplest.size == 1
        assert found.simplest.mean == pytest.approx(3738, abs=1)
        assert max(size.size for size in found.sizes if size.mean <= found.limit) == 6
        assert found.sizes[-1].mean / found.simplest.mean == pytest.approx(34, abs=0.5)

    @pytest.mark.slow
    def test_what_the_example_says_of_ten_columns_and_of_digits(self):
        data, digits = load_data("diabetes"), load_data("digits")
        found = occam(data.x, data.y, by="units", sizes=(0, 1, 16), seeds=5)
        assert found.simplest.size == 0
        assert found.sizes[-1].mean > 1.3 * found.sizes[0].mean
        images = digits.x.reshape(len(digits.x), -1)
        found = occam(images, digits.y, by="units", sizes=(0, 64), seeds=5, epochs=30)
        assert found.simplest.size == 64
        some = np.random.default_rng(0).permutation(len(images))[:400]
        found = occam(images[some], np.eye(10)[digits.y[some]], by="features", sizes=(50, 100, 280, 3000), seeds=5)
        assert found.peak.size == 280
        assert found.sizes[-1].mean < 0.5 * min(found.sizes[0].mean, found.sizes[1].mean)


class TestFigure:
    def test_it_draws_means_bars_the_limit_and_the_simplest(self, waves):
        found = occam(*waves, sizes=(0, 1, 3, 5, 9, 30), seeds=4)
        ax = plot_occam(found)
        for container, name in zip(ax.containers, ("train", "validation"), strict=True):
            losses = np.array([getattr(size, name) for size in found.sizes])
            line, _, (bars,) = container
            np.testing.assert_allclose(line.get_xdata(), [1, 2, 4, 6, 10, 31])
            np.testing.assert_allclose(line.get_ydata(), losses.mean(axis=1))
            heights = [np.diff(segment[:, 1]).item() / 2 for segment in bars.get_segments()]
            np.testing.assert_allclose(heights, [standard_error(row) for row in losses], rtol=1e-5, atol=1e-12)
        assert ax.containers[0][0].get_marker() != ax.containers[1][0].get_marker()
        np.testing.assert_allclose(artist(ax, "limit").get_ydata(), [found.limit, found.limit])
        np.testing.assert_allclose(
            artist(ax, "simplest").get_xydata(), [[found.simplest.parameters, found.simplest.mean]]
        )
        np.testing.assert_allclose(artist(ax, "numbers").get_xdata(), [28, 28])
        assert ax.get_ylim()[1] <= 1e5 * found.best.mean * (1 + 1e-9)

    def test_it_says_what_happened(self):
        found = Occam("degree", sized(2.0, 1.0, 1.05, spread=0.1), "mean_squared_error", 9, 1)
        assert str(found).splitlines() == [
            "mean squared error, 9 rows to learn from, mean and standard error of 2 repetitions",
            "    degree   parameters     training   validation",
            "         1            1            0            2 ± 0.1",
            "         2            2            0            1 ± 0.1      simplest",
            "         3            3            0         1.05 ± 0.1      as good",
            "info simplest: degree of the polynomial 2 with 2 parameters is the best.",
        ]
        assert repr(found) == "<Occam degree 1 to 3: best 2, simplest 2>"
        assert "1.05 ± 0.1" in found._repr_html_()
        assert found.plot().axes[0].get_title(loc="left") == "degree 2 is best, none simpler is as good"
        alike = Occam("degree", sized(1.05, 1.0, spread=0.1), "mean_squared_error", 9, 1)
        assert plot_occam(alike).get_title(loc="left") == "degree 2 is best, 1 is as good"


class TestUsersOwn:
    def test_the_example_takes_a_csv(self, tmp_path, monkeypatch, capsys):
        (tmp_path / "mine.csv").write_text("a,b,c\n" + "".join(f"{i},{2 * i + 1},x\n" for i in range(12)))
        arguments = ["--csv", "mine.csv", "--columns", "a", "--target", "b", "--by", "degree", "features", "--quick"]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["occam.py", *arguments])
        runpy.run_path(str(ROOT / "examples/occam.py"), run_name="__main__")
        assert "b from a: degree\nmean squared error, 8 rows to learn from" in capsys.readouterr().out
        assert (tmp_path / "figures/occam.png").is_file()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"by": "unit"}, "by is one of degree, units, features. Received: by='unit'. Did you mean 'units'?"),
            ({"sizes": (1, 1)}, "sizes must be different whole numbers of at least 0. Received: sizes=(1, 1). "
             "Expected like (0, 1, 2, 3)."),
            ({"by": "features", "sizes": (0, 2)}, "sizes must be different whole numbers of at least 1. "
             "Received: sizes=(0, 2). Expected like (5, 10, 20, 50)."),
            ({"seeds": 1}, "seeds must be a whole number of at least 2. Received: seeds=1."),
            ({"validation_split": 1},
             "validation_split must lie between 0 and 1. Received: validation_split=1. Say 0.3."),
            ({"epochs": 5}, "epochs=5 are those of a network, but by='degree' is solved. Leave it out."),
            ({"x": np.zeros((4, 2))},
             "x has shape (4, 2). Expected one column, (n,): a polynomial here has one variable. "
             "Choose one, or say by='units' or by='features'."),
            ({"y": [1, 2]}, "x has 4 rows, but y has 2. Expected one y for each x."),
            ({"x": [1], "y": [1]}, "x has 1 row, of which validation_split leaves none. Pass more rows."),
        ],
    )  # fmt: skip
    def test_refusals(self, arguments, message):
        with refused(message):
            occam(**{"x": [0, 1, 2, 3], "y": [0, 1, 3, 2], **arguments})
