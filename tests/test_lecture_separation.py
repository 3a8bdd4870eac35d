"""A neuron's truth tables, the perceptron and its bound: known answers, and what the figures draw."""

import runpy
import sys
import warnings
from itertools import product

import keras
import numpy as np
import pytest
from conftest import ROOT, refused

from recipes import load_data
from recipes.lecture.neurons.neuron import XOR, ThresholdNeuron, fires, gate, neuron_for
from recipes.lecture.neurons.perceptron import learn_perceptron
from recipes.lecture.neurons.separate import boolean_inputs, separate
from recipes.plots import plot_errors, plot_mistakes, plot_path, plot_truth_table

INPUTS = boolean_inputs(2)
SQUARE = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])


def artist(ax, gid):
    return next(line for line in ax.lines if line.get_gid() == gid)


@pytest.fixture(scope="module")
def species():
    data = load_data("iris")
    return data.x, np.array(data.class_names)[data.y]


class TestSeparate:
    @pytest.mark.parametrize(("num_inputs", "separable"), [(1, 4), (2, 14), (3, 104)])
    def test_as_many_boolean_functions_as_are_known_to_be_threshold_functions(self, num_inputs, separable):
        """Sequence A000609 of the encyclopedia of integer sequences."""
        inputs = boolean_inputs(num_inputs)
        tables = product((False, True), repeat=len(inputs))
        assert sum(separate(inputs, np.array(table)).is_separable for table in tables) == separable

    def test_the_margin_of_two_points_is_half_their_distance_where_the_origin_lies_between(self):
        found = separate(np.array([[-3.0], [3.0]]), np.array([False, True]))
        np.testing.assert_allclose([*found.weights, found.bias], [1, 0], atol=1e-12)
        assert found.margin == pytest.approx(3)
        assert found.radius == pytest.approx(10**0.5)
        assert found.bound == pytest.approx(10 / 9)

    def test_a_linear_program_agrees(self, rng):
        from scipy.optimize import linprog

        kinds = set()
        for _ in range(60):
            n, m = rng.integers(2, 50), rng.integers(1, 4)
            x = rng.normal(size=(n, m)) * 10.0 ** rng.integers(-2, 3)
            truth = x @ rng.normal(size=m) > 0 if rng.random() < 0.5 else rng.random(n) < 0.5
            turned = np.where(truth, 1, -1)[:, None] * np.column_stack([x, np.ones(n)])
            program = linprog(np.zeros(m + 1), A_ub=-turned, b_ub=-np.ones(n), bounds=(None, None))
            found = separate(x, truth)
            assert found.is_separable == (program.status == 0)
            kinds.add(found.is_separable)
            if found.is_separable:
                distances = turned @ [*found.weights, found.bias]
                assert distances.min() == pytest.approx(found.margin)
                other = program.x / np.linalg.norm(program.x)  # no line has a wider margin
                assert (turned @ other).min() <= found.margin * (1 + 1e-9)
            else:
                for kind in (truth, ~truth):  # the proof, checked: the same point is a mean of both classes
                    assert found.shares[kind].sum() == pytest.approx(0.5)
                    np.testing.assert_allclose(2 * found.shares[kind] @ x[kind], found.common_point, atol=1e-7)
                assert (found.shares >= 0).all()
        assert kinds == {True, False}


