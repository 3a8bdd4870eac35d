"""Simulated streaks: the two networks, their comparison with the periodogram, and its figure."""

import keras
import numpy as np
import pytest
from conftest import refused
from light_curves import shapes

import recipes
from recipes import fit
from recipes.lecture.astronomy.extraction import WIDTH, Streaks, simulate_streaks
from recipes.lecture.astronomy.readout import CLASSES, FLARE, RATE, TIMES, simulate_readout
from recipes.lecture.astronomy.streak_networks import build_cnn, build_transformer
from recipes.lecture.astronomy.streaks import (
    BUILDERS,
    CNN,
    CNN_STRIPS,
    METHODS,
    PERIODOGRAM,
    TRANSFORMER,
    TRANSFORMER_STRIPS,
    TUNED,
    Judged,
    StreakComparison,
    compare_classifiers,
    inputs_of,
)
from recipes.plots import plot_accuracies, plot_light_curve, plot_readout
from recipes.plots.style import new_figure

BUILT = pytest.mark.parametrize("build", [build_transformer, build_cnn])


class TestNetworks:
    @BUILT
    def test_it_gives_a_probability_for_each_class(self, build, rng):
        model = build(WIDTH, times=64)
        assert model.input_shape == (None, 64, WIDTH)
        out = np.asarray(model(rng.normal(size=(3, 64, WIDTH))))
        assert out.shape == (3, len(CLASSES))
        np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-5)
        assert model.loss == "sparse_categorical_crossentropy"
        assert model.count_params() < 100_000

    @BUILT
    def test_weights_depend_on_the_seed_alone(self, build):
        first, same, other = (build(times=64, seed=seed).get_weights() for seed in (3, 3, 4))
        assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))

    @BUILT
    def test_what_stands_far_out_is_compressed(self, build):
        model = build(times=64)
        layer = model.get_layer("compressed")
        inner = layer(model.get_layer("in_halves")(np.array([[[4.0]], [[-4.0]], [[1e6]]])))
        assert np.asarray(inner).ravel().round(4).tolist() == [0.5, -0.5, 1.0]

    def test_tokens_are_patches_and_know_their_place(self, rng):
        model = build_transformer(times=64)
        assert model.get_layer("tokens").output.shape == (None, 8, 64)
        tokens = rng.normal(size=(1, 8, 64))
        behind = keras.Model(model.get_layer("positions").input, model.output)
        swapped = tokens[:, [1, 0, *range(2, 8)]]
        assert np.abs(np.asarray(behind(tokens)) - np.asarray(behind(swapped))).max() > 1e-5
        model.get_layer("positions").vectors.assign(np.zeros((8, 64)))
        np.testing.assert_allclose(behind(tokens), behind(swapped), atol=1e-5)

    @BUILT
    @pytest.mark.slow_but("build_cnn")
    def test_it_learns_is_saved_and_loads(self, build, rng, tmp_path):
        """Rises and dips of a few rows, anywhere: two of the four classes."""
        x, y = rng.normal(size=(256, 64, 1)).astype(np.float32), rng.integers(2, 4, 256)
        for each, kind, start in zip(x, y, rng.integers(0, 56, 256), strict=True):
            each[start : start + 8] += 4 * (1 if kind == FLARE else -1)
        run = fit(build(times=64, learning_rate=3e-3), x, y, epochs=8, batch_size=32, verbose=0)
        assert run.engine.name == "resident"
        assert run.history["accuracy"][-1] > 0.95
        assert (run.predict(x).argmax(axis=1) == y).mean() > 0.95
        run.save(tmp_path / "kept")
        np.testing.assert_array_equal(recipes.load(tmp_path / "kept").predict(x), run.predict(x))

    def test_refusals(self):
        with refused("times must be a multiple of 8, the samples of a patch. Received: times=100."):
            build_transformer(times=100)
        with refused("channels must be a whole number of at least 1. Received: channels=0."):
            build_cnn(0)


