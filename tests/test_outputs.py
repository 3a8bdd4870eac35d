"""Each of several outputs is checked and encoded as a single one is; one class for each step or pixel."""

import keras
import numpy as np
import pytest
from conftest import refused
from keras import layers

import cheatsheet
from cheatsheet import DataError
from recipes import fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 5)).astype("float32")
PRICE = X[:, 0] * 2
KIND = 1 + (X[:, 1] > 0).astype(int) + (X[:, 2] > 0).astype(int)  # 1..3
NAMES = np.array(["", "a", "b", "c"])[KIND]


def net(as_dict=True, kind=3, loss="sparse_categorical_crossentropy"):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    hidden = layers.Dense(8, "relu")(inputs)
    price, of_kind = layers.Dense(1, name="price")(hidden), layers.Dense(kind, "softmax", name="kind")(hidden)
    model = keras.Model(inputs, {"price": price, "kind": of_kind} if as_dict else [price, of_kind])
    losses = {"price": "mean_squared_error", "kind": loss}
    model.compile(keras.optimizers.Adam(0.02), losses if as_dict else [*losses.values()])
    return model


@pytest.mark.parametrize(
    ("as_dict", "labels"),
    [
        pytest.param(False, NAMES, id="list, text"),
        pytest.param(True, NAMES, id="dict, text", marks=pytest.mark.slow),
    ],
)
def test_labels_are_encoded_for_the_loss_of_their_output(as_dict, labels):
    def targets(kind):
        return {"price": PRICE, "kind": kind} if as_dict else [PRICE, kind]

    run = fit(net(as_dict), X, targets(labels), epochs=30, verbose=0)
    clean = fit(net(as_dict), X, targets(KIND - 1), epochs=30, verbose=0)
    assert run.history["loss"] == clean.history["loss"]
    assert run.classes == {"kind": tuple(np.unique(labels).tolist())}
    found = run.predict_labels(X)
    assert found.keys() == {"kind"}
    assert np.mean(found["kind"] == labels) > 0.8
    assert run.evaluate(X, targets(labels)) == clean.evaluate(X, targets(KIND - 1))
    again = fit(net(as_dict), X, targets(labels), validation_data=(X, targets(labels)), epochs=2, verbose=0)
    assert np.isfinite(again.history["val_loss"]).all()


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"price": PRICE, "kind": KIND},
         "in output 'kind': y holds the labels 1, 2, 3. among several outputs sparse_categorical_crossentropy takes "
         "the classes 0..2. number them from 0"),
        ([PRICE, 2 * KIND], "in output 'kind': y holds the labels 2, 4, 6. among several outputs"),
        ({"price": PRICE, "kind": np.where(KIND > 1, "many", "few")},
         "in output 'kind': the model has 3 outputs, but y holds 2 classes"),
        ({"price": np.stack([PRICE, PRICE], 1), "kind": KIND - 1},
         "in output 'price': y has 2 values a row (shape (48, 2)), but the model has 1 output."),
        ({"price": PRICE, "kind": KIND[:-1] - 1}, "but y['kind'] has 47. Expected the same number."),
        ({"price": np.where(PRICE > 2, np.nan, PRICE), "kind": KIND - 1}, "not finite; the first is NaN"),
        ({"price": PRICE}, "y has the keys 'price', and none for the output 'kind' of the model."),
        ({"price": PRICE, "king": KIND - 1}, "y has the keys 'price', 'king', and none for the output 'kind'"),
        (PRICE, "y is 1 array, but the model has 2 outputs: 'kind', 'price'. Expected one for each."),
    ],
)  # fmt: skip
def test_what_does_not_fit_an_output_is_refused(targets, message):
    model = net(as_dict=isinstance(targets, dict) or targets is PRICE)
    before = [weight.copy() for weight in model.get_weights()]
    with pytest.raises(DataError) as caught:
        fit(model, X, targets, verbose=0)
    assert message.lower() in str(caught.value).lower()
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_minus_one_and_one_for_a_sigmoid_among_several():
    inputs = keras.Input((5,))
    outs = {"sign": layers.Dense(1, "sigmoid", name="sign")(inputs), "price": layers.Dense(1, name="price")(inputs)}
    model = keras.Model(inputs, outs)
    model.compile("adam", {"sign": "binary_crossentropy", "price": "mean_squared_error"})
    run = fit(model, X, {"sign": np.where(X[:, 0] > 0, 1, -1), "price": PRICE}, epochs=2, verbose=0)
    assert run.classes == {"sign": (-1, 1)}
    assert run.history["loss"][-1] > 0


