"""`recipes.export`: what is written is read back and gives the same numbers, or is not there."""

import json
import os
import warnings
from importlib.util import find_spec

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused
from processes import run_python

import recipes
from recipes import build_autoencoder, build_model, fit
from recipes.training.files import export as module

HAS_ONNX = all(find_spec(name) is not None for name in module.OF_ONNX)
FORMATS = [
    "keras", "tf_saved_model",
    pytest.param("onnx", marks=pytest.mark.skipif(not HAS_ONNX, reason="needs keras-recipes[onnx]")),
]  # fmt: skip
RNG = np.random.default_rng(0)
X = 1000 + 10 * RNG.normal(size=(60, 4)).astype(np.float32)
Y = np.array(["ill", "well", "dead"])[np.arange(60) % 3]


def path_of(folder, format):
    return folder / f"model{module.FORMATS[format]}"


@pytest.fixture(scope="module")
def run():
    return fit(build_model(x=X, y=Y, seed=0), X, Y, epochs=1, verbose=0)


def two_ends():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    both = keras.layers.Concatenate()([left, right])
    outputs = {"sum": keras.layers.Dense(1, name="sum")(both), "parts": keras.layers.Dense(2, name="parts")(left)}
    model = keras.Model({"left": left, "right": right}, outputs)
    model.compile("sgd", "mse")
    return model


MODELS = {
    "regression": lambda: build_model(x=X, y=X[:, 0] * 100, seed=0),
    "images": lambda: build_autoencoder("conv", input_shape=(8, 8, 1), latent=2, filters=(2, 2), seed=0),
    "sequence": lambda: build_model("multiclass", input_shape=(6, 2), num_classes=3, body="sequence", seed=0),
    "two ends": two_ends,
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.slow_but("regression", "onnx", "two ends", "images-keras")
def test_the_file_gives_the_same_numbers(kind, format, tmp_path):
    model = MODELS[kind]()
    weights = [weight.copy() for weight in model.get_weights()]
    said = recipes.export(model, path_of(tmp_path, format), format=format)
    assert said.format == format
    assert said.num_rows == 32
    assert said.difference <= 1e-5
    assert len(said.inputs) == len(model.inputs)
    assert [entry.name for entry in tmp_path.iterdir()] == [said.path.name]  # and nothing half-written
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_plain_keras_reads_a_run(run, tmp_path):
    said = run.export(tmp_path / "new" / "wards.keras", x=X)
    np.testing.assert_allclose(keras.saving.load_model(said.path).predict(X, verbose=0), run.predict(X), rtol=1e-6)
    assert str(said).splitlines()[-1] == "classes, in the order of the outputs: ('dead', 'ill', 'well')"
    assert "takes" in str(said)
    assert said.classes == run.classes


@pytest.mark.slow
def test_tensorflow_alone_reads_a_saved_model(run, tmp_path):
    run.export(tmp_path / "wards")
    np.save(tmp_path / "x.npy", X[:5])
    script = """
import json, sys
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1] + "/wards")
served = loaded.serve(np.load(sys.argv[1] + "/x.npy"))
print(json.dumps([served.numpy().tolist(), "recipes" in sys.modules]))
"""
    done = run_python("-c", script, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    outputs, ours = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(outputs, run.predict(X[:5]), rtol=1e-5)
    assert not ours


@pytest.mark.skipif(not HAS_ONNX, reason="needs keras-recipes[onnx]")
class TestOnnx:
    def test_the_runtime_reads_raw_units(self, run, tmp_path):
        import onnxruntime

        said = run.export(tmp_path / "wards.onnx", x=X)
        session = onnxruntime.InferenceSession(said.path)
        (end,) = session.get_inputs()
        np.testing.assert_allclose(session.run(None, {end.name: X})[0], run.predict(X), rtol=1e-4, atol=1e-6)

    def test_of_text_the_numeric_core(self, tmp_path):
        with warnings.catch_warnings(record=True, action="always") as warned:
            said = recipes.export(of_text(), tmp_path / "text.onnx")
        assert said.note in [str(warning.message) for warning in warned]
        assert said.note.startswith("ONNX has no text, so this is the numeric core: its inputs are what string_lookup")
        assert len(said.inputs) == 2
        assert "A SavedModel takes the text itself" in said.note
        assert said.difference <= 1e-5


def of_text():
    ward, dose = keras.Input((1,), dtype="string", name="ward"), keras.Input((2,), name="dose")
    known = keras.layers.StringLookup(vocabulary=["north", "south"], output_mode="one_hot")(ward)
    outputs = keras.layers.Dense(3, "softmax")(keras.layers.Concatenate()([known, dose]))
    model = keras.Model({"ward": ward, "dose": dose}, outputs)
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("format", ["keras", "tf_saved_model"])
def test_text_is_taken_by_the_others(format, tmp_path):
    said = recipes.export(of_text(), path_of(tmp_path, format), format=format)
    assert said.difference <= 1e-5
    assert said.note == ""
    rows = {"ward": np.array([["north"], ["west"]]), "dose": np.ones((2, 2))}
    assert recipes.export(of_text(), tmp_path / "rows", x=rows).num_rows == 2


# --- tables, whose columns may be called anything --------------------------------------------------------------------

NAMES = ("age (years)", "Größe in %", "ward/ä b", "when", "1x", "a.b", "a_b", "class", "日", "scale")
PLAIN = ("age_years", "Grosse_in", "ward_a_b", "when", "x_1x", "a_b", "a_b_2", "x_class", "x", "scale")


def measured():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(50, 10, 60).round(2) for name in NAMES})
    frame["ward/ä b"] = rng.choice(["nord", "süd"], 60)
    frame["when"] = pd.date_range("2024-01-01", periods=60)
    frame.loc[::7, "1x"] = np.nan
    frame["y"] = np.where(frame["age (years)"] > 50, "ill", "well")
    return frame