class TestNeuron:
    @pytest.mark.parametrize(
        ("name", "threshold", "truth"),
        [("and", 2, [0, 0, 0, 1]), ("or", 1, [0, 1, 1, 1]), ("not", 0, [1, 0]), ("nand", -1, [1, 1, 1, 0]),
         ("nor", 0, [1, 0, 0, 0])],
    )  # fmt: skip
    def test_gates(self, name, threshold, truth):
        neuron = gate(name)
        assert neuron.first_threshold == threshold
        np.testing.assert_array_equal(fires(neuron), truth)

    def test_a_changed_threshold_makes_and_an_or(self):
        neuron = gate("and")
        fires(neuron)
        neuron.threshold.assign(1)
        np.testing.assert_array_equal(fires(neuron), [0, 1, 1, 1])

    def test_xor_is_refused_with_the_proof(self):
        message = (
            "No neuron has the truth table 0, 1, 1, 0. Where it should fire, (0, 1) and (1, 0) average to (0.5, 0.5), "
            "and where it should not, so do (0, 0) and (1, 1): a weighted sum would have to lie on both sides of its "
            "threshold there. Use two layers."
        )
        with refused(message):
            gate("xor")

    def test_every_other_function_of_two_inputs_gets_its_neuron(self):
        tables = [table for table in product((0, 1), repeat=4) if table not in ((0, 1, 1, 0), (1, 0, 0, 1))]
        for table in tables:
            np.testing.assert_array_equal(fires(neuron_for(table)), table)

    def test_xor_of_two_layers_in_a_model_that_is_saved(self, tmp_path):
        x = keras.Input((2,))
        hidden = keras.layers.Concatenate()([gate("or")(x), gate("nand")(x)])
        model = keras.Model(x, gate("and")(hidden))
        np.testing.assert_array_equal(fires(model), XOR)
        model.save(tmp_path / "xor.keras")
        np.testing.assert_array_equal(fires(keras.saving.load_model(tmp_path / "xor.keras")), XOR)

    def test_refusals(self):
        with refused(
            "Unknown gate. Received: name='nnd'. Expected one of and, or, not, nand, nor. Did you mean 'nand'?"
        ):
            gate("nnd")
        with refused(
            "A truth table holds 0 or 1 for each of the 2, 4, 8, ... 4,096 rows of Boolean inputs. "
            "Received: 0, 1, 1 of shape (3,). Expected something like [0, 0, 0, 1] for AND."
        ):
            neuron_for([0, 1, 1])
        with refused(
            "A neuron needs a finite weight for each input, and a threshold. Received: input_weights=(), threshold=1. "
            "Expected something like (1, 1) and 2."
        ):
            ThresholdNeuron((), 1)
        with pytest.raises(ValueError, match="This neuron has 2 weights, and its input 3 columns"):
            gate("and")(np.zeros((4, 3)))

    def test_the_figure_of_and_has_its_line_halfway(self):
        ax = plot_truth_table(fires(gate("and")), neuron=gate("and"), title="AND")
        (x, y), slope = artist(ax, "line").get_xy1(), artist(ax, "line").get_slope()
        direction = np.subtract(artist(ax, "line").get_xy2(), (x, y)) if slope is None else (1, slope)
        assert x + y == pytest.approx(1.5)  # between the sums 1 and 2
        assert direction[1] / direction[0] == pytest.approx(-1)
        assert ax.get_title(loc="left") == "AND\nfires where x1 + x2 ≥ 2"
        false, true = ax.lines[-2:]
        np.testing.assert_array_equal(true.get_xydata(), [[1, 1]])
        np.testing.assert_array_equal(false.get_xydata(), [[0, 0], [0, 1], [1, 0]])
        assert false.get_marker() != true.get_marker()  # told apart without colour

    @pytest.mark.parametrize(("threshold", "sum_on_line"), [(1, 0.5), (3, 2.5), (0, -0.5)])
    def test_the_figure_follows_a_changed_threshold(self, threshold, sum_on_line):
        """Also to where the neuron never fires, or always."""
        neuron = gate("and")
        fires(neuron)
        neuron.threshold.assign(threshold)
        ax = plot_truth_table(fires(neuron), neuron=neuron)
        assert sum(artist(ax, "line").get_xy1()) == pytest.approx(sum_on_line)
        assert ax.get_title(loc="left").endswith(f"fires where x1 + x2 ≥ {threshold}")

    def test_the_figure_of_xor_joins_both_pairs_and_marks_where_they_meet(self):
        ax = plot_truth_table(XOR)
        pairs = [line.get_xydata().tolist() for line in ax.lines if line.get_gid() == "pair"]
        assert pairs == [[[0, 1], [1, 0]], [[0, 0], [1, 1]]]
        np.testing.assert_allclose(artist(ax, "common point").get_xydata(), [[0.5, 0.5]])
        assert not [line for line in ax.lines if line.get_gid() == "line"]

    def test_three_inputs_have_no_plane(self):
        with refused("A truth table of 8 rows has no plane to be drawn in. Expected 2 or 4 rows."):
            plot_truth_table([0] * 8)


