"""The loss around a model: known surfaces, directions filter by filter, and a model that is left as it was."""

import random
import runpy
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, refused
from keras import layers

from recipes import build_model, fit
from recipes.lecture.training import landscape as module
from recipes.lecture.training.directions import random_directions
from recipes.lecture.training.landscape import loss_landscape
from recipes.plots import plot_landscape


def artist(ax, gid):
    return next(line for line in ax.lines if line.get_gid() == gid)


def loss_with(model, weights, x, y):
    """Keras' own loss of a copy with these weights."""
    copy = keras.models.clone_model(model)
    copy.compile(loss=model.loss)
    copy.set_weights(weights)
    return copy.evaluate(x, y, verbose=0, return_dict=True)["loss"]


def everything_of(model):
    """All that a model remembers, as it stands."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [np.array(variable.numpy()) for variable in variables], [
        layer.trainable for layer in model._flatten_layers()
    ]


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(0)
    return generator.normal(size=(60, 4)).astype("float32"), generator.normal(size=(60, 2)).astype("float32")


@pytest.fixture(scope="module")
def line(rows):
    """A linear model at the least squares' solution."""
    x, y = rows
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    model.compile("sgd", "mean_squared_error")
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(60)]), y, rcond=None)[0]
    model.set_weights([solution[:4], solution[4]])
    return model


