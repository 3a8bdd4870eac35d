"""The best line by two losses, clusters by their variances: known answers, and what the figures draw."""

import keras
import numpy as np
import pytest
from conftest import refused

from recipes.lecture.models.clusters import cluster
from recipes.lecture.models.lines import fit_lines
from recipes.plots import plot_clusters, plot_lines, plot_variances

L2, L1 = "mean_squared_error", "mean_absolute_error"


def artist(ax, gid):
    return next(line for line in ax.lines if line.get_gid() == gid)


@pytest.fixture(scope="module")
def with_outliers():
    """Twenty points on y = 3 x - 2 and five far above it."""
    x = np.arange(25.0)
    return x, 3 * x - 2 + 50 * (x % 5 == 1)


class TestLines:
    def test_l1_does_not_see_a_fifth_of_outliers_and_l2_does(self, with_outliers):
        x, y = with_outliers
        lines = fit_lines(x, y)
        assert lines[L1].slope == pytest.approx(3, abs=1e-12)
        assert lines[L1].intercept == pytest.approx(-2, abs=1e-11)
        assert lines[L1].losses[L1] == pytest.approx(10)  # 50 in a fifth of the rows
        np.testing.assert_allclose([lines[L2].slope, lines[L2].intercept], np.polyfit(x, y, 1), rtol=1e-12)
        assert abs(lines[L2].intercept + 2) > 5

    def test_each_line_is_best_by_its_own_loss(self, with_outliers):
        lines = fit_lines(*with_outliers)
        assert lines[L2].losses[L2] < lines[L1].losses[L2]
        assert lines[L1].losses[L1] < lines[L2].losses[L1]

    @pytest.mark.parametrize("offset", [0, 1e4])
    def test_a_linear_program_agrees(self, rng, offset):
        from scipy.optimize import linprog

        for _ in range(40):
            n = int(rng.integers(2, 30))
            x = np.float32(offset) + rng.integers(-5, 6, n).astype("float32")  # with ties
            y = rng.standard_cauchy(n).astype("float32")
            if x.min() == x.max():
                continue
            line = fit_lines(x, y)[L1]
            a, b = x.astype(float) - offset, y.astype(float)
            best = -linprog(-b, A_eq=np.vstack([a, np.ones(n)]), b_eq=(0, 0), bounds=(-1, 1)).fun / n
            assert line.losses[L1] == pytest.approx(best, rel=1e-6, abs=1e-6)
            rest = np.abs(line.slope * x + line.intercept - y)
            assert (rest < 1e-6 * (1 + abs(offset))).sum() >= min(n, 2) - (n % 2 == 0)  # it passes through points

    @pytest.mark.parametrize("loss", [L1, L2])
    def test_no_step_of_keras_lowers_the_loss_further(self, with_outliers, loss):
        x, y = with_outliers
        x = (x - x.mean()) / x.std()
        line = fit_lines(x, y)[loss]
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-3), loss, run_eagerly=True)
        model.set_weights([np.array([[line.slope]]), np.array([line.intercept])])
        before = model.evaluate(x[:, None], y[:, None], batch_size=25, verbose=0)
        assert before == pytest.approx(line.losses[loss], rel=1e-5)
        model.fit(x[:, None], y[:, None], batch_size=25, epochs=3, verbose=0)
        assert model.evaluate(x[:, None], y[:, None], batch_size=25, verbose=0) >= before * (1 - 1e-6)

    @pytest.mark.parametrize("factor", [1e-6, 1e6])
    def test_units_do_not_matter(self, with_outliers, factor):
        x, y = with_outliers
        plain, other = fit_lines(x, y), fit_lines(x * factor, y / factor)
        for loss in (L1, L2):
            assert other[loss].slope * factor**2 == pytest.approx(plain[loss].slope, rel=1e-4)  # float32 rounds x

    def test_it_says_which(self, with_outliers):
        lines = fit_lines(*with_outliers, names=("age", "dose"))
        table = str(lines).splitlines()
        assert table[0] == "dose from age, 25 rows"
        assert table[1].split() == ["best", "by", "line", L2, L1]
        assert table[3].split() == ["L1", "3·x", "-2", "500", "10"]
        assert "3·x -2" in lines._repr_html_()

    def test_a_table_brings_its_names(self):
        pandas = pytest.importorskip("pandas")
        table = pandas.DataFrame({"age": [1, 2, 3], "dose": [2, 4, 7]})
        assert fit_lines(table[["age"]], table["dose"]).names == ("age", "dose")

    @pytest.mark.parametrize(
        ("x", "y", "message"),
        [
            ([1, 1, 1], [1, 2, 3], "x is 1 in 3 rows. Expected two different values at least: through points above one "
             "another every line is as good. Take another column."),
            ([[1, 2], [3, 4]], [1, 2], "x has shape (2, 2). Expected one column of numbers, (n,). Choose one."),
            ([1, 2, 3], [1, 2], "x has 3 rows, but y has 2. Expected one y for each x."),
            ([1, np.nan], [1, 2], "x has 1 value not finite; the first is NaN in row 1. "
             "Expected finite numbers. Drop those rows or impute the values."),
        ],
    )  # fmt: skip
    def test_refusals(self, x, y, message):
        with refused(message):
            fit_lines(x, y)

    def test_text_as_y(self):
        with pytest.raises(ValueError, match=r"y holds text \('a', 'b'\). Expected numbers"):
            fit_lines([1, 2], ["a", "b"])

    def test_both_lines_and_the_outliers_are_drawn(self, with_outliers):
        x, y = with_outliers
        lines = fit_lines(x, y)
        ax = plot_lines(lines, outliers=x % 5 == 1, reference=lines[L1])
        for loss in (L1, L2):
            drawn = artist(ax, loss)
            np.testing.assert_allclose(drawn.get_ydata(), lines[loss].slope * drawn.get_xdata() + lines[loss].intercept)
        assert artist(ax, L1).get_linestyle() != artist(ax, L2).get_linestyle()  # told apart without colour
        assert [len(line.get_xdata()) for line in ax.lines[:2]] == [20, 5]
        assert "L1: 3·x -2" in [text.get_text() for text in ax.get_legend().get_texts()]
        assert lines.plot().axes[0].get_xlabel() == "x"