class TestPerceptron:
    def test_by_hand(self):
        """One column of two points at -1 and 1: the first row is a mistake from weights 0, and moves the line there."""
        x = np.array([[-1.0, 0], [1, 0]])
        run = learn_perceptron(x, [0, 1], learning_rate=2)
        first = 1 if run.path[1, 2] > 0 else -1  # which row came first
        np.testing.assert_array_equal(run.path[1], [2, 0, 2 * first])
        np.testing.assert_array_equal(run.path[2], [4, 0, 0])  # the other one lies on the line now, as a mistake
        np.testing.assert_array_equal(run.mistakes, [2, 0])
        assert run.bound == pytest.approx(2)  # R² = 2, γ = 1

    @pytest.mark.parametrize("columns", [(0, 1), (0, 2), (1, 3), (2, 3)])
    @pytest.mark.parametrize("seed", range(4))
    def test_mistakes_stay_within_novikoffs_bound(self, species, columns, seed):
        run = learn_perceptron(*species, columns=columns, classes=("setosa", "versicolor"), seed=seed)
        assert run.separation.is_separable
        assert 0 < run.num_mistakes <= run.bound
        assert run.num_mistakes == len(run.path) - 1
        assert run.mistakes[-1] == run.errors[-1] == 0
        assert run.findings[0].rule == "converged"
        x, y = run.points.x, run.points.is_second
        np.testing.assert_array_equal(run.predict_labels(x) == "versicolor", y)

    def test_the_rate_changes_no_mistake(self, species):
        runs = [
            learn_perceptron(*species, columns=(0, 1), classes=("setosa", "versicolor"), learning_rate=rate)
            for rate in (1, 0.125)  # a power of 2, whose products are exact
        ]
        np.testing.assert_array_equal(runs[0].mistakes, runs[1].mistakes)
        np.testing.assert_array_equal(runs[0].path / 8, runs[1].path)

    def test_xor_is_never_learnt(self):
        run = learn_perceptron(SQUARE, XOR, epochs=50)
        assert (run.mistakes > 0).all()
        assert run.bound == float("inf")
        np.testing.assert_allclose(run.separation.common_point, [0.5, 0.5])
        assert np.abs(run.path).max() < 5  # the weights go round in circles (Block and Levin 1970)
        assert str(run.findings[0]).startswith(
            "warning not_separable: no line parts the classes: the point (0.5, 0.5) lies among both."
        )

    def test_the_gradient_is_keras_own(self, species):
        run = learn_perceptron(
            *species, rule="gradient", columns=(0, 1), classes=("setosa", "versicolor"), epochs=6, learning_rate=0.05
        )
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(0.05), "binary_crossentropy", run_eagerly=True)
        x, y = run.points.x, run.points.is_second.astype("float32")[:, None]
        model.fit(x, y, batch_size=len(x), epochs=6, verbose=0)
        kernel, bias = model.get_weights()
        np.testing.assert_allclose(run.weights, [*kernel[:, 0], *bias], rtol=1e-4)

    @pytest.mark.parametrize("factor", [1e-3, 1, 1e3])
    def test_the_gradients_own_rate_lowers_the_loss_in_any_units(self, species, factor):
        x, y = species
        run = learn_perceptron(x * factor, y, rule="gradient", columns=(2, 3), classes=("versicolor", "virginica"))
        totals = run.path @ np.column_stack([run.points.x, np.ones(100)]).T  # (steps, n)
        losses = np.logaddexp(0, np.where(run.points.is_second, -totals, totals)).mean(axis=1)
        assert losses[0] == pytest.approx(np.log(2))
        assert (np.diff(losses) < 0).all()

    @pytest.mark.parametrize("rule", ["rosenblatt", "gradient"])
    def test_its_keras_model_says_the_same(self, species, rule):
        run = learn_perceptron(*species, rule=rule, columns=(2, 3), classes=("versicolor", "virginica"), epochs=20)
        output = np.asarray(run.keras_model()(run.points.x.astype("float32")))[:, 0] > 0.5
        np.testing.assert_array_equal(
            np.array(run.points.classes)[output.astype(int)], run.predict_labels(run.points.x)
        )

    def test_runs_are_repeatable_and_leave_numpys_generator_alone(self, species):
        before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global one is what must not change
        a, b, c = (
            learn_perceptron(*species, columns=(0, 1), classes=("setosa", "versicolor"), seed=s) for s in (3, 3, 4)
        )
        np.testing.assert_array_equal(a.path, b.path)
        assert len(a.path) != len(c.path) or (a.path != c.path).any()
        np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002

    def test_what_the_example_says_of_the_gradient(self, species):
        one = learn_perceptron(*species, rule="gradient", columns=(0, 1), classes=("setosa", "versicolor"), epochs=500)
        assert set(one.errors[19:]) == {1}
        two = learn_perceptron(
            *species, rule="gradient", columns=(2, 3), classes=("versicolor", "virginica"), epochs=10_000
        )
        assert two.errors[-1] == 7

    def test_it_says_what_happened(self, species):
        run = learn_perceptron(*species, columns=(0, 1), classes=("setosa", "versicolor"), names=("length", "width"))
        assert str(run).splitlines() == [
            "Rosenblatt's rule: setosa or versicolor from length and width, 100 rows",
            f"{run.num_mistakes:,} mistakes in {len(run.errors)} epochs; 0 errors at the end",
            "versicolor where {:.4g}·length {:+.4g}·width {:+.4g} > 0".format(*run.weights),
            "mistakes at most (R/γ)² = (7.76/0.0522)² = 22,134",
            "info converged: the line parts all 100 rows.",
        ]
        assert repr(run).startswith("<PerceptronRun rosenblatt: 1,451 mistakes in 495 epochs")
        assert "22,134" in run._repr_html_()


