"""A saved run is the run: in another process, without the training data, to the bit; and so are its copies."""

import copy
import json
import pickle

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused
from model_files import Tripled, sequential
from processes import run_python

import recipes
from recipes import build_model, fit
from recipes.running.saved import UntrustedFileError
from recipes.training.signature import signature_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
TABLE = pd.DataFrame(X, columns=["temperature", "wind", "rain"])
WARM = np.where(X[:, 0] > 0, "warm", "cold")


def several():
    inputs = keras.Input((3,))
    model = keras.Model(
        inputs,
        {
            "kind": keras.layers.Dense(3, "softmax", name="kind")(inputs),
            "size": keras.layers.Dense(1, name="size")(inputs),
        },
    )
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"})
    return model


RUNS = {
    "labels": lambda: fit(build_model(x=TABLE, y=WARM, seed=0), TABLE, WARM, epochs=3, validation_split=0.2, verbose=0),
    "margin": lambda: fit(build_model(x=X, y=np.sign(X[:, 0]), loss="hinge", seed=0), X, np.sign(X[:, 0]), verbose=0),
    "numbers": lambda: fit(build_model(x=X, y=X[:, 0], seed=0), X, X[:, 0], epochs=2, verbose=0),
    "quantiles": lambda: fit(build_model("quantile", x=X, y=X[:, 0], seed=0), X, X[:, 0], verbose=0),
    "codes": lambda: fit(recipes.build_autoencoder("dense", x=X, units=(2,), latent=1, seed=0), X, epochs=2, verbose=0),
    "several": lambda: fit(several(), X, {"kind": RNG.choice(["a", "b", "c"], 60), "size": X[:, 1]}, verbose=0),
    "not a number": lambda: fit(
        build_model(x=X, y=X[:, 0], optimizer="sgd", learning_rate=1e30, seed=0), X, X[:, 0], epochs=3, verbose=0
    ),
}