class TestClusters:
    def test_four_corners_of_a_rectangle(self):
        """Sides 8 and 2: the variance is 16 + 1, and two clusters take the long side out of it."""
        found = cluster([[0, 0], [0, 2], [8, 0], [8, 2]], num_clusters=2, most=4)
        np.testing.assert_allclose(found.intra, [17, 1, 0.5, 0], atol=1e-9)
        np.testing.assert_allclose(found.inter, [0, 16, 16.5, 17], atol=1e-9)
        np.testing.assert_array_equal(found.labels, [0, 0, 1, 1])
        np.testing.assert_allclose(found.centres, [[0, 1], [8, 1]])
        assert str(found).splitlines()[3].split() == ["2", "1", "16", "<-", "shown"]

    def test_within_and_between_add_up_for_any_data(self, rng):
        found = cluster(rng.normal(size=(60, 3)) * [1, 5, 2] + 7, num_clusters=4, most=5)
        np.testing.assert_allclose(found.intra + found.inter, found.total, rtol=1e-12)
        assert (np.diff(found.intra) < 0).all()
        assert found.centres.shape == (4, 3)
        assert len(found.plot().axes) == 1  # three columns are drawn in no plane

    def test_it_is_repeatable(self, rng):
        x = rng.normal(size=(40, 2))
        np.testing.assert_array_equal(cluster(x, seed=1).labels, cluster(x, seed=1).labels)

    def test_refusals(self):
        with refused(
            "x has 2 different rows, too few for 3 clusters. Expected at least 3. "
            "Say num_clusters and most of at most 2."
        ):
            cluster([[0, 0], [0, 0], [1, 1]], num_clusters=2, most=3)
        with refused("num_clusters must be a whole number of at least 1. Received: num_clusters=0."):
            cluster([[0, 0]], num_clusters=0)
        with refused("x has shape (2, 2, 2). Expected one row of numbers for each point, (n, d). Flatten it."):
            cluster(np.zeros((2, 2, 2)))
        with refused("The points have 1 column. Expected two, to be drawn in a plane."):
            plot_clusters(cluster([0, 1, 2, 3], num_clusters=2, most=2))

    def test_the_figures_hold_the_points_and_the_variances(self):
        found = cluster([[0, 0], [0, 2], [8, 0], [8, 2]], num_clusters=2, most=4)
        ax = plot_clusters(found)
        np.testing.assert_array_equal(artist(ax, "cluster 1").get_xydata(), [[8, 0], [8, 2]])
        assert artist(ax, "cluster 0").get_marker() != artist(ax, "cluster 1").get_marker()
        spokes = ax.lines[0].get_xydata().reshape(2, 3, 2)  # point, centre, gap
        np.testing.assert_array_equal(spokes[:, 0], [[0, 0], [0, 2]])
        np.testing.assert_array_equal(spokes[:, 1], [[0, 1], [0, 1]])
        within, between, total = plot_variances(found).lines[:3]
        np.testing.assert_array_equal(within.get_ydata(), found.intra)
        np.testing.assert_array_equal(between.get_ydata(), found.inter)
        assert set(total.get_ydata()) == {17.0}
        assert len(found.plot().axes) == 2


def test_what_the_example_says():
    from recipes import load_data

    right = load_data("iris").x[:, 2:].astype(float)
    points = right.copy()
    points[-8:] = points[-8:, ::-1]
    slopes = [[fit_lines(*rows.T)[loss].slope for rows in (right, points)] for loss in (L2, L1)]
    np.testing.assert_allclose(slopes, [[0.416, 0.286], [0.419, 0.400]], atol=6e-4)
    found = cluster(points, num_clusters=3, most=3)
    assert found.intra[2] / found.total == pytest.approx(0.124, abs=1e-3)
    assert len({*found.labels[-8:]}) == 1
    assert found.labels[-1] not in found.labels[:-8]