@pytest.mark.parametrize("as_dict", [True, False], ids=["dict", "list"])
@pytest.mark.slow_but("dict")
def test_weights_by_output_are_those_of_keras(as_dict):
    weights = RNG.random(48).astype("float32")
    targets = {"price": PRICE, "kind": KIND - 1} if as_dict else [PRICE, KIND - 1]
    ones = np.ones(48, "float32")
    ours, theirs = net(as_dict), net(as_dict)
    given = {"kind": weights} if as_dict else [ones, weights]
    fit(ours, X, targets, sample_weight=given, shuffle=False, epochs=3, verbose=0)
    of_keras = {"price": ones, "kind": weights} if as_dict else [ones, weights]
    theirs.run_eagerly = True  # so few steps take less than compiling them
    theirs.fit(X, [PRICE[:, None], KIND - 1] if not as_dict else {"price": PRICE[:, None], "kind": KIND - 1},
               sample_weight=of_keras, shuffle=False, epochs=3, verbose=0)  # fmt: skip
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_class_weights_by_output_are_weights_of_rows():
    table = {"a": 0.5, "b": 1.0, "c": 2.0}
    targets = {"price": PRICE, "kind": NAMES}
    by_class = fit(net(), X, targets, class_weight={"kind": table}, epochs=3, verbose=0)
    by_row = fit(net(), X, targets, sample_weight={"kind": np.vectorize(table.get)(NAMES)}, epochs=3, verbose=0)
    assert by_class.history["loss"] == pytest.approx(by_row.history["loss"], rel=1e-6)
    with refused(
        "class_weight of a model with several outputs is a dict from output to the weights of its classes. "
        "Received: 'a', 'b', 'c'. Expected some of 'price', 'kind'.",
        DataError,
    ):
        fit(net(), X, targets, class_weight=table, verbose=0)


STEPS = RNG.normal(size=(40, 6, 3)).astype("float32")
TAGS = (STEPS.sum(-1) > 0).astype(int) + (STEPS.sum(-1) > 1)  # (40, 6) of 0..2