class TestUsersData:
    def test_a_table_with_text_beside_and_the_targets_name(self):
        pandas = pytest.importorskip("pandas")
        table = pandas.DataFrame(
            {
                "id": ["a", "b", "c", "d"],
                "age": [1, 2, 8, 9],
                "dose": [0.1, 0.3, 0.2, 0.4],
                "ill": ["no", "no", "yes", "yes"],
            }
        )
        run = learn_perceptron(table, "ill", columns=("age", "dose"))
        assert run.points.columns == ("age", "dose")
        assert run.points.classes == ("no", "yes")
        assert run.predict_labels(table[["age", "dose"]]).tolist() == table["ill"].tolist()

    def test_the_example_takes_a_csv(self, tmp_path, monkeypatch, capsys):
        rows = "".join(f"{name},{i},{i * sign},x\n" for i in (1, 2) for name, sign in (("up", 1), ("down", -1)))
        (tmp_path / "mine.csv").write_text("kind,a,b,c\n" + rows)
        arguments = ["--csv", "mine.csv", "--columns", "a", "b", "--label", "kind", "--quick"]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["perceptron.py", *arguments])
        runpy.run_path(str(ROOT / "examples/perceptron.py"), run_name="__main__")
        assert "down or up from a and b, 4 rows" in capsys.readouterr().out
        assert (tmp_path / "figures/perceptron.png").is_file()
        assert "mistake 1 of " in (tmp_path / "figures/perceptron.html").read_text()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"x": np.zeros((4, 4))}, "x has 4 columns. Expected two, the axes of the plane. Say which, such as "
             "columns=(0, 3)."),
            ({"x": np.zeros((4, 1))}, "x has 1 column. Expected two, the axes of the plane. Add another column."),
            ({"x": np.zeros(4)}, "x has shape (4,). Expected two columns, (n, 2). A line needs a plane to lie in."),
            ({"columns": (0, 7)}, "x has no column 7. It has 0, 1."),
            ({"columns": (0, 0)},
             "columns must be two different ones. Received: columns=(0, 0). Expected like (0, 2)."),
            ({"y": [1, 1, 1, 1]},
             "y holds one class only (1) in 4 rows. Expected two. Look where y was filtered, sorted or split."),
            ({"y": [0, 1, 2, 2]},
             "y holds 3 classes (0, 1, 2). Expected two, as a line has two sides. Say which, such as classes=(0, 1)."),
            ({"classes": (0, "b")}, "y has no label 'b'. It has 0, 1."),
            ({"classes": (1, 1)}, "classes must be two different labels. Received: classes=(1, 1)."),
            ({"y": np.eye(4)[:, :2]}, "y has shape (4, 2). Expected one label a row, (n,). Pass y.argmax(axis=1)."),
            ({"y": [0, 1]}, "x has 4 rows, but y has 2. Expected one label for each row of x."),
            ({"y": "ill"}, "y='ill' names a column, but x is no table. Pass the labels themselves, one for each row."),
            ({"x": [[0, 1], [2, np.nan], [1, 1], [2, 2]]},
             "x has 1 value not finite; the first is NaN in row 1, column 1. "
             "Expected finite numbers. Drop those rows or impute the values."),
            ({"y": [0, 1, np.nan, 1]}, "y has 1 value not finite; the first is NaN in row 2. "
             "Expected finite numbers. Drop those rows or impute the values."),
            ({"rule": "rosenblat"}, "Unknown rule. Received: rule='rosenblat'. Expected one of rosenblatt, gradient. "
             "Did you mean 'rosenblatt'?"),
            ({"epochs": 0}, "epochs must be a whole number of at least 1. Received: epochs=0."),
            ({"learning_rate": 0}, "learning_rate must be above 0. Received: learning_rate=0. Leave it out."),
            ({"names": "ab"}, "names must be those of the two columns. Received: names='ab'. Leave it out."),
        ],
    )  # fmt: skip
    def test_refusals(self, arguments, message):
        with refused(message):
            learn_perceptron(**({"x": SQUARE, "y": [0, 0, 1, 1]} | arguments))

    def test_text_in_the_columns(self):
        with pytest.raises(ValueError, match=r"x holds text \('a', 'b'\). Expected numbers"):
            learn_perceptron([["a", "b"], ["b", "a"]], [0, 1])

    @pytest.mark.parametrize(
        "x", [[[1, 1], [1, 1]], [[0, 0], [0, 1]], [[1e6, 1], [1e6 + 10, 1]], [[2e-6, 1], [1e-6, 1]]]
    )
    def test_degenerate_points(self, x):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run = learn_perceptron(x, ["a", "b"], epochs=20)
            run.plot().savefig("/dev/null", format="png")
        assert run.separation.is_separable == (x[0] != x[1])


