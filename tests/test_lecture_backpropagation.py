"""Backpropagation by hand: Keras' own gradients to the last digit, and the numbers that the figure shows."""

import runpy
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, refused
from keras import layers

from recipes import build_model
from recipes.lecture.training.backpropagation import backpropagate
from recipes.plots import plot_backpropagation, plot_backward, plot_forward

LOSSES = {
    "mean_squared_error": keras.losses.MeanSquaredError,
    "mean_absolute_error": keras.losses.MeanAbsoluteError,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
}
PRECISIONS = [("float64", 1e-12), ("float32", 1e-6)]


def keras_gradients(model, x, y):
    dtype = model.layers[-1].compute_dtype
    with tf.GradientTape() as tape:
        outputs = model(tf.constant(x, dtype), training=False)
        loss = model.loss(tf.constant(y, dtype), outputs)
    return float(loss), [np.asarray(gradient) for gradient in tape.gradient(loss, model.trainable_weights)]


def network(head, dtype="float32", hidden=("tanh", "relu"), outputs=3):
    inner = [layers.Dense(5 - i, name, dtype=dtype) for i, name in enumerate(hidden)]
    return keras.Sequential([keras.Input((4,), dtype=dtype), *inner, layers.Dense(outputs, head, dtype=dtype)])


def agree(model, result, x, y, tolerance):
    loss, gradients = keras_gradients(model, x, y)
    assert result.value == pytest.approx(loss, rel=10 * tolerance, abs=tolerance)
    assert len(gradients) == len(result.gradients)
    for mine, its in zip(result.gradients, gradients, strict=True):
        np.testing.assert_allclose(mine, its, rtol=10 * tolerance, atol=tolerance)


def texts(ax, kind):
    """Numbers by the place that they stand at: `above` and `below` nodes, and on each `line`."""
    found = [(str(text.get_gid()).split(), text) for text in ax.texts]
    return {tuple(map(int, words[1:])): text.get_text() for words, text in found if words[0] == kind}


@pytest.fixture(scope="module")
def slide():
    return build_model("binary", input_shape=(3,), units=(4, 3), hidden_activation="tanh", seed=0)


@pytest.fixture(scope="module")
def result(slide):
    return backpropagate(slide, (1, 0.5, -1), 1)