@pytest.fixture(scope="module")
def table_run():
    return recipes.fit_table(measured(), "y", num_networks=2, epochs=2, verbose=0)


@pytest.mark.filterwarnings("ignore:ONNX has no text")
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.slow_but("tf_saved_model")
def test_a_table_is_exported_whatever_its_columns_are_called(table_run, format, tmp_path):
    said = recipes.export(table_run, path_of(tmp_path, format), x=measured().drop(columns="y"))
    assert said.difference <= 1e-5
    assert (said.num_rows, said.classes) == (32, ("ill", "well"))
    assert len(said.inputs) == len(NAMES)
    if format == "tf_saved_model":
        assert [one.split()[0] for one in said.inputs] == [*PLAIN]
        assert said.inputs[0] == "age_years (for 'age (years)') (n, 1) float64"
        assert said.inputs[3] == "when (n, 1) float64 in days since 1970-01-01"


def test_a_saved_model_predicts_raw_columns_by_their_plain_names(table_run, tmp_path):
    import tensorflow as tf

    table_run.export(tmp_path / "wards")
    frame = measured()[:5]
    served = tf.saved_model.load(tmp_path / "wards").signatures["serving_default"]
    given = table_run.inputs_of(frame)
    columns = {plain: given[column.input] for plain, column in zip(PLAIN, table_run.columns.learnt, strict=True)}
    (outputs,) = served(**columns).values()
    np.testing.assert_allclose(outputs.numpy()[:, 0], table_run.predict(frame)[:, 1], rtol=1e-5)