@pytest.fixture(scope="module")
def pictures():
    """A nested network on pictures of three colours with two outputs, trained for an epoch by Keras."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(70, 8, 8, 3)).astype("float32")
    y = {"kind": generator.integers(0, 3, 70), "size": generator.normal(size=(70, 1)).astype("float32")}
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(6, 3, kernel_regularizer="l2"), layers.BatchNormalization(),
         layers.ReLU(), layers.DepthwiseConv2D(3), layers.Flatten(), layers.Dropout(0.5)], name="encoder")  # fmt: skip
    image = keras.Input((8, 8, 3))
    code = layers.Dense(5, "tanh", activity_regularizer=keras.regularizers.L2(0.01))(encoder(image))
    model = keras.Model(image, [layers.Dense(3, "softmax", name="kind")(code), layers.Dense(1, name="size")(code)])
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"}, metrics={"size": ["mae"]},
                  loss_weights={"kind": 1.0, "size": 0.5})  # fmt: skip
    model.fit(x, y, verbose=0)
    return model, x, y


class TestKnownSurfaces:
    def test_of_a_linear_model_with_squares_it_is_a_quadratic_form(self, line, rows):
        """L(w + d) - L(w) = mean of (x · d)² where w is the solution, whatever d."""
        x, y = rows
        found = loss_landscape(line, x, y, points=7, span=2)
        first, second = (direction[0] for direction in random_directions(line, 0))
        expected = [
            [found.value + np.mean((x @ (a * first + b * second)) ** 2) for a in found.first] for b in found.second
        ]
        np.testing.assert_allclose(found.losses, expected, rtol=2e-5)
        assert found.lowest == (0, 0, found.value)
        a, b = np.meshgrid(found.first, found.second)
        terms = np.column_stack([np.ones(49), a.ravel(), b.ravel(), a.ravel() ** 2, (a * b).ravel(), b.ravel() ** 2])
        fitted = terms @ np.linalg.lstsq(terms, found.losses.ravel(), rcond=None)[0]
        np.testing.assert_allclose(fitted, found.losses.ravel(), rtol=2e-5)
        rim = found.losses[(np.abs(a) == 2) | (np.abs(b) == 2)]
        assert found.rise == pytest.approx(rim.mean() - found.value)
        assert (found.num_moved, found.num_rows) == (8, 60)

    def test_each_place_is_what_keras_says_with_its_weights(self, pictures):
        model, x, y = pictures
        found = loss_landscape(model, x, y, points=3, span=0.5, seed=4)
        assert found.value == pytest.approx(model.evaluate(x, y, verbose=0, return_dict=True)["loss"], rel=1e-5)
        directions = random_directions(model, 4)
        before = model.get_weights()
        moves = dict(zip(map(id, model.trainable_variables), zip(*directions, strict=True), strict=True))
        try:
            for j, i in [(0, 0), (2, 1)]:
                a, b = found.first[i], found.second[j]
                there = [
                    weights + a * moves[id(v)][0] + b * moves[id(v)][1] if id(v) in moves else weights
                    for v, weights in zip(model.weights, before, strict=True)
                ]
                model.set_weights(there)
                its = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
                assert found.losses[j, i] == pytest.approx(its, rel=1e-4)
        finally:
            model.set_weights(before)

    def test_batches_change_nothing(self, pictures):
        model, x, y = pictures
        whole, parts = (loss_landscape(model, x, y, points=3, batch_size=size) for size in (1024, 70 // 2))
        np.testing.assert_allclose(whole.losses, parts.losses, rtol=1e-4)

    @pytest.mark.parametrize("eagerly", [False, True])
    def test_traced_and_run_as_it_is(self, line, rows, eagerly, monkeypatch):
        """Both ways give the same; the first is the one that is taken."""
        if eagerly:
            monkeypatch.setattr(module._Measure, "_traced", lambda self: None)
        else:
            asked = module._Measure._traced
            monkeypatch.setattr(module._Measure, "_traced", lambda self: _there(asked(self)))
        found = loss_landscape(line, *rows, points=3)
        assert found.losses[1, 1] == pytest.approx(found.value)
        assert found.losses[0, 0] == pytest.approx(3.0, abs=3)

    def test_of_two_outputs_it_is_traced_too(self, pictures, monkeypatch):
        asked = module._Measure._traced
        monkeypatch.setattr(module._Measure, "_traced", lambda self: _there(asked(self)))
        loss_landscape(*pictures, points=3)


class TestDirections:
    def test_each_filter_is_as_long_as_the_models(self):
        text = keras.Input((5,))
        x = layers.Embedding(7, 8, name="words")(text)
        x = layers.MultiHeadAttention(2, 4, name="heads")(x, x)
        x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
        x = layers.Reshape((5, 6, 1))(x)
        x = layers.Conv2DTranspose(2, 3, name="up")(x)
        x = layers.BatchNormalization(name="norm")(x)
        x = layers.DepthwiseConv2D(2, depth_multiplier=3, name="each")(x)
        x = layers.SeparableConv2D(4, 2, name="separable")(x)
        model = keras.Model(text, layers.Dense(3, name="dense")(layers.Flatten()(x)))
        within = {  # the axes within a filter
            "words/embeddings": 1, "heads/query/kernel": 0, "heads/key/kernel": 0, "heads/value/kernel": 0,
            "heads/attention_output/kernel": (0, 1), "up/kernel": (0, 1, 3), "each/kernel": (0, 1),
            "separable/depthwise_kernel": (0, 1), "separable/pointwise_kernel": (0, 1, 2), "dense/kernel": 0,
            "recurrent_kernel": 0, "kernel": 0,
        }  # fmt: skip
        seen = set()
        for direction in random_directions(model, 1):
            for variable, array in zip(model.trainable_variables, direction, strict=True):
                weights = np.asarray(variable)
                key = next((key for key in within if variable.path.endswith(f"{key}")), None)
                if weights.ndim < 2 or variable.name == "bias":
                    assert not array.any(), variable.path
                    continue
                seen.add(key)
                lengths = [np.sqrt((part**2).sum(axis=within[key])) for part in (weights, array)]
                np.testing.assert_allclose(*lengths, rtol=1e-5, err_msg=variable.path)
        assert seen == {*within}

    def test_the_seed_gives_them_and_no_generator_is_touched(self, line, rows):
        random.seed(3)
        np.random.seed(3)  # noqa: NPY002 - the global one is what must not change
        states = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
        one, same, other = (loss_landscape(line, *rows, points=3, seed=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one.losses, same.losses)
        assert (one.losses[0] != other.losses[0]).any()
        assert random.getstate() == states[0]
        np.testing.assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002

    def test_frozen_layers_stay(self):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(4, trainable=False), layers.Dense(2)])
        model.compile(loss="mse")
        assert loss_landscape(model, np.ones((5, 3)), np.zeros((5, 2)), points=3).num_moved == 8


class TestPath:
    def test_a_path_in_a_plane_is_found_as_it_is(self, line, rows):
        x, y = rows
        generator = np.random.default_rng(5)
        now = line.get_weights()
        u, v = ([generator.normal(size=w.shape) for w in now] for _ in range(2))
        way = [(3, 0), (2, 0.3), (1, -0.4), (0.5, 0.1), (0, 0)]
        path = [[w + a * p + b * q for w, p, q in zip(now, u, v, strict=True)] for a, b in way]
        found = loss_landscape(line, x, y, path=path, points=9)
        assert sum(found.shares) == pytest.approx(1)
        assert found.path[-1] == pytest.approx([0, 0], abs=1e-5)
        moves = [np.concatenate([(w - n).ravel() for w, n in zip(there, now, strict=True)]) for there in path]
        lengths = np.linalg.norm(moves, axis=1)
        np.testing.assert_allclose(np.linalg.norm(found.path, axis=1), lengths, rtol=1e-5, atol=1e-5)
        assert found.first[0] < found.path[:, 0].min()
        assert found.first[-1] > found.path[:, 0].max()
        # Of squares the plane is a quadratic form, so that its values tell the loss at each epoch.
        a, b = np.meshgrid(found.first, found.second)
        forms = lambda a, b: np.column_stack([np.ones_like(a), a, b, a * a, a * b, b * b])  # noqa: E731
        form = np.linalg.lstsq(forms(a.ravel(), b.ravel()), found.losses.ravel(), rcond=None)[0]
        expected = [loss_with(line, weights, x, y) for weights in path]
        np.testing.assert_allclose(forms(*found.path.T) @ form, expected, rtol=1e-4)

    def test_of_a_training_with_the_callback_that_is_told(self, rows):
        x, y = rows
        model = build_model("regression", x=x, y=y, units=(8,), seed=0)
        path = [model.get_weights()]
        keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: path.append(model.get_weights()))
        run = fit(model, x, y, epochs=6, verbose=0, seed=0, callbacks=[keep])
        found = loss_landscape(run, x, y, path=path, points=5)
        assert len(found.path) == 7
        np.testing.assert_allclose(found.path[-1], 0, atol=1e-5)
        ax = plot_landscape(found)
        np.testing.assert_array_equal(artist(ax, "path").get_xydata(), found.path)
        np.testing.assert_array_equal(artist(ax, "start").get_xydata()[0], found.path[0])
        assert ax.get_xlabel().startswith(f"first direction, {found.shares[0]:.0%}")
        assert "the path of 7 places runs to" in str(found)

    def test_refusals(self, line, rows):
        with refused(
            "The weights of epoch 0 are not those of this model. Received: 1 arrays. "
            "Expected what model.get_weights() gave at each epoch's end."
        ):
            loss_landscape(line, *rows, path=[[np.zeros(3)]])
        with pytest.raises(ValueError, match=r"^A path of 2 sets of weights does not span a plane."):
            loss_landscape(line, *rows, path=[line.get_weights()] * 2)


class TestTheModelIsLeftAlone:
    def test_weights_optimizer_metrics_and_flags(self, pictures):
        model, x, y = pictures
        before = everything_of(model)
        loss_landscape(model, x, y, points=3)
        for then, now in zip(before[0], everything_of(model)[0], strict=True):
            np.testing.assert_array_equal(then, now)
        assert everything_of(model)[1] == before[1]

    def test_a_loss_that_fails_leaves_it_too(self, line, rows):
        before = line.get_weights()

        def broken(y, outputs):
            raise ArithmeticError("as it were")

        with pytest.raises(ArithmeticError, match="as it were"):
            loss_landscape(line, *rows, loss=broken, points=3)
        for then, now in zip(before, line.get_weights(), strict=True):
            np.testing.assert_array_equal(then, now)

    def test_the_compiled_loss_is_not_built(self, rows):
        """It is built by the first data that the model itself compares, whose form may be another one."""
        model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
        model.compile(loss="mse", metrics=["mae"])
        loss_landscape(model, *rows, points=3)
        assert not model._compile_loss.built
        assert not model._compile_metrics.built

    @pytest.mark.slow
    def test_it_trains_on_as_if_nothing_had_been(self, rows):
        x, y = rows
        ends = []
        for looks in (False, True):
            model = build_model("regression", x=x, y=y, units=(8,), seed=0)
            model.fit(x, y, epochs=1, shuffle=False, verbose=0)
            if looks:
                loss_landscape(model, x, y, points=3)
            model.fit(x, y, epochs=1, shuffle=False, verbose=0)
            ends.append(model.get_weights())
        for one, other in zip(*ends, strict=True):
            np.testing.assert_array_equal(one, other)


class TestModels:
    def test_labels_are_read_as_the_run_read_them(self, rng):
        x = rng.normal(size=(40, 3))
        y = np.where(x[:, 0] > 0, "ill", "well")
        run = fit(build_model("binary", input_shape=(3,), units=(4,), seed=0), x, y, epochs=2, verbose=0)
        found = loss_landscape(run, x, y, points=3)
        assert found.value == pytest.approx(run.evaluate(x, y)["loss"], rel=1e-5)
        assert found.loss == "binary_crossentropy"

    def test_two_inputs_by_name(self, rng):
        a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
        model = keras.Model({"a": a, "b": b}, layers.Dense(1)(layers.Concatenate()([a, b])))
        model.compile(loss="mean_absolute_error")
        x = {"a": rng.normal(size=(9, 3)).astype("float32"), "b": rng.normal(size=(9, 2)).astype("float32")}
        y = rng.normal(size=(9, 1)).astype("float32")
        assert loss_landscape(model, x, y, points=3).value == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)

    def test_a_class_with_a_loss_of_its_own(self, rows):
        class Own(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(2)

            def call(self, x):
                return self.dense(x)

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                return keras.ops.mean(keras.ops.abs(y - y_pred)) + 7.0

        x, y = rows
        model = Own()
        model.compile()
        model(x)
        found = loss_landscape(model, x, y, points=3)
        assert found.value == pytest.approx(np.abs(y - model.predict(x, verbose=0)).mean() + 7, rel=1e-5)
        assert found.loss == "the loss of Own"

    def test_a_layer_that_no_graph_can_hold(self, rows):
        class OutOfReach(layers.Layer):
            def call(self, x):
                return keras.ops.convert_to_tensor(np.asarray(x) * 2)

            def compute_output_shape(self, shape):
                return shape

        model = keras.Sequential([layers.Dense(2), OutOfReach()])
        model.compile(loss="mse", run_eagerly=True)
        x, y = rows
        model(x)
        found = loss_landscape(model, x, y, points=3)
        assert found.value == pytest.approx(np.mean((y - model(x)) ** 2), rel=1e-5)

    def test_another_loss(self, line, rows):
        x, y = rows
        outputs = line.predict(x, verbose=0)
        for loss, name, value in [
            ("mean_absolute_error", "mean_absolute_error", np.abs(y - outputs).mean()),
            (keras.losses.Huber(0.1), "huber_loss", None),
            (lambda y, p: keras.ops.max(keras.ops.abs(y - p)), "<lambda>", np.abs(y - outputs).max()),
        ]:
            found = loss_landscape(line, x, y, loss=loss, points=3)
            assert found.loss == name
            assert value is None or found.value == pytest.approx(value, rel=1e-5)

    def test_an_autoencoder_needs_no_y(self, rows):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.Dense(4)])
        model.compile(loss="mse")
        x = rows[0]
        assert loss_landscape(model, x, points=3).value == pytest.approx(model.evaluate(x, x, verbose=0), rel=1e-5)

    def test_refusals(self, line, rows):
        x, y = rows
        with refused("points must be a whole number of at least 3. Received: points=2."):
            loss_landscape(line, x, y, points=2)
        with refused("span must be above 0. Received: span=0. Leave it out."):
            loss_landscape(line, x, y, span=0)
        with refused(
            "loss_landscape takes a Keras model. Received: str. "
            "Pass the model itself; of a file, keras.saving.load_model(path).",
            TypeError,
        ):
            loss_landscape("model.keras", x, y)
        with refused("The model 'mlp_binary' has no weights yet, so there is nothing to look around. Train it first."):
            loss_landscape(build_model("binary"), x, y)
        plain = keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="plain")
        with refused(
            "The model 'plain' is not compiled. Call model.compile(loss=...) first, or pass loss=, such as "
            "'mean_squared_error'."
        ):
            loss_landscape(plain, x, y)
        assert loss_landscape(plain, x, y, loss="mean_squared_error", points=3).value > 0
        plain.compile()
        with pytest.raises(ValueError, match=r"^The model 'plain' is compiled without a loss: what its train_step"):
            loss_landscape(plain, x, y)
        plain.trainable = False
        with pytest.raises(ValueError, match=r"^The model 'plain' has nothing that training moves."):
            loss_landscape(plain, x, y)
        with pytest.raises(ValueError, match="x has 60 rows, but y has 3"):
            loss_landscape(line, x, y[:3])


class TestFigure:
    def test_the_model_and_the_lowest_place_are_marked(self, line, rows):
        x, y = rows
        away = keras.models.clone_model(line)
        away.compile(loss="mse")
        direction = random_directions(line, 0)[0]
        away.set_weights([w + 0.5 * d for w, d in zip(line.get_weights(), direction, strict=True)])
        found = loss_landscape(away, x, y, points=9)
        a, b, low = found.lowest
        assert low == found.losses.min() < found.value
        ax = plot_landscape(found, title="mine")
        np.testing.assert_array_equal(artist(ax, "lowest").get_xydata(), [[a, b]])
        np.testing.assert_array_equal(artist(ax, "model").get_xydata(), [[0, 0]])
        assert ax.get_title(loc="left") == "mine"
        assert artist(ax, "lowest").get_label() == f"lowest place, {low:.3g}"
        filled, lines = ax.collections
        assert filled.levels[0] == pytest.approx(found.losses.min())
        assert len(lines.levels) == 14
        steps = np.diff(np.sqrt(filled.levels - filled.levels[0]))
        np.testing.assert_allclose(steps, steps[0])  # of a bowl the rings are equally far apart
        greys = [np.dot(colour[:3], (0.2126, 0.7152, 0.0722)) for colour in filled.get_facecolor()]
        assert (np.diff(greys) < 0).all()  # the higher the darker, in print too

    def test_a_flat_plane_and_one_with_holes(self, line, rows):
        found = loss_landscape(line, *rows, points=3)
        flat = module.Landscape(found.first, found.second, np.ones((3, 3)), 1.0, "loss", 60, 8)
        assert plot_landscape(flat).lines
        losses = found.losses.copy()
        losses[0, 0] = np.nan
        holed = module.Landscape(found.first, found.second, losses, found.value, "loss", 60, 8)
        assert "1 place without a finite loss" in str(holed)
        assert np.isfinite(plot_landscape(holed).collections[0].levels).all()

    def test_it_says_what_it_found(self, line, rows):
        found = loss_landscape(line, *rows, points=3)
        assert str(found).splitlines()[0] == (
            "mean_squared_error of 60 rows along two random directions, scaled filter by filter, which move 8 weights"
        )
        assert str(found).splitlines()[1] == f"{found.value:.4g} at the model, which is the lowest place"
        assert repr(found).startswith("<Landscape: 3×3 losses, ")
        assert "mean_squared_error" in found._repr_html_()
        assert len(found.plot().axes) == 1

    def test_the_example_takes_a_model_and_its_data(self, pictures, tmp_path, monkeypatch, capsys):
        model, x, y = pictures
        single = keras.Model(model.inputs, model.outputs[0])
        single.compile(loss="sparse_categorical_crossentropy")
        single.optimizer.build(single.trainable_variables)
        single.save(tmp_path / "mine.keras")
        np.savez(tmp_path / "mine.npz", x=x, y=y["kind"])
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["landscape.py", "--model", "mine.keras", "--data", "mine.npz", "--quick"])
        runpy.run_path(str(ROOT / "examples/landscape.py"), run_name="__main__")
        assert "mine.keras: sparse_categorical_crossentropy of 70 rows" in capsys.readouterr().out
        assert (tmp_path / "figures/landscape.png").is_file()


def _there(traced):
    assert traced is not None
    return traced