class TestComparison:
    @pytest.mark.slow
    def test_a_small_one_to_its_end(self):
        said = []
        found = compare_classifiers(
            (PERIODOGRAM, CNN_STRIPS), training_images=2, test_images=1, epochs=1, seed=5, say=said.append
        )
        assert [line.split(":")[0] for line in said] == [
            "20 streaks to learn from, 10 to be judged on", PERIODOGRAM, CNN_STRIPS]  # fmt: skip
        test = simulate_streaks(1, seed=6)
        np.testing.assert_array_equal(found.test.curves, test.curves)
        np.testing.assert_array_equal(found.judged[PERIODOGRAM][0].classes, TUNED.classify(test.curves))
        run = found.judged[CNN_STRIPS][0].run
        assert (run.epochs, run.steps) == (1, 1)
        assert run.model.input_shape == (None, TIMES, WIDTH)
        head, names, *rows = str(found).splitlines()
        assert head == "Simulated streaks: accuracy on 10 that no method has seen"
        assert names.split()[:3] == ["method", "accuracy", "constant"]
        assert rows[1].split()[-2] == f"{run.model.count_params():,}"

    def test_networks_take_curves_or_strips(self):
        streaks = simulate_streaks(1, seed=3)
        assert [inputs_of(streaks, method).shape[2] for method in METHODS[1:]] == [1, 1, WIDTH, WIDTH]
        np.testing.assert_array_equal(inputs_of(streaks, CNN)[..., 0], streaks.curves)
        assert {method: build(times=16).name for method, build in BUILDERS.items()} == {
            CNN: "cnn", CNN_STRIPS: "cnn", TRANSFORMER: "transformer", TRANSFORMER_STRIPS: "transformer"}  # fmt: skip

    def test_the_table_by_hand(self, made):
        assert made.accuracies(PERIODOGRAM).tolist() == [0.5]
        assert made.accuracies(CNN).tolist() == [1.0, 0.5]
        assert made.rows == [
            (PERIODOGRAM, "0.500", "1.00", "1.00", "0.00", "0.00", "1.00", "1.00", "", "0.00", "0.50", "0.50", "", "1"),
            (CNN, "0.750 ± 0.354", "1.00", "1.00", "0.50", "0.50", "1.00", "1.00", "", "0.50", "0.75", "0.75", "", "2"),
        ]  # fmt: skip
        assert "<th>CNN</th><td>0.750 ± 0.354</td>" in made._repr_html_()

    def test_groups_leave_no_streak_out(self, made):
        rows = list(made.groups.values())
        for part in (rows[:4], rows[4:8], rows[8:]):
            assert sorted(np.concatenate(part)) == list(range(len(made.test)))

    def test_refusals(self):
        with refused(
            "Unknown method. Received: 'transfomer'. Expected some of periodogram, CNN, transformer, CNN on strips, "
            "transformer on strips. Did you mean 'transformer'?"
        ):
            compare_classifiers(("transfomer",))
        for name in ("repeats", "training_images", "test_images", "epochs"):
            with refused(f"{name} must be a whole number of at least 1. Received: {name}=0."):
                compare_classifiers(**{name: 0})


@pytest.fixture
def made(rng):
    """A comparison whose answers are known: four streaks, one of each class."""
    curves = shapes(rng)
    snr, hit = np.array([3.0, 7.0, 30.0, 40.0]), np.array([True, False, True, False])
    test = Streaks(curves, np.tile(curves[..., None], WIDTH), np.arange(4), snr, hit)
    half, right = np.array([0, 1, 0, 0]), np.arange(4)
    judged = {PERIODOGRAM: [Judged(half, 1.0)], CNN: [Judged(right, 2.0), Judged(half, 2.0)]}
    return StreakComparison(test, judged, simulate_readout(np.random.default_rng(1)))


class TestFigure:
    def test_the_image_lies_on_its_side_with_a_name_at_each_streak(self, made):
        ax = plot_readout(made.image)
        np.testing.assert_array_equal(ax.images[0].get_array(), made.image.pixels.T)
        assert ax.get_yticks().tolist() == made.image.columns.tolist()
        assert [text.get_text() for text in ax.get_yticklabels()] == [CLASSES[kind] for kind in made.image.classes]

    def test_a_light_curve_says_what_was_said_of_it(self, made):
        ax = plot_light_curve(made, 2)
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), made.test.curves[2])
        assert ax.lines[0].get_xdata()[-1] == pytest.approx((TIMES - 1) / RATE)
        assert ax.get_title(loc="left") == "eclipse, S/N 30; periodogram: constant"
        assert plot_light_curve(made, 1).get_title(loc="left") == "pulsation, S/N 7; all methods are right"

    def test_accuracies_stand_at_their_signal_to_noise(self, made):
        ax = plot_accuracies(made)
        for method, heights in ((PERIODOGRAM, [1, 1, 0]), (CNN, [1, 1, 0.5])):
            (bars,) = (each for each in ax.containers if each.get_label().startswith(f"{method}:"))
            assert bars.lines[0].get_ydata().tolist() == heights
        assert [text.get_text() for text in ax.get_xticklabels()] == [
            "S/N < 5\n1 streak", "5 to 10\n1 streak", "> 20\n2 streaks"]  # fmt: skip

    @pytest.mark.parametrize("size", [(5.5, 4.4), (4.4, 5.2)])
    def test_no_point_leaves_the_frame_or_lies_under_the_legend(self, made, size):
        """Low ones, as after an epoch, and high ones, as in docs/streaks.md."""
        for classes, where in ((np.zeros(4, int), "below"), (np.arange(4), "in the frame")):
            judged = {method: [Judged(classes, 1.0)] for method in METHODS}
            figure = new_figure(size)
            ax = plot_accuracies(StreakComparison(made.test, judged, made.image), figure.add_subplot())
            figure.draw_without_rendering()
            legend = ax.get_legend().get_window_extent()
            points = [ax.transData.transform(point) for line in ax.containers for point in line.lines[0].get_xydata()]
            assert not [point for point in points if legend.contains(*point)]
            assert all(ax.get_window_extent().contains(*point) for point in points)
            assert ax.get_window_extent().contains(*legend.min) == (where == "in the frame")
            assert figure.bbox.contains(*legend.min)
            assert figure.bbox.contains(*legend.max)
            assert where == "in the frame" or legend.y1 < ax.xaxis.get_tightbbox().y0

    def test_the_axis_is_as_long_as_docs_streaks_md_shows_it(self, made):
        test = made.test.take(np.repeat([1, 2, 3], 50))
        said = np.where(np.arange(150) % 5, test.classes, 0)  # right of four in five
        found = StreakComparison(test, {CNN: [Judged(said, 1.0)]}, made.image)
        assert plot_accuracies(found).get_ylim() == (0.2, 1.0)

    def test_all_of_it_on_one_figure(self, made):
        assert len(made.plot().axes) == 6