def tagger(loss, units=3, last="softmax"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6, 3)), layers.Dense(16, "relu"), layers.Dense(units, last)])
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def by_keras():
    model = tagger("sparse_categorical_crossentropy")
    return model.fit(STEPS, TAGS, epochs=30, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize(
    ("loss", "tags"),
    [
        ("sparse_categorical_crossentropy", TAGS),
        pytest.param("sparse_categorical_crossentropy", TAGS[..., None], marks=pytest.mark.slow),
        pytest.param("sparse_categorical_crossentropy", TAGS + 1, marks=pytest.mark.slow),
        ("sparse_categorical_crossentropy", np.array(["noun", "verb", "word"])[TAGS]),
        pytest.param("sparse_categorical_crossentropy", np.eye(3)[TAGS], marks=pytest.mark.slow),
        ("categorical_crossentropy", np.eye(3)[TAGS]),
        pytest.param("categorical_crossentropy", TAGS, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow_but("tags5")
def test_a_class_for_each_step(loss, tags, by_keras):
    run = fit(tagger(loss), STEPS, tags, epochs=30, shuffle=False, verbose=0)
    np.testing.assert_allclose(run.history["loss"], by_keras, rtol=1e-3)
    named = tags.argmax(-1) if tags.shape == (40, 6, 3) else tags.reshape(40, 6)
    assert run.predict_labels(STEPS).shape == (40, 6)
    assert np.mean(run.predict_labels(STEPS) == named) > 0.8
    counts = np.bincount(TAGS.ravel()) / TAGS.size
    assert run.chance == pytest.approx(-np.sum(counts * np.log(counts)), rel=1e-6)  # of the best constant for all steps


def test_a_class_for_each_pixel_with_weights():
    images = RNG.random((12, 8, 8, 1)).astype("float32")
    masks = (images[..., 0] > 0.5).astype("uint8")
    weights = RNG.random((12, 8, 8)).astype("float32")

    def segmenter(last, loss):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(kernel_size=1, **last)])
        model.compile("adam", loss)
        return model

    for last, loss, y in (
        ({"filters": 2, "activation": "softmax"}, "sparse_categorical_crossentropy", masks),
        ({"filters": 1, "activation": "sigmoid"}, "binary_crossentropy", masks),
    ):
        ours, theirs = segmenter(last, loss), segmenter(last, loss)
        fit(ours, images, y, sample_weight=weights, shuffle=False, epochs=2, verbose=0)
        of_keras = y if loss.startswith("sparse") else y[..., None]
        theirs.run_eagerly = True
        theirs.fit(images, of_keras, sample_weight=weights, shuffle=False, epochs=2, verbose=0)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    run = fit(segmenter(last, loss), images, np.where(masks, "cell", "glass"), epochs=1, verbose=0)
    assert run.classes == ("cell", "glass")
    assert run.predict_labels(images).shape == (12, 8, 8)


def test_steps_of_another_number_are_refused():
    with refused(
        "The rows of y have shape (5,), but the model gives one of 3 classes for each of (6,). "
        "Expected one label for each of these. Mend y's shape, or the model.",
        DataError,
    ):
        fit(tagger("sparse_categorical_crossentropy"), STEPS, TAGS[:, :5], verbose=0)
    with refused(
        "sample_weight has shape (40, 5). Expected one weight per row: (40,), or one per step: (40, 6).", DataError
    ):
        fit(tagger("sparse_categorical_crossentropy"), STEPS, TAGS, sample_weight=np.ones((40, 5)), verbose=0)


@pytest.mark.parametrize(
    ("num_rows", "loss"),
    [
        (6, "sparse_categorical_crossentropy"),
        (40, keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)),
        pytest.param(40, "sparse_categorical_crossentropy", marks=pytest.mark.slow),
    ],
    ids=["as many rows as steps", "ignore_class", "plain"],
)
@pytest.mark.slow_but("ignore_class")
def test_the_weight_of_a_row_is_that_of_its_steps(num_rows, loss):
    """Keras multiplies losses (n, steps) by weights (n,): an error, or of n = steps the wrong weights silently."""
    steps, tags, weights = STEPS[:num_rows], TAGS[:num_rows].copy(), RNG.random(num_rows).astype("float32")
    if not isinstance(loss, str):
        tags[:, -1] = -1
    by_row, by_step = tagger(loss), tagger(loss)
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    run = fit(by_row, steps, tags, sample_weight=weights, validation_data=(steps, tags, weights), **options)
    by_step.fit(steps, tags, sample_weight=np.repeat(weights[:, None], 6, axis=1), **options)
    for a, b in zip(by_row.get_weights(), by_step.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert run.evaluate(steps, tags, sample_weight=weights)["loss"] == pytest.approx(
        run.history["val_loss"][-1], rel=1e-4
    )


@pytest.mark.slow
def test_the_weight_of_a_row_where_steps_are_masked():
    def masked():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((6, 3))
        hidden = layers.SimpleRNN(4, return_sequences=True)(layers.Masking()(inputs))
        model = keras.Model(inputs, layers.Dense(3, "softmax")(hidden))
        model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
        return model

    cut, weights = STEPS * (np.arange(6) < 4)[:, None], RNG.random(40).astype("float32")
    ours, theirs = masked(), masked()
    fit(ours, cut, TAGS, sample_weight=weights, epochs=2, shuffle=False, verbose=0)
    theirs.fit(cut, TAGS, sample_weight=np.repeat(weights[:, None], 6, axis=1), epochs=2, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("as_dict", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["dict", "list"])
@pytest.mark.slow
def test_weights_of_rows_beside_an_output_of_steps(as_dict):
    def model():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((6, 3))
        outputs = [
            layers.Dense(3, "softmax", name="tag")(inputs),
            layers.Dense(1, name="sum")(layers.Flatten()(inputs)),
        ]
        losses = ["sparse_categorical_crossentropy", "mean_squared_error"]
        names = ("tag", "sum")
        made = keras.Model(inputs, dict(zip(names, outputs, strict=True)) if as_dict else outputs)
        made.compile("adam", dict(zip(names, losses, strict=True)) if as_dict else losses)
        return made

    def tree(*parts):
        return dict(zip(("tag", "sum"), parts, strict=True)) if as_dict else [*parts]

    weights = RNG.random(40).astype("float32")
    sums = STEPS.sum(axis=(1, 2))[:, None]
    every_step = tree(np.repeat(weights[:, None], 6, axis=1), weights)
    theirs = model()
    theirs.fit(STEPS, tree(TAGS, sums), sample_weight=every_step, epochs=2, shuffle=False, verbose=0)
    for given in (weights, tree(weights, weights)):
        ours = model()
        fit(ours, STEPS, tree(TAGS, sums), sample_weight=given, epochs=2, shuffle=False, verbose=0)
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    run = fit(model(), STEPS, tree(TAGS, sums), class_weight={"tag": "balanced"}, verbose=0)
    assert np.isfinite(run.history["loss"]).all()


def test_images_are_evaluated_by_the_weights_of_their_rows():
    images, weights = RNG.random((30, 4, 4, 1)).astype("float32"), RNG.random(30).astype("float32")
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(1, 1)])
    model.compile("adam", "mean_squared_error")
    found = fit(model, images, images, sample_weight=weights, verbose=0).evaluate(images, images, sample_weight=weights)
    errors = (model.predict(images, verbose=0) - images) ** 2
    assert found["loss"] == pytest.approx((errors.mean(axis=(1, 2, 3)) * weights).mean(), rel=1e-5)
    assert found["root_mean_squared_error"] == pytest.approx(
        np.sqrt(np.average(errors.reshape(30, -1), axis=0, weights=weights)).mean(), rel=1e-4
    )


class TestWhatALossSaysOfLabels:
    def net(self, units, **options):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((5,)), layers.Dense(units, "softmax")])
        model.compile(keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(**options))
        return model

    @pytest.mark.parametrize("units", [2, 3])
    def test_a_class_that_is_left_out_is_no_class(self, units):
        y = np.where(RNG.random(48) < 0.5, -1, (X[:, 0] > 0).astype(int))
        ours, theirs = self.net(units, ignore_class=-1), self.net(units, ignore_class=-1)
        run = fit(ours, X, y, epochs=5, shuffle=False, verbose=0)
        theirs.run_eagerly = True
        theirs.fit(X, y, epochs=5, shuffle=False, verbose=0)
        np.testing.assert_allclose(ours.get_weights()[0], theirs.get_weights()[0], rtol=1e-4, atol=1e-6)
        assert run.classes == tuple(range(units))
        assert run.chance is None

    def test_the_others_must_be_numbered(self):
        with refused(
            "sparse_categorical_crossentropy leaves out ignore_class=-1, and so reads the other labels of y as they "
            "are, but y holds 1, 2, 3. Expected 0..2. Number the classes from 0.",
            DataError,
        ):
            fit(self.net(3, ignore_class=-1), X, KIND, verbose=0)

    def test_smoothed_labels_mean_the_same_and_have_no_yardstick(self):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((5,)), layers.Dense(3, "softmax")])
        model.compile("adam", keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
        run = fit(model, X, NAMES, epochs=1, verbose=0)
        assert run.classes == ("a", "b", "c")
        assert run.chance is None


ANSWERS = {
    "binary_crossentropy": (1, "sigmoid", np.arange(40) % 2),
    "sparse_categorical_crossentropy": (3, "softmax", np.arange(40) % 3),
    "categorical_crossentropy": (3, "softmax", np.eye(3)[np.arange(40) % 3]),
    "mean_squared_error": (1, None, np.linspace(0, 1, 40)),
    "hinge": (1, "tanh", np.arange(40) % 2 * 2 - 1),
}


@pytest.mark.parametrize("loss", ANSWERS)
@pytest.mark.parametrize(
    ("shape", "body", "mend"),
    [
        ((48, 5), layers.Dense, "put keras.layers.Flatten() before the last layer, or return_sequences=False"),
        ((None, 5), layers.Dense, "put keras.layers.GlobalAveragePooling1D() before the last layer, or return_seq"),
        ((8, 8, 5), layers.Dense, "put keras.layers.Flatten() before the last layer, or a GlobalAveragePooling, for"),
    ],
    ids=["sequences", "sequences of any length", "images"],
)
def test_a_flatten_forgotten_is_told_as_such(loss, shape, body, mend):
    """One answer a row for one output a step: nobody is told to build a model of 48 classes."""
    units, activation, y = ANSWERS[loss]
    x = RNG.normal(size=(40, *(48 if size is None else size for size in shape))).astype("float32")
    if loss == "categorical_crossentropy" and shape[0] is None:
        return  # three rows of classes could be those of three steps
    model = keras.Sequential([keras.Input(shape), body(4), layers.Dense(units, activation)])
    model.compile("adam", loss)
    gives = (*shape[:-1], units)
    told = [one for one in cheatsheet.check(model, x, y) if one.severity == "error"]
    assert [one.rule for one in told] == ["target_shape"]
    assert told[0].message == f"y has shape {y.shape}, one answer a row, but the model gives {gives} for each."
    assert told[0].fix.startswith(mend)
    with pytest.raises(DataError) as caught:
        fit(model, x, y, verbose=0)
    assert f"one answer a row, but the model gives {gives} for each" in str(caught.value)
    assert mend[1:] in str(caught.value)


def test_one_value_a_row_is_right_where_the_steps_are_gathered_or_one():
    y = np.arange(40) % 2
    for x, body in (
        (np.zeros((40, 48, 5)), layers.GlobalAveragePooling1D(keepdims=True)),
        (np.zeros((40, 1, 5)), layers.Dense(3)),
    ):
        model = keras.Sequential([keras.Input((None, 5)), body, layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        assert np.isfinite(fit(model, x, y, verbose=0).history["loss"][0])