@pytest.mark.parametrize("kind", ["text and numbers", "numbers alone", "text alone"])
@pytest.mark.slow_but("text and numbers")
def test_what_inputs_of_gives_is_taken_however_keras_is_asked(kind, tmp_path):
    frame = measured().drop(columns="when")
    columns = {"numbers alone": ["1x", "scale"], "text alone": ["ward/ä b"]}.get(kind, [*frame.columns.drop("y")])
    run = recipes.fit_table(frame[[*columns, "y"]], "y", num_networks=1, epochs=1, verbose=0)
    run.save(tmp_path / "run")
    run.export(tmp_path / "wards.keras")
    given, expected = run.inputs_of(frame), run.predict(frame)[:, 1:]
    assert [*given] == [tensor.name for tensor in run.model.inputs]
    kept = (tmp_path / "run" / "model.keras", tmp_path / "wards.keras")
    for model in (run.model, *map(keras.saving.load_model, kept)):
        for ask in (model, model.predict_on_batch, lambda x, model=model: model.predict(x, batch_size=7, verbose=0)):
            np.testing.assert_allclose(np.asarray(ask(given)), expected, rtol=1e-5)
    for name, tensor in run.inputs_of(frame, most=3).items():
        np.testing.assert_array_equal(np.asarray(tensor), np.asarray(given[name])[:3])


@pytest.mark.slow
def test_what_is_said_of_a_table_is_all_that_tensorflow_needs(tmp_path):
    import tensorflow as tf

    rng = np.random.default_rng(1)
    days, stay = rng.integers(19_000, 19_400, 40), rng.integers(1, 9, 40)
    frame = pd.DataFrame({"when": pd.to_datetime(days, unit="D"), "stay": pd.to_timedelta(stay, unit="D"),
                          "price": days / 100 + stay})  # fmt: skip
    run = recipes.fit_table(frame, "price", num_networks=1, epochs=2, verbose=0)
    said = run.export(tmp_path / "wards")
    assert said.inputs == ("when (n, 1) float64 in days since 1970-01-01", "stay (n, 1) float64 in days")
    call = 'tf.saved_model.load(path).signatures["serving_default"](**columns)["output_0"]'
    assert call.replace("path", repr(str(said.path))) in str(said)
    columns = {"when": tf.constant(days[:, None], tf.float64), "stay": tf.constant(stay[:, None], tf.float64)}
    outputs = eval(call, {"tf": tf, "path": str(said.path), "columns": columns})
    assert outputs.shape == (40, 1)
    np.testing.assert_allclose(outputs[:, 0], run.predict(frame), rtol=1e-5)


@pytest.mark.skipif(not HAS_ONNX, reason="needs keras-recipes[onnx]")
@pytest.mark.filterwarnings("ignore:ONNX has no text")
def test_the_numeric_core_of_a_table_predicts_with_the_places_of_words(table_run, tmp_path):
    import onnxruntime

    said = table_run.export(tmp_path / "wards.onnx")
    assert said.words == {"ward_a_b_index": ("[UNK]", "nord", "süd")}
    assert "ward_a_b_index takes the place, from 0, in '[UNK]', 'nord', 'süd'" in str(said)
    frame = measured()[:5]
    given = table_run.inputs_of(frame)
    learnt = zip(PLAIN, table_run.columns.learnt, strict=True)
    feed = {plain: np.asarray(given[column.input]) for plain, column in learnt}
    places = [said.words["ward_a_b_index"].index(word) for word in frame["ward/ä b"]]
    feed = {**feed, "ward_a_b_index": np.array(places, np.int64)[:, None]}
    del feed["ward_a_b"]
    outputs = onnxruntime.InferenceSession(said.path).run(None, feed)[0]
    np.testing.assert_allclose(outputs[:, 0], table_run.predict(frame)[:, 1], rtol=1e-5)


def test_a_table_that_lacks_a_column_is_no_table_to_compare_on(table_run, tmp_path):
    with pytest.raises(recipes.DataError, match="lacks the column 'when'"):
        table_run.export(tmp_path / "wards.keras", x=measured().drop(columns="when"))
    assert list(tmp_path.iterdir()) == []