class TestGradients:
    @pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
    @pytest.mark.parametrize("loss", ["mean_squared_error", "mean_absolute_error", "binary_crossentropy"])
    @pytest.mark.parametrize("head", ["sigmoid", "tanh", "relu", "linear", "softmax"])
    def test_are_keras_own(self, head, loss, dtype, tolerance, rng):
        model = network(head, dtype)
        model.layers[-1].set_weights([rng.uniform(0, 0.2, size=(4, 3)), np.full(3, 0.3)])  # within (0, 1)
        model.compile(loss=LOSSES[loss](dtype=dtype))
        x, y = rng.normal(size=(6, 4)).astype("float32"), np.eye(3)[rng.integers(0, 3, 6)]
        agree(model, backpropagate(model, x, y), x, y, tolerance)

    @pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
    @pytest.mark.parametrize("head", ["sigmoid", "relu", "linear", "softmax"])
    def test_of_several_classes(self, head, dtype, tolerance, rng):
        """Behind a sigmoid Keras takes the softmax of its pre-activations; behind others it divides by the sum."""
        model = network(head, dtype)
        model.layers[-1].set_weights([rng.uniform(0, 0.2, size=(4, 3)), np.full(3, 0.3)])
        model.compile(loss=keras.losses.CategoricalCrossentropy(dtype=dtype))
        x, classes = rng.normal(size=(6, 4)).astype("float32"), rng.integers(0, 3, 6)
        result = backpropagate(model, x, np.eye(3)[classes])
        agree(model, result, x, np.eye(3)[classes], tolerance)
        model.compile(loss=keras.losses.SparseCategoricalCrossentropy(dtype=dtype))
        if head == "softmax":  # of other outputs Keras clips here before it divides, and behind it there
            agree(model, backpropagate(model, x, classes), x, classes, tolerance)

    @pytest.mark.parametrize("hidden", ["softplus", "silu", "elu", "sigmoid", "softmax", "linear"])
    def test_of_every_activation(self, hidden, rng):
        model = network("linear", "float64", hidden=(hidden,))
        model.compile(loss=keras.losses.MeanSquaredError(dtype="float64"))
        x, y = rng.normal(size=(3, 4)), rng.normal(size=(3, 3))
        agree(model, backpropagate(model, x, y), x, y, 1e-12)

    @pytest.mark.parametrize(
        ("loss", "outputs", "y"),
        [(keras.losses.BinaryCrossentropy, 1, [1, 0]), (keras.losses.CategoricalCrossentropy, 3, [2, 0])],
    )
    def test_from_logits(self, loss, outputs, y, rng):
        model = network("linear", "float64", outputs=outputs)
        model.compile(loss=loss(from_logits=True, dtype="float64"))
        x = rng.normal(size=(2, 4))
        targets = np.eye(3)[y] if outputs == 3 else np.array(y)[:, None]
        result = backpropagate(model, x, y)
        agree(model, result, x, targets, 1e-12)
        assert "(z) - y) / rows" in str(result).replace("(rows · outputs)", "rows")

    def test_a_saturated_output_still_learns(self):
        """Keras reads the pre-activation, so that the gradient is a - y and not 0/0."""
        model = keras.Sequential([keras.Input((1,)), layers.Dense(1, "sigmoid")])
        model.compile(loss="binary_crossentropy")
        model.set_weights([np.array([[100.0]]), np.zeros(1)])
        result = backpropagate(model, [[1.0]], [0])
        assert result.gradients[0][0, 0] == pytest.approx(1)
        assert result.value == pytest.approx(100)
        assert "the loss reads z itself, so that δ = (sigmoid(z) - y)" in str(result)

    def test_what_a_recipe_puts_around_the_network(self, rng):
        """Scales of input and output, an image that is flattened, dropout without effect, an activation of its own."""
        x, y = rng.normal(5, 3, size=(40, 4)), rng.normal(100, 20, size=40)
        model = build_model(x=x, y=y, units=(5,), dropout=0.3, seed=1)
        rows, targets = x[:3].astype("float32"), y[:3, None].astype("float32")
        result = backpropagate(model, rows, targets)
        assert result.scale.factor == pytest.approx(y.std(), rel=1e-3)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(rows) - targets) ** 2)
        gradients = tape.gradient(loss, model.trainable_weights)
        for mine, its in zip(result.gradients, gradients, strict=True):
            np.testing.assert_allclose(mine, its, rtol=1e-4, atol=1e-4 * np.abs(its).max())

        model = keras.Sequential(
            [keras.Input((2, 2, 1), dtype="float64"), layers.Flatten(dtype="float64"), layers.Dense(3, dtype="float64"),
             layers.Activation("tanh", dtype="float64"), layers.Dense(1, use_bias=False, dtype="float64")]
        )  # fmt: skip
        model.compile(loss=keras.losses.MeanSquaredError(dtype="float64"))
        image = rng.normal(size=(2, 2, 1))
        result = backpropagate(model, image, 0.5)
        assert result.layers[0].activation == "tanh"
        agree(model, result, image[None], np.array([[0.5]]), 1e-12)

    def test_by_hand(self):
        """One node: z = 2·3 + 1 = 7, L = (7 - 5)², dL/dz = 4, dL/dw = 4·3, dL/db = 4."""
        model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
        model.compile(loss="mse")
        model.set_weights([np.array([[2.0]]), np.array([1.0])])
        result = backpropagate(model, [3.0], [5.0], learning_rate=0.01)
        assert (result.value, result.layers[0].delta.item()) == (4, 4)
        assert [array.item() for array in result.gradients] == [12, 4]
        assert result.after == pytest.approx((1.88 * 3 + 0.96 - 5) ** 2)
        assert result.foretold == pytest.approx(4 - 0.01 * (144 + 16))