class TestFigures:
    def test_the_path_the_points_and_the_mistakes(self, species):
        run = learn_perceptron(*species, columns=(0, 1), classes=("setosa", "versicolor"))
        ax = plot_path(run)
        end = artist(ax, "end")
        x, y = end.get_xy1()
        assert run.weights @ [x, y, 1] == pytest.approx(0, abs=1e-9)
        x, y = end.get_xy2()
        assert run.weights @ [x, y, 1] == pytest.approx(0, abs=1e-6)
        drawn = [len(line.get_xdata()) for line in ax.lines[-2:]]
        assert drawn == [50, 50]
        steps = [int(line.get_gid().split()[1]) for line in ax.lines if (line.get_gid() or "").startswith("step")]
        assert steps == sorted(steps)
        assert steps[0] == 1
        x, y = artist(ax, "step 1").get_xy1()
        assert run.path[1] @ [x, y, 1] == pytest.approx(0, abs=1e-9)
        curve, bound = plot_mistakes(run).lines
        assert curve.get_ydata()[-1] == run.num_mistakes
        assert set(bound.get_ydata()) == {run.bound}

    def test_without_a_line_there_is_a_best_one_and_no_bound(self, species):
        run = learn_perceptron(*species, columns=(2, 3), classes=("versicolor", "virginica"), epochs=100)
        ax = plot_path(run)
        x, y = artist(ax, "best").get_xy1()
        assert run.best @ [x, y, 1] == pytest.approx(0, abs=1e-9)
        rows = np.column_stack([run.points.x, np.ones(100)])
        assert ((rows @ run.best > 0) != run.points.is_second).sum() == run.errors.min() < run.errors[-1]
        assert len(plot_mistakes(run).lines) == 1
        (errors,) = plot_errors({"a": run}).lines
        np.testing.assert_array_equal(errors.get_ydata(), run.errors)

    @pytest.mark.parametrize("rule", ["rosenblatt", "gradient"])
    def test_plot_is_a_figure_of_both(self, species, rule):
        figure = learn_perceptron(*species, rule=rule, columns=(2, 3), classes=("setosa", "versicolor")).plot()
        assert [ax.get_ylabel() for ax in figure.axes] == [
            "column 3", "mistakes" if rule == "rosenblatt" else "rows on the wrong side"
        ]  # fmt: skip
