"""A model as a plain description: its inputs, its outputs with their last activation and loss, its layers."""

import keras
import numpy as np
import pytest
from ends import Own, X, Y, compiled, dense, found, two_ended

from cheatsheet.modelspec import InputSpec, OutputSpec, describe_model
from recipes import build_model


class Doubling(keras.layers.Layer):
    """Twice its input; claims an activation that is not its last word."""

    activation = staticmethod(keras.activations.sigmoid)

    def call(self, x):
        return 2 * x


class OwnCall(keras.Sequential):
    """A sequential model whose layers do not have the last word."""

    def call(self, inputs, training=None, mask=None):
        return 255 * super().call(inputs, training=training, mask=mask)


class OwnStep(keras.Model):
    """A functional model that decides by itself what is compared with what."""

    def train_step(self, data):
        return {"loss": keras.ops.zeros(())}


class TestModelSpec:
    def test_sequential(self):
        spec = describe_model(compiled(dense(8, "relu", name="first"), dense(1, "sigmoid", name="head"), loss="mse"))
        assert spec.kind == "Sequential"
        assert [taken.shape for taken in spec.inputs] == [(None, 3)]
        assert spec.outputs == (
            OutputSpec("head", (None, 1), 1, "head", "sigmoid", "mean_squared_error", from_logits=False,
                       made_by="head"),
        )  # fmt: skip
        assert [(layer.name, layer.kind, layer.activation) for layer in spec.layers] == [
            ("first", "Dense", "relu"),
            ("head", "Dense", "sigmoid"),
        ]
        assert not spec.has_own_step

    @pytest.mark.parametrize("keys", [("price", "kind"), ("p", "k")], ids=["names of layers", "keys of their own"])
    def test_several_ends(self, keys):
        price, kind = keys
        spec = describe_model(two_ended({price: "mae", kind: "sparse_categorical_crossentropy"}, keys))
        assert spec.kind == "Functional"
        assert spec.inputs == (InputSpec("left", (None, 2), "left"), InputSpec("right", (None, 3), "right"))
        by_name = {output.name: output for output in spec.outputs}
        assert by_name[price].loss == "mean_absolute_error"
        assert (by_name[price].layer, by_name[price].activation, by_name[price].shape) == ("price", "linear", (None, 2))
        assert by_name[kind].loss == "sparse_categorical_crossentropy"
        assert (by_name[kind].layer, by_name[kind].activation, by_name[kind].width) == ("kind", "softmax", 3)

    def test_several_ends_in_a_list(self):
        spec = describe_model(two_ended(["mae", "categorical_crossentropy"], None))
        assert [(output.name, output.loss) for output in spec.outputs] == [
            ("price", "mean_absolute_error"),
            ("kind", "categorical_crossentropy"),
        ]

    def test_nested_models(self):
        inner = keras.Sequential([keras.Input((4,)), dense(6, "tanh", name="deep"), keras.layers.Reshape((2, 3))])
        inputs = keras.Input((3,))
        outer = keras.Model(inputs, inner(dense(4)(inputs)))
        output = describe_model(outer).outputs[0]
        assert (output.activation, output.shape, output.width, output.values_per_row) == ("tanh", (None, 2, 3), 3, 6)
        assert f"{inner.name}/deep" in [layer.name for layer in describe_model(outer).layers]
        assert describe_model(keras.Sequential([keras.Input((4,)), inner])).outputs[0].activation == "tanh"

    @pytest.mark.parametrize(
        ("layers", "activation"),
        [
            ([dense(4, "sigmoid"), keras.layers.Reshape((2, 2)), keras.layers.Flatten()], "sigmoid"),
            ([dense(4, "sigmoid"), keras.layers.Activation("linear", dtype="float32")], "sigmoid"),
            ([dense(4), keras.layers.Activation("tanh")], "tanh"),
            ([dense(4), keras.layers.Softmax()], "softmax"),
            ([dense(4), keras.layers.ReLU()], "relu"),
            ([dense(4), keras.layers.ReLU(negative_slope=0.1)], None),
            ([dense(4, "sigmoid"), keras.layers.Rescaling(255.0)], None),
            ([dense(4, "sigmoid"), Doubling()], None),
            ([dense(4, lambda x: x)], None),
            ([keras.layers.Reshape((1, 3)), keras.layers.TimeDistributed(dense(4, "sigmoid"))], "sigmoid"),
        ],
        ids=[
            "reshaped",
            "linear",
            "Activation",
            "Softmax",
            "ReLU",
            "leaky",
            "scaled",
            "own layer",
            "own function",
            "td",
        ],
    )
    def test_the_last_activation(self, layers, activation):
        assert describe_model(compiled(*layers)).outputs[0].activation == activation

    def test_the_last_activation_is_an_operation(self):
        inputs = keras.Input((3,))
        assert (
            describe_model(keras.Model(inputs, keras.ops.sigmoid(dense()(inputs)))).outputs[0].activation == "sigmoid"
        )
        assert describe_model(keras.Model(inputs, 255 * dense(1, "sigmoid")(inputs))).outputs[0].activation is None

    def test_a_model_not_built_yet(self):
        model = keras.Sequential([dense(8, "relu"), dense(3, "softmax", name="head"), keras.layers.Dropout(0.1)])
        spec = describe_model(model)
        assert spec.inputs == ()
        output = spec.outputs[0]
        assert (output.shape, output.width, output.loss) == (None, 3, None)
        assert not model.built
        assert describe_model(keras.Sequential()).outputs == (OutputSpec(),)

    def test_a_class_of_ones_own(self):
        model = Own()
        assert describe_model(model).outputs == (OutputSpec(),)
        model.compile("sgd", "mse")
        model(np.zeros((2, 3), "float32"))
        spec = describe_model(model)
        assert spec.outputs == (OutputSpec(loss="mean_squared_error", from_logits=False),)
        assert (spec.kind, spec.inputs, [layer.kind for layer in spec.layers]) == ("Own", (), ["Dense"])

    def test_an_own_call_has_the_last_word(self):
        model = OwnCall([keras.Input((3,)), dense(1, "sigmoid", name="head")])
        model.compile("sgd", "mse")
        spec = describe_model(model)
        assert [taken.shape for taken in spec.inputs] == [(None, 3)]
        assert spec.outputs == (OutputSpec("head", loss="mean_squared_error", from_logits=False),)
        assert found(model, X, 255 * Y) == []
        assert found(model, X[:, :2], 255 * Y) == ["input_shape"]

    def test_a_functional_class_with_its_own_step(self):
        inputs = keras.Input((3,))
        model = OwnStep(inputs, dense(2)(inputs))
        model.compile("sgd", "mse")
        assert describe_model(model).has_own_step
        assert found(model, np.zeros((5, 3)), np.zeros((5, 1))) == []

    @pytest.mark.parametrize(
        ("loss", "name", "from_logits", "options"),
        [
            ("bce", "binary_crossentropy", False, {}),
            (keras.losses.binary_crossentropy, "binary_crossentropy", False, {}),
            (
                keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1, name="mine"),
                "binary_crossentropy",
                True,
                {"label_smoothing": 0.1},
            ),
            (
                keras.losses.SparseCategoricalCrossentropy(ignore_class=-1),
                "sparse_categorical_crossentropy",
                False,
                {"ignore_class": -1},
            ),
            (keras.losses.Huber(delta=2.0), "huber", False, {"delta": 2.0}),
            (lambda a, b: a - b, "<lambda>", False, {}),
        ],
        ids=["short", "function", "logits", "ignored", "huber", "own"],
    )
    def test_losses(self, loss, name, from_logits, options):
        output = describe_model(compiled(dense(), loss=loss)).outputs[0]
        assert (output.loss, output.from_logits) == (name, from_logits)
        assert {key: output.loss_options[key] for key in options} == options

    def test_describing_changes_nothing(self):
        model = build_model("binary")
        describe_model(model)
        assert not model.built
        assert not hasattr(model, "optimizer") or int(model.optimizer.iterations) == 0