class TestResult:
    def test_the_slide_has_35_parameters(self, result):
        assert result.num_parameters == 35
        assert [layer.kernel_gradient.size + layer.bias_gradient.size for layer in result.layers] == [16, 15, 4]
        for measured, gradient in zip(result.measured, result.gradients, strict=True):
            np.testing.assert_allclose(measured, gradient, atol=1e-9)

    def test_one_step_of_keras_sgd_gives_the_loss_that_is_told(self, slide, result):
        model = keras.models.clone_model(slide)
        model.set_weights(slide.get_weights())
        model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
        x, y = np.array([[1, 0.5, -1]]), np.array([[1]])
        model.train_on_batch(x, y)
        assert model.evaluate(x, y, verbose=0, return_dict=True)["loss"] == pytest.approx(result.after, rel=1e-5)
        for mine, its in zip(result.stepped, model.get_weights(), strict=True):
            np.testing.assert_allclose(mine, its, atol=1e-6)
        assert result.after < result.value

    def test_the_network_stays_as_it_is(self, slide):
        before = slide.get_weights()
        optimizer = slide.optimizer
        backpropagate(slide, (1, 0.5, -1), 1, learning_rate=5)
        for now, then in zip(slide.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)
        assert slide.optimizer is optimizer
        assert not optimizer.built

    def test_it_is_told_step_by_step(self, result):
        lines = str(result).splitlines()
        assert lines[0] == "binary_crossentropy L = 0.369145, of 1 row and 35 parameters"
        assert "  head (sigmoid): z = 0.8063" in lines
        assert "  head: dL/da = (a - y) / (a·(1 - a)) / (rows · outputs) = -1.446" in lines
        assert "    f'(z) = a·(1 - a) = 0.2134" in lines
        assert "    δ = -0.3087" in lines
        assert "  hidden_2: dL/da = δ(head) · Wᵀ = -0.1204, 0.3162, -0.316" in lines
        assert "  head, bias: -0.3087" in lines
        assert lines[-2] == "a step of w - 0.1 · dL/dw: L = 0.369145 -> 0.290185 (a plane would give 0.27695)"
        assert lines[-1].startswith("slopes measured by moving each weight by 1e-05 are within")
        assert repr(result).startswith(
            "<Backpropagation: 1 row and 35 parameters, binary_crossentropy 0.3691 -> 0.2902"
        )
        assert "0.369145" in result._repr_html_()

    def test_the_default_is_the_slides_network(self, result):
        other = backpropagate()
        assert other.value == result.value
        assert backpropagate(seed=1).value != result.value


class TestFigure:
    def test_forward_numbers_stand_at_their_nodes(self, result):
        ax = plot_forward(result)
        above, below, lines = (texts(ax, kind) for kind in ("above", "below", "line"))
        assert len(above) == 3 + 4 + 3 + 1
        assert len(lines) == 12 + 12 + 3
        assert [above[0, i] for i in range(3)] == ["x 1", "x 0.5", "x -1"]
        for i, layer in enumerate(result.layers, 1):
            for j in range(layer.kernel.shape[1]):
                assert above[i, j] == f"a {layer.a[0, j]:.3g}"
                assert below[i, j] == f"z {layer.z[0, j]:.3g}\nb 0"
                for k in range(layer.kernel.shape[0]):
                    assert lines[i - 1, k, j] == f"{layer.kernel[k, j]:.3g}"

    def test_backward_numbers_and_the_loss_after_the_step(self, result):
        ax = plot_backward(result)
        above, below, lines = (texts(ax, kind) for kind in ("above", "below", "line"))
        for i, layer in enumerate(result.layers, 1):
            for j in range(layer.kernel.shape[1]):
                assert above[i, j] == f"dL/da {layer.slopes[0, j]:.3g}"
                assert below[i, j] == f"δ {layer.delta[0, j]:.3g}"
                for k in range(layer.kernel.shape[0]):
                    assert lines[i - 1, k, j] == f"{layer.kernel_gradient[k, j]:.3g}"
        assert ax.get_title(loc="left").endswith("a step of 0.1: loss 0.3691 to 0.2902")
        [widths] = [c.get_linewidths() for c in ax.collections if c.get_gid() == "join 2 3"]
        assert np.argmax(widths) == np.argmax(np.abs(result.layers[2].kernel_gradient))

    def test_no_number_lies_on_another(self, result):
        figure = plot_backpropagation(result)
        figure.draw_without_rendering()
        for ax in figure.axes:
            boxes = [text.get_window_extent() for text in ax.texts]
            for i, a in enumerate(boxes):
                for b in boxes[i + 1 :]:
                    width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
                    assert not (width > 0 and height > 0.3 * min(a.height, b.height))

    def test_several_rows_and_a_wide_layer(self, rng):
        model = build_model("multiclass", input_shape=(4,), num_classes=3, units=(20,), seed=0)
        result = backpropagate(model, rng.normal(size=(5, 4)), [0, 1, 2, 0, 1])
        ax = plot_backward(result, row=4)
        below = texts(ax, "below")
        assert [number for layer, number in below if layer == 1] == [0, 1, 2, 3, 17, 18, 19]
        head = result.layers[-1]
        assert below[2, 0] == f"δ {head.delta[4, 0]:.3g}\ndL/db {head.bias_gradient[0]:.3g}"
        assert not texts(ax, "line")  # 28 and 21 of them would lie on each other
        with refused("There is no row 5. Expected one of 0 to 4."):
            plot_forward(result, row=5)
        assert len(result.plot().axes) == 2


