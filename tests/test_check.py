"""`check` as its users meet it: models of every kind, files, data as it is, and what it must not do.

Each rule's own wrong and right programs stand in `golden/`.
"""

import json
import sys
import zipfile

import keras
import numpy as np
import pytest
from processes import run_python

import cheatsheet
from recipes import build_autoencoder, build_model
from recipes.cli import main

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)
CLASSES = np.arange(60) % 3


def dense(units, activation, loss, **compiled):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(units, activation)])
    model.compile("adam", loss, **compiled)
    return model


def rules(model, x=None, y=None, **options):
    return [finding.rule for finding in cheatsheet.check(model, x, y, **options)]


def errors(model, x=None, y=None, **options):
    return [finding.rule for finding in cheatsheet.check(model, x, y, **options) if finding.severity == "error"]


def test_the_findings_come_by_severity_and_say_why_and_what_mends_it():
    found = cheatsheet.check(dense(3, "softmax", "categorical_crossentropy", metrics=["accuracy"]), X * 1e4, CLASSES)
    assert [finding.severity for finding in found] == sorted(
        (finding.severity for finding in found), key=["error", "warning", "info"].index
    )
    assert found[0].rule == "label_encoding"
    assert "sparse_categorical_crossentropy" in found[0].fix
    assert "recipes.fit does it itself" in found[0].fix


def test_each_kind_of_model_is_read_alike():
    inputs = keras.Input((4,))
    features = keras.layers.Dense(8, "relu")(inputs)
    functional = keras.Model(inputs, keras.layers.Dense(1, "softmax")(features))
    nested = keras.Sequential(
        [keras.Input((4,)), keras.Model(inputs, features), keras.layers.Dense(1), keras.layers.Softmax()]
    )
    unbuilt = keras.Sequential(
        [keras.layers.Dense(8, "relu"), keras.layers.Dense(1), keras.layers.Activation("softmax")]
    )
    for model in (functional, nested, unbuilt):
        model.compile("adam", "binary_crossentropy")
        assert errors(model, X, CLASSES % 2) == ["softmax_over_one"]


def test_a_file_says_what_the_live_model_says(tmp_path):
    inputs = {"left": keras.Input((4,), name="left"), "right": keras.Input((4,), name="right")}
    both = keras.layers.Concatenate()([*inputs.values()])
    backbone = keras.Sequential([keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.ReLU()])
    features = keras.layers.Dropout(0.9)(backbone(both))
    outputs = {
        "kind": keras.layers.Dense(3, "sigmoid", name="kind")(features),
        "size": keras.layers.Dense(1, "relu", name="size")(features),
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.SGD(5.0),
        {"kind": keras.losses.CategoricalCrossentropy(), "size": "mse"},
        metrics={"size": ["accuracy"]},
    )
    model.save(tmp_path / "model.keras")
    x = {"left": X * 100, "right": X}
    y = {"kind": np.eye(3)[CLASSES], "size": RNG.normal(size=60)}
    live = cheatsheet.check(model, x, y)
    assert live == cheatsheet.check(tmp_path / "model.keras", x, y)
    assert {finding.rule for finding in live} == {
        "sigmoid_with_categorical_crossentropy", "unreachable_target", "accuracy_of_numbers", "learning_rate",
        "dropout_rate", "unscaled_x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("y", "rule"),
    [
        (["a", "b", "c"] * 20, "text_labels"),
        (CLASSES + 1, "label_range"),
        (CLASSES - 1, "label_range"),
        (CLASSES / 2, "fractional_labels"),
        (np.arange(60) % 5, "fewer_outputs_than_classes"),
        (np.eye(3)[CLASSES], "label_encoding"),
        (np.where(CLASSES == 0, np.nan, CLASSES), "not_finite"),
        ([1, 2, None] * 20, "not_finite"),
    ],
)
def test_labels_are_judged_as_they_are(y, rule):
    assert errors(dense(3, "softmax", "sparse_categorical_crossentropy"), X, y) == [rule]


@pytest.mark.parametrize(
    "container", [np.asarray, list, lambda y: __import__("pandas").Series(y), lambda y: y[:, None]]
)
def test_whoever_holds_the_labels(container):
    model = dense(3, "softmax", "sparse_categorical_crossentropy")
    assert rules(model, X, container(CLASSES)) == []
    assert errors(model, X, container(CLASSES + 1)) == ["label_range"]