def assert_same(back, run):
    data = TABLE if run.signature.inputs[0].columns else X
    for ours, theirs in zip(*(keras.tree.flatten(r.predict(data)) for r in (back, run)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert back.model is not run.model
    assert signature_of(back.model) == back.signature == run.signature
    assert str(back) == str(run)
    for name in ("findings", "engine", "seed", "seconds", "steps", "chance", "least", "kept", "epochs", "classes"):
        assert getattr(back, name) == getattr(run, name), name
    np.testing.assert_equal(back.history, run.history)  # not a number is itself


QUICK = ("labels",)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in RUNS])
def test_a_run_comes_back(name, tmp_path):
    run = RUNS[name]()
    run.save(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["history.npz", "model.keras", "run.json"]
    assert_same(recipes.load(tmp_path / "run"), run)
    for packed in (copy.deepcopy(run), pickle.loads(pickle.dumps(run))):  # noqa: S301 - our own
        assert_same(packed, run)
    assert copy.copy(run).history == run.history or name == "not a number"


@pytest.mark.parametrize("layer", ["dropout", "dropout with a seed", "noise"])
def test_dropout_and_noise_go_on_where_they_stopped(layer, tmp_path):
    """Keras keeps in no file how far they have drawn, so that a model it loads begins its masks anew."""
    made = {
        "dropout": lambda: keras.layers.Dropout(0.4),
        "dropout with a seed": lambda: keras.layers.Dropout(0.4, seed=3),
        "noise": lambda: keras.layers.GaussianNoise(0.5),
    }[layer]
    model = keras.Sequential([keras.Input((3,)), made(), keras.layers.Dense(8, "relu"), made(), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    run = fit(model, X, X[:, 0], epochs=2, verbose=0)
    run.save(tmp_path / "run")
    copies = [recipes.load(tmp_path / "run"), copy.deepcopy(run), pickle.loads(pickle.dumps(run))]  # noqa: S301
    expected = fit(run.model, X, X[:, 0], epochs=2, verbose=0)
    assert recipes.load(tmp_path / "run").history == run.history
    for back in copies:
        assert fit(back.model, X, X[:, 0], epochs=2, verbose=0).history == expected.history
        for ours, theirs in zip(back.model.get_weights(), run.model.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_it_trains_on_where_it_stopped(tmp_path):
    run = RUNS["margin"]()
    run.save(tmp_path / "run")
    copies = [recipes.load(tmp_path / "run"), copy.deepcopy(run)]
    y = np.sign(X[:, 0])
    expected = fit(run.model, X, y, epochs=3, verbose=0)
    for other in copies:
        assert fit(other.model, X, y, epochs=3, verbose=0).history == expected.history  # Adam's moments too


@pytest.mark.slow
def test_in_another_process(tmp_path):
    run = RUNS["labels"]()
    run.save(tmp_path / "run")
    joblib.dump(run, tmp_path / "run.joblib")
    TABLE[["rain", "wind", "temperature"]].to_pickle(tmp_path / "turned.pkl")
    script = (
        "import sys, joblib, pandas as pd, recipes\n"
        "turned = pd.read_pickle('turned.pkl')\n"
        "for run in (recipes.load('run'), joblib.load('run.joblib')):\n"
        "    print(*run.predict_labels(turned))\n"
        "    try:\n        run.predict(turned[['rain']])\n"
        "    except recipes.DataError as error:\n        print(error)\n"
    )
    done = run_python("-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lacks = "x lacks the columns 'temperature', 'wind'. Pass the columns 'temperature', 'wind', 'rain'."
    assert done.stdout.splitlines() == [" ".join(run.predict_labels(TABLE)), lacks] * 2


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    run = RUNS["numbers"]()
    (tmp_path / "notes.txt").write_text("mine")
    with refused(f"{tmp_path} holds other files (notes.txt). Name another folder.", FileExistsError):
        run.save(tmp_path)
    with refused(f"{tmp_path / 'notes.txt'} is a file. Name a folder, which will be made.", FileExistsError):
        run.save(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match=r"A run is saved in a folder\. Received: .*run\.model\.save"):
        run.save(tmp_path / "model.keras")
    run.save(tmp_path / "run")
    with pytest.raises(FileExistsError, match=r"holds a saved run\. Name another folder, or pass overwrite=True\."):
        run.save(tmp_path / "run")
    fit(run.model, X, X[:, 0], verbose=0)
    run.save(tmp_path / "run", overwrite=True)
    assert_same(recipes.load(tmp_path / "run"), run)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["notes.txt"]


def test_a_model_that_could_not_be_loaded_is_not_saved(tmp_path):
    model = sequential((3,), keras.layers.Lambda(lambda x: 2 * x))
    run = fit(model, X, X[:, 0], verbose=0)
    with pytest.raises(ValueError, match=r"cannot be saved .*: it holds a Lambda layer, which runs code"):
        run.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_layer_of_ones_own_is_named_when_loading(tmp_path):
    run = fit(sequential((3,), Tripled()), X, X[:, 0], verbose=0)
    run.save(tmp_path / "run")
    with pytest.raises(UntrustedFileError, match="'Tripled'"):
        recipes.load(tmp_path / "run")
    assert_same(recipes.load(tmp_path / "run", custom_objects={"Tripled": Tripled}), run)
    assert_same(copy.deepcopy(run), run)


def test_columns_without_a_plain_name_are_refused_before_anything_is_written(tmp_path):
    table = TABLE.set_axis(pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]), axis=1)
    run = fit(build_model(x=table, y=WARM, seed=0), table, WARM, verbose=0)
    with pytest.raises(ValueError, match=r"names and labels that are text or numbers\. Received: Timestamp"):
        run.save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def spoiled(folder, name, change):
    (folder / name).write_bytes(change((folder / name).read_bytes()))


def facts(change):
    """A change of what `run.json` says."""

    def changed(content):
        value = json.loads(content)
        change(value)
        return json.dumps(value).encode()

    return changed


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("model.keras", lambda content: content[:-1] + bytes([content[-1] ^ 1]), "is not the file that was saved"),
        ("history.npz", lambda content: content[:-9], "is not the file that was saved"),
        ("run.json", lambda content: content[:-9], "describes no run (JSONDecodeError"),
        ("run.json", lambda content: b"[" * 100_000, "describes no run (RecursionError"),
        ("run.json", lambda content: b"[]", "describes no run (TypeError"),
        ("run.json", lambda content: b" " * 70_000_000, "too many for a run"),
        ("run.json", facts(lambda value: value.update(format=99)), "was written by a newer version"),
        ("run.json", facts(lambda value: value.pop("run")), "describes no run (KeyError: 'run')"),
        ("run.json", facts(lambda value: value["run"].update(findings=[{"rule": 1}])), "describes no run (TypeError"),
        (
            "run.json",
            facts(lambda value: value.update(compiled={"class_name": "system", "module": "os", "config": {}})),
            "'system' of 'os'",
        ),
    ],
)  # fmt: skip
def test_a_folder_that_was_changed_is_refused(name, change, why, tmp_path):
    RUNS["numbers"]().save(tmp_path / "run")
    spoiled(tmp_path / "run", name, change)
    with pytest.raises(UntrustedFileError) as caught:
        recipes.load(tmp_path / "run")
    assert why in str(caught.value)


def test_a_pickle_in_place_of_the_history_is_not_read(tmp_path):
    import hashlib
    import io

    RUNS["numbers"]().save(tmp_path / "run")
    held = io.BytesIO()
    np.savez(held, **{"history/loss": np.array([print], dtype=object)})
    spoiled(tmp_path / "run", "history.npz", lambda _: held.getvalue())
    digest = hashlib.sha256(held.getvalue()).hexdigest()
    spoiled(tmp_path / "run", "run.json", facts(lambda value: value["sha256"].update({"history.npz": digest})))
    with pytest.raises(UntrustedFileError, match=r"describes no run \(ValueError: .*allow_pickle=False"):
        recipes.load(tmp_path / "run")


@pytest.mark.parametrize(("given", "shown"), [(None, "None"), (True, "True"), (3, "3"), ([], "list")])
def test_what_names_no_folder_is_refused(given, shown):
    with refused(f"A run is saved in a folder. Name it: run.save('wards'). Received: {shown}.", TypeError):
        RUNS["numbers"]().save(given)
    said = "load reads the folder of a saved run, or a .keras file. Name it: load('wards')."
    with refused(f"{said} Received: {shown}.", TypeError):
        recipes.load(given)


def test_a_folder_that_is_not_there_is_no_file(tmp_path):
    message = f"There is no run in {tmp_path / 'birds'}. Expected a folder that save has written, or a .keras file."
    with refused(message, FileNotFoundError):
        recipes.load(tmp_path / "birds")