@keras.saving.register_keras_serializable("tests")
class Forgetful(keras.layers.Dense):
    """A layer that is read back with other weights, as one is whose author has forgotten to save them."""

    def load_own_variables(self, store):
        for weight in self.weights:
            weight.assign(keras.ops.ones(weight.shape))


@pytest.mark.parametrize("format", ["keras", "tf_saved_model"])
def test_other_numbers_are_refused_and_nothing_is_left(format, tmp_path):
    model = keras.Sequential([keras.Input((3,)), Forgetful(2)])
    with pytest.raises(ValueError, match=r"^keras gives other numbers: on 32 rows they differ by up to .* Nothing was"):
        recipes.export(model, path_of(tmp_path, format), format=format)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_never_twice_the_same_is_refused(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Noisy(keras.layers.Layer):
        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x))

    with pytest.raises(ValueError, match="gives other numbers"):
        recipes.export(keras.Sequential([keras.Input((3,)), Noisy()]), tmp_path / "noisy.keras")
    assert list(tmp_path.iterdir()) == []


class TestWhatLiesThere:
    def test_stays_without_overwrite(self, run, tmp_path):
        path = tmp_path / "wards.keras"
        path.write_text("mine")
        with refused(f"{path} is there. Name another path, or pass overwrite=True.", FileExistsError):
            run.export(path)
        assert path.read_text() == "mine"
        run.export(path, overwrite=True)
        assert run.export(path, overwrite=True).path.stat().st_size > 1000

    def test_a_folder_with_other_files_stays(self, run, tmp_path):
        folder = tmp_path / "wards"
        run.export(folder)
        run.export(folder, overwrite=True)
        (folder / "notes.txt").write_text("mine")
        with refused(f"{folder} holds other files ('notes.txt'). Name another folder.", FileExistsError):
            run.export(folder, overwrite=True)
        assert (folder / "notes.txt").read_text() == "mine"
        assert os.listdir(tmp_path) == ["wards"]

    def test_a_folder_does_not_become_a_file(self, run, tmp_path):
        (tmp_path / "wards.keras").mkdir()
        with pytest.raises(FileExistsError, match="is a folder, and stays"):
            run.export(tmp_path / "wards.keras", overwrite=True)


@pytest.mark.parametrize(
    ("model", "path", "options", "error", "message"),
    [
        (None, "a.keras", {"format": "kears"}, ValueError, "Unknown format.*Did you mean 'keras'"),
        (None, "a.keras", {"format": "tf_saved_model"}, ValueError, "wants the name of a folder"),
        (None, "a.h5", {}, ValueError, r"^export writes no \.h5 files\. Received: .*a\.h5'\. Name a path that ends in "
         r"\.keras or \.onnx, or a folder for a SavedModel\.$"),
        (None, "a.TFLITE", {}, ValueError, r"^export writes no \.TFLITE files"),
        (None, "a.h5", {"format": "tf_saved_model"}, ValueError, "wants the name of a folder"),
        (None, "a", {"format": "onnx"}, ValueError, "wants a path that ends in .onnx"),
        (None, 3, {}, TypeError, "A model is exported to a path"),
        (3, "a.keras", {}, TypeError, "export takes a Run, a TableRun or a Keras model. Received: int"),
        (keras.Sequential([keras.layers.Dense(1)]), "a.keras", {}, ValueError, "The model has no shape yet"),
        (None, "a.keras", {"x": X[:, :2]}, ValueError, "2"),
        (None, "a.keras", {"formats": 1}, TypeError, "Did you mean 'format'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_written(model, path, options, error, message, run, tmp_path):
    path = tmp_path / path if isinstance(path, str) else path
    with pytest.raises(error, match=message):
        recipes.export(run if model is None else model, path, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(HAS_ONNX, reason="it is there")
def test_onnx_without_its_packages_says_what_to_install(run, tmp_path):
    with pytest.raises(ModuleNotFoundError, match=r'Say: pip install "keras-recipes\[onnx\]"\.$'):
        run.export(tmp_path / "wards.onnx")