def test_ordered_rows_are_found_where_keras_validates_on_their_end():
    model = dense(3, "softmax", "sparse_categorical_crossentropy")
    y = np.sort(CLASSES)
    assert rules(model, X, y) == []
    assert errors(model, X, y, validation_split=0.2) == ["ordered_rows"]
    assert rules(model, X, CLASSES, validation_split=0.2) == []
    linear = dense(1, None, "mse")
    assert rules(linear, X, np.sort(X[:, 0]), validation_split=0.2) == ["ordered_rows"]
    assert rules(linear, X, X[:, 0], validation_split=0.2) == []


def test_class_weights_must_be_of_classes_that_are_there():
    model = dense(3, "softmax", "sparse_categorical_crossentropy")
    assert rules(model, X, CLASSES, class_weight={0: 1.0, 1: 2.0, 2: 3.0}) == []
    assert rules(model, X, CLASSES, class_weight={1: 2.0, 3: 3.0}) == ["class_weight"]
    assert errors(dense(1, None, "mse"), X, X[:, 0], class_weight={0: 1.0}) == ["class_weight"]


def test_words_that_an_embedding_has_no_row_for():
    model = keras.Sequential([keras.layers.Embedding(10, 4), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    words = RNG.integers(0, 10, (60, 5))
    assert rules(model, words, CLASSES % 2) == []
    assert errors(model, words + 1, CLASSES % 2) == ["embedding_range"]
    assert errors(model, words / 3, CLASSES % 2) == ["embedding_range"]


def test_a_normalization_that_was_not_adapted_scales_nothing():
    scale = keras.layers.Normalization()
    model = keras.Sequential([keras.Input((4,)), scale, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    far = X * 100 + 500
    assert rules(model, far, X[:, 0]) == ["unscaled_x"]
    scale.adapt(far)
    assert rules(model, far, X[:, 0]) == []


def test_channels_first_images_are_turned_not_reshaped():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    (finding,) = cheatsheet.check(model, RNG.normal(size=(60, 3, 8, 8)), X[:, 0])
    assert finding.fix == "move the channels to the end: np.moveaxis(x, 1, -1)"


@pytest.mark.parametrize("low", [-3.0, 0.0])
def test_the_mend_for_values_beyond_a_sigmoid_mends(low):
    y = low + 10 * RNG.random((60, 4))
    model = dense(4, "sigmoid", "binary_crossentropy")
    (finding,) = cheatsheet.check(model, X, y)
    mended = (y - y.min()) / (y.max() - y.min()) if low < 0 else y / y.max()
    assert ("y.min()" in finding.fix) == (low < 0)
    assert rules(model, X, mended) == []


def test_accuracy_asked_of_classes_under_squares_says_that_classes_are_meant():
    found = cheatsheet.check(dense(1, None, "mse", metrics=["accuracy"]), X, CLASSES)
    assert [finding.rule for finding in found] == ["loss_for_numbers"]
    assert "Dense(3, activation='softmax')" in found[0].fix
    assert rules(dense(1, None, "mse"), X, CLASSES) == []


def test_what_makes_its_own_batches_is_not_read():
    def batches():
        raise AssertionError("it was read")
        yield

    model = dense(1, None, "mse")
    assert rules(model, batches()) == ["not_judged"]


def test_a_linear_autoencoder_is_a_choice():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.Dense(4)])
    model.compile("adam", "mse")
    assert [(f.rule, f.severity) for f in cheatsheet.check(model, X, X)] == [("no_nonlinearity", "info")]
    assert [(f.rule, f.severity) for f in cheatsheet.check(model, X, X[::-1])] == [("no_nonlinearity", "warning")]


def test_what_nobody_can_judge_is_said_once():
    @keras.saving.register_keras_serializable("test_check")
    class Own(keras.layers.Layer):
        def call(self, x):
            return x * 2

    model = keras.Sequential([keras.Input((4,)), Own(), keras.layers.Dense(1), Own()])
    model.compile("adam", lambda y, p: keras.ops.mean(keras.ops.square(y - p)))
    found = cheatsheet.check(model, X * 1e4, CLASSES)
    assert [finding.rule for finding in found] == ["not_judged"]


@pytest.mark.parametrize(
    "model",
    [
        build_model(task="binary", input_shape=(4,)),
        build_model(task="regression", loss="poisson", input_shape=(4,)),
        build_model(task="multilabel", input_shape=(4,), num_classes=3),
        build_model(task="quantile", input_shape=(4,)),
        build_model(x=X * 1e3, y=X[:, 0] * 1e5),
        build_model(task="multiclass", input_shape=(8, 8, 1), num_classes=3, body="cnn"),
        build_autoencoder("dense", input_shape=(8, 8, 1), latent=2),
        build_autoencoder("conv", input_shape=(8, 8, 1), latent=2),
    ],
    ids=lambda model: model.name,
)
def test_the_recipes_of_this_package_have_no_fault(model):
    assert [finding for finding in cheatsheet.check(model) if finding.severity != "info"] == []


def test_nothing_is_changed_and_nothing_trained():
    model = dense(3, "softmax", "sparse_categorical_crossentropy")
    before, x, y = [w.copy() for w in model.get_weights()], X.copy(), CLASSES.copy()
    cheatsheet.check(model, X, CLASSES, validation_split=0.5)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert np.array_equal(x, X)
    assert np.array_equal(y, CLASSES)
    assert model.optimizer.iterations.numpy() == 0


# --- files and the command line -----------------------------------------------------------------------------------


def test_the_command_line_needs_no_tensorflow_and_fails_where_there_is_an_error(tmp_path):
    model = dense(3, "softmax", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "wrong.npy", CLASSES + 1)
    np.save(tmp_path / "right.npy", CLASSES)
    code = f"""
import sys
from recipes.cli import main
folder = {str(tmp_path)!r}
arguments = ["check", folder + "/model.keras", "--x", folder + "/x.npy", "--y"]
print(main([*arguments, folder + "/right.npy"]), main([*arguments, folder + "/wrong.npy"]))
print(main(["check", folder + "/missing.keras"]), sorted({{"tensorflow", "keras"}} & {{*sys.modules}}))
"""
    output = run_python("-c", code).stdout
    assert "nothing found\nerror label_range: " in output
    assert output.splitlines()[-2:] == ["0 1", "2 []"]


ALONE = "The model alone was looked at: what needs y (head, loss, labels) or x (inputs, their scale) was not."


def test_a_model_alone_is_not_said_to_be_right(tmp_path, capsys):
    path = str(tmp_path / "model.keras")
    dense(3, "sigmoid", "mse").save(path)
    assert main(["check", path]) == 0
    assert capsys.readouterr().out == f"info missing_target: {ALONE} Mend: pass x and y.\n"
    assert main(["check", path, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["rule"], told["severity"], told["message"]) == ("missing_target", "info", ALONE)
    np.save(tmp_path / "y.npy", CLASSES)
    assert main(["check", path, "--y", str(tmp_path / "y.npy")]) == 1
    assert ALONE not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["text", "objects", "several", "empty"])
def test_what_is_no_npy_file_is_said_without_advice_to_run_it(kind, tmp_path, capsys):
    model, path = str(tmp_path / "model.keras"), tmp_path / "patients.csv"
    dense(3, "sigmoid", "mse").save(model)
    with path.open("wb") as file:
        if kind == "text":
            file.write(b"age,weight\n1,2\n")
        elif kind == "objects":
            np.save(file, np.array([{}, None], object))
        elif kind == "several":
            np.savez(file, x=X, y=CLASSES)
    assert main(["check", model, "--x", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"recipes check: {path} is no .npy file of numbers or text. Make one with np.save('y.npy', np.asarray(values, "
        "float)), of a table's columns with np.save('x.npy', frame[columns].to_numpy(float)).\n"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK nonsense", "no .keras file"),
        ({"other.json": "{}"}, "has no config.json"),
        ({"config.json": "{"}, "cannot be read"),
        ({"config.json": "[]"}, "does not say which class"),
        ({"config.json": '{"class_name": "Sequential", "config": {"layers": [3]}}'}, "in a way that Keras does not"),
        ({"config.json": '{"class_name": "A", "config": ' * 5000}, "cannot be read"),
    ],
)
def test_broken_files_get_a_sentence(content, said, tmp_path):
    path = tmp_path / "model.keras"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in content.items():
                archive.writestr(name, text)
    with pytest.raises(ValueError, match=said):
        cheatsheet.check(path)


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (65 * 2**20))
    with pytest.raises(ValueError, match="at most 64 are read"):
        cheatsheet.check(path)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((3,), TypeError, "Received: int"),
        (("nowhere.keras",), FileNotFoundError, "There is no file"),
    ],
)
def test_what_is_no_model_gets_a_sentence(arguments, error, said):
    with pytest.raises(error, match=said):
        cheatsheet.check(*arguments)


def test_an_unknown_argument_is_answered_with_the_nearest():
    with pytest.raises(TypeError, match="validation_split"):
        cheatsheet.check(dense(1, None, "mse"), validation_splits=0.2)
    assert "tensorflow" in sys.modules  # so that the test above could fail
