"""`recipes diagnose history.csv`: the file that Keras' CSVLogger writes, without TensorFlow."""

import json

import keras
import numpy as np
import pytest
from processes import run_python

from recipes import diagnose
from recipes.cli import main
from recipes.diagnosis.csv_history import read_history

OVERFIT = {"loss": [1.0, 0.6, 0.4, 0.3, 0.25, 0.24, 0.2, 0.1], "val_loss": [1.0, 0.7, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]}


def written(path, history, separator=","):
    lines = [separator.join(["epoch", *history])]
    lines += [separator.join(map(str, [i, *row])) for i, row in enumerate(zip(*history.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """What Keras itself writes, without and with a validation now and then."""
    folder = tmp_path_factory.mktemp("logged")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 1))
    model.fit(x, x, epochs=6, verbose=0, callbacks=[keras.callbacks.CSVLogger(folder / "alone.csv")])
    model.fit(
        x, x, epochs=12, verbose=0, validation_data=(x, x), callbacks=[keras.callbacks.CSVLogger(folder / "both.csv")]
    )
    return folder


def test_what_keras_writes_is_read(logged):
    assert [*read_history(logged / "alone.csv")] == ["loss"]  # Keras writes NA for a val_loss that nobody measured
    both = read_history(logged / "both.csv")
    assert [len(both[name]) for name in ("loss", "val_loss")] == [12, 12]


def test_the_findings_are_printed_and_an_error_is_exit_code_1(tmp_path, capsys):
    path = written(tmp_path / "history.csv", OVERFIT)
    assert main(["diagnose", str(path)]) == 0
    assert capsys.readouterr().out == "".join(f"{finding}\n" for finding in diagnose(OVERFIT))
    assert main(["diagnose", str(path), "--chance", "0.5"]) == 1
    assert "worse_than_chance" in capsys.readouterr().out
    assert main(["diagnose", str(path), "--kept", "3"]) == 0
    assert "0.6 in epoch 3, whose weights the model has" in capsys.readouterr().out


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path, capsys, separator):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    path = tmp_path / "keras.csv"
    logger = keras.callbacks.CSVLogger(path, separator=separator)
    history = model.fit(np.ones((8, 1)), np.ones((8, 1)), epochs=6, verbose=0, callbacks=[logger]).history
    assert read_history(path) == {"loss": pytest.approx(history["loss"])}
    assert main(["diagnose", str(path)]) == main(["diagnose", str(path), "--separator", separator]) == 0
    found, told = np.array_split(capsys.readouterr().out.splitlines(), 2)
    assert [*found] == [*told]


def test_nan_is_an_error_and_json_holds_the_fields(tmp_path, capsys):
    path = written(tmp_path / "history.csv", {"loss": [1.0, float("nan")]}, ";")
    assert main(["diagnose", str(path), "--separator", ";", "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding["rule"], finding["epochs"], finding["severity"]) == ("nan", [2, 2], "error")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,accuracy\n0,0.5\n", "has the columns epoch, accuracy. Expected loss, and perhaps val_loss"),
        ("", "has the columns none. Expected loss"),
        ("epoch,loss\n0,low\n", "line 2, has 'low' for a loss. Expected a number."),
        ("epoch,loss\n", "loss has shape (0,). Expected one value per epoch"),
    ],
)
def test_what_is_no_history_is_exit_code_2(tmp_path, capsys, text, message):
    path = tmp_path / "history.csv"
    path.write_text(text)
    assert main(["diagnose", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("recipes diagnose: ")
    assert message in error


def test_a_missing_file_is_exit_code_2(tmp_path, capsys):
    assert main(["diagnose", str(tmp_path / "none.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_neither_keras_nor_tensorflow_is_loaded(tmp_path):
    path = written(tmp_path / "history.csv", OVERFIT)
    script = (
        "import sys; from recipes.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code + 10 * any(name in sys.modules for name in ('keras', 'tensorflow', 'matplotlib')))"
    )
    done = run_python("-c", script, "diagnose", str(path), timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("warning overfitting (epochs 3-8)")