class TestRefusals:
    def test_of_networks(self):
        image = build_model("multiclass", input_shape=(8, 8, 1), num_classes=3, body="cnn")
        with refused(
            "The layer 'conv_1' (Conv2D) is not computed by hand here. Expected Dense layers, each with one of linear, "
            "relu, sigmoid, tanh, softplus, silu, elu, softmax."
        ):
            backpropagate(image, np.zeros((8, 8, 1)), 0)
        gelu = keras.Sequential([keras.Input((2,)), layers.Dense(1, "gelu", name="d")])
        gelu.compile(loss="mse")
        with pytest.raises(ValueError, match=r"^The layer 'd' \(Dense with the activation 'gelu'\) is not computed"):
            backpropagate(gelu, [0, 1], 1)
        with pytest.raises(ValueError, match=r"^backpropagate takes a built keras.Sequential of Dense layers."):
            backpropagate(build_model("binary"), [0, 1], 1)
        with pytest.raises(ValueError, match=r"^The layer 'd' has a kernel regulariser"):
            backpropagate(keras.Sequential([keras.Input((2,)), layers.Dense(1, kernel_regularizer="l2", name="d")]))
        with refused(
            "backpropagate takes a Keras model. Received: str. "
            "Pass the model itself; of a file, keras.saving.load_model(path).",
            TypeError,
        ):
            backpropagate("model.keras", [1], 1)

    def test_of_losses(self):
        model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
        with pytest.raises(
            ValueError, match=r"^The loss None is not computed by hand here. Expected the model to be com"
        ):
            backpropagate(model, [0, 1], 1)
        model.compile(loss=keras.losses.BinaryCrossentropy(label_smoothing=0.1))
        with pytest.raises(
            ValueError, match=r"^The loss 'binary_crossentropy' is compiled with settings of its own \(label"
        ):
            backpropagate(model, [0, 1], 1)
        model.compile(loss="mse", loss_weights=2.0)
        with pytest.raises(
            ValueError, match=r"^The loss 'mean_squared_error' is compiled with settings of its own \(loss_w"
        ):
            backpropagate(model, [0, 1], 1)
        dead = keras.Sequential([keras.Input((2,)), layers.Dense(2, "relu", kernel_initializer="zeros")])
        dead.compile(loss="categorical_crossentropy")
        with pytest.raises(
            ValueError, match=r"^The loss is nan: categorical_crossentropy cannot read what 'relu' gives"
        ):
            backpropagate(dead, [0, 1], [[0, 1]])

    def test_of_rows(self, slide):
        with refused("x has shape (1, 2). Expected one row of shape (3,), or several of shape ('n', 3)."):
            backpropagate(slide, [[1, 2]], 1)
        with refused("y has shape (1, 2). Expected (1, 1): a number for each output of each row."):
            backpropagate(slide, [[1, 2, 3]], [[1, 2]])
        with pytest.raises(ValueError, match=r"^x has 2 rows, but y has 1"):
            backpropagate(slide, [[1, 2, 3], [4, 5, 6]], [1])
        with refused("Which row? Pass x and y: one row of inputs with its target, or a few."):
            backpropagate(slide)
        with refused("learning_rate must be above 0. Received: learning_rate=0. Leave it out."):
            backpropagate(slide, [1, 2, 3], 1, learning_rate=0)
        model = build_model("multiclass", input_shape=(3,), num_classes=3, units=())
        with refused("y must hold classes from 0 to 2. Received: y=[3]."):
            backpropagate(model, [1, 2, 3], [3])
        with pytest.raises(ValueError, match=r"^y must hold finite numbers. Received: y='cat'"):
            backpropagate(model, [1, 2, 3], "cat")


def test_the_example_takes_a_model_of_ones_own(tmp_path, monkeypatch, capsys):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.save(tmp_path / "mine.keras")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["backpropagation.py", "--model", "mine.keras", "--row", "1", "-2", "--target", "0.5"]
    )
    runpy.run_path(str(ROOT / "examples/backpropagation.py"), run_name="__main__")
    assert "mean_squared_error L = " in capsys.readouterr().out
    assert (tmp_path / "figures/backpropagation.png").is_file()
