"""The words of the command line: flags, those that are misspelt, and what stays away from stderr."""

import json
import os
import subprocess
import sys
import warnings
from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
import pytest
from processes import run_python, started_python

import recipes
from recipes.autoencoder import kinds
from recipes.autoencoder.networks import PRESETS as NETWORKS
from recipes.cli import main
from recipes.cli.entry import _warnings_in_one_line, parser
from recipes.cli.flags import as_typed, flags_of
from recipes.cli.quiet import NOISE, _without
from recipes.grokking.arguments import TABLES
from recipes.grokking.grok import PRESETS
from recipes.running.saved import as_json
from recipes.tables.prepare import prepare_table


@pytest.mark.parametrize(
    ("command", "python", "typed"),
    [
        ("fit", "test_split is a share, 0 < test_split < 1. Received: test_split=1.5.",
         "--test-split is a share, 0 < --test-split < 1. Received: --test-split 1.5."),
        ("fit", "group= and time= split in two ways. Pass one, and the other in drop=.",
         "--group and --time split in two ways. Pass one, and the other in --drop."),
        ("fit", "seed must be whole. Received: seed=-1.", "--seed must be whole. Received: --seed -1."),
        ("fit", "The time is told in 'time'; pass drop=['visit id', 'b'].",
         "The time is told in 'time'; pass --drop 'visit id' b."),
        ("tune", "Name another directory, or start anew with overwrite=True.",
         "Name another directory, or start anew with --overwrite."),
        ("tune", "body='mlp' has no hyperparameter 'unit'; see tune(x, y, body='cnn').",
         "--body mlp has no hyperparameter 'unit'; see tune(x, y, body='cnn')."),
        ("tune", "Say metrics=['auc'], which no flag is for.", "Say metrics=['auc'], which no flag is for."),
        ("sheet", "Which task? Received: loss='hinge' alone.", "Which task? Received: --loss hinge alone."),
    ],
)  # fmt: skip
def test_arguments_are_named_as_they_are_typed(command, python, typed):
    options = {"fit": ["data.csv", "--target", "y"]}.get(command, [])
    assert as_typed(python, flags_of(parser().parse_args([command, *options]).parser)) == typed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "data.csv", "--targt", "y"], "recipes fit: error: there is no --targt. Did you mean '--target'?"),
        (
            ["grok", "--weigth-decay=1"],
            "recipes grok: error: there is no --weigth-decay. Did you mean '--weight-decay'?",
        ),
        (["sheet", "--nothing-like-it"], "recipes sheet: error: there is no --nothing-like-it."),
    ],
)
def test_a_misspelt_flag_is_told_from_a_missing_one(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == message


def test_a_flag_may_be_shortened_as_argparse_does():
    options = parser().parse_args(["fit", "data.csv", "--tar", "y", "--test", "0.3", "--quant", "-0.1"])
    assert (options.target, options.test_split, options.quantiles) == ("y", 0.3, [-0.1])


class TestQuiet:
    LINES = (
        b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        b"I0000 00:00:1795987954.724788   13736 cudart_stub.cc:31] Could not find cuda drivers on your machine.\n"
        b"2026-01-01 10:00:00.123456: E external/local_xla/xla/stream.cc:31] Unable to register cuDNN factory\n"
        b"theirs: a warning of the user's own\n"
        b"To enable the following instructions: AVX2 FMA, rebuild TensorFlow with the appropriate compiler flags.\n"
        b"W is for wards\n"
    )

    def test_only_tensorflows_lines_are_left_out(self, capfd):
        with _without(NOISE):
            os.write(2, self.LINES)
            print("through Python", file=sys.stderr)
        os.write(2, b"afterwards\n")
        said = capfd.readouterr().err.splitlines()
        assert said[-1] == "afterwards"
        assert {"theirs: a warning of the user's own", "W is for wards"} <= {*said}
        assert not [line for line in said if "cuda" in line or "absl" in line or "AVX2" in line or "cuDNN" in line]

    def test_where_it_fails_everything_comes_out(self, capfd):
        def load():
            os.write(2, self.LINES)
            raise ImportError("libtensorflow is broken")

        with pytest.raises(ImportError), _without(NOISE):
            load()
        assert capfd.readouterr().err == self.LINES.decode()

    def test_a_warning_is_one_line(self, capsys):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            before = warnings.showwarning
            with _warnings_in_one_line(Namespace(command="fit", parser=ArgumentParser())):
                warnings.warn("the task was read off y", stacklevel=1)
            assert warnings.showwarning is before
        assert capsys.readouterr().err == "recipes fit: the task was read off y\n"


def test_a_reader_that_has_read_enough_is_no_error():
    script = "import sys; from recipes.cli import main; sys.stdin.readline(); sys.exit(main(['sheet']))"
    with started_python("-c", script, stdin=subprocess.PIPE) as process:
        process.stdout.close()
        process.stdout = None
        assert process.communicate("go\n", timeout=60)[1] == ""
        assert process.returncode == 141


# --- what is refused needs no TensorFlow, and comes before it is loaded -----------------------------------------------

REFUSED = """
import contextlib, io, json, sys
from recipes.cli import main
for arguments in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        status = main(arguments)
    print(json.dumps([status, said.getvalue(), "tensorflow" in sys.modules or "keras" in sys.modules]))
"""
FIT = ["fit", "d.csv", "--target", "y"]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """What each of `SLOW` says, all of them in one process: a module that is loaded for one is there for the rest."""
    folder = tmp_path_factory.mktemp("refused")
    rows = [f"{i / 7:.3f},{'ns'[i % 2]},{'yes' if i % 3 else 'no'}" for i in range(60)]
    (folder / "d.csv").write_text("\n".join(["a,w,y", *rows]) + "\n")
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    np.savez(folder / "rows.npz", x=np.zeros((9, 2)), y=np.arange(8))
    signature = prepare_table(folder / "d.csv", "y")
    (folder / "kept").mkdir()
    facts = {"format": 1, "sha256": {"model.keras": "", "arrays.npz": ""}, "quantiles": None, "asked": {},
             "reading": as_json(signature.reading), "target": as_json(signature.target),
             "columns": [as_json(column) for column in signature.columns]}  # fmt: skip
    (folder / "kept" / "table.json").write_text(json.dumps(facts))
    (folder / "other.csv").write_text("w\nn\n")
    done = run_python("-c", REFUSED, json.dumps([arguments for arguments, _ in SLOW]), cwd=folder, timeout=60,
                      env={**os.environ, "PYTHONPATH": str(Path(recipes.__file__).parents[1])})  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()] or done.stderr


HAS = "Expected a folder that recipes fit --out has written."
SLOW = [
    (["fit", "nofile.csv", "--target", "y"], "There is no file nofile.csv."),
    ([*FIT, "--test-split", "20"], "--test-split is a share of the rows, 0 < --test-split < 1. Received: "),
    (["fit", "d.csv", "--target", "yy"], "There is no column 'yy' for --target."),
    ([*FIT, "--drop", "z"], "There is no column 'z' for --drop."),
    ([*FIT, "--out", "notes"], "notes holds other files (mine.txt)."),
    ([*FIT, "--report", "notes"], "--report notes is a folder. Name a file, such as report.html."),
    ([*FIT, "--report", "d.csv/a.html"], "--report d.csv/a.html cannot be written: d.csv is a file."),
    ([*FIT, "--epochs", "0"], "--epochs must be a whole number of at least 1."),
    ([*FIT, "--num-networks", "0"], "--num-networks must be a whole number of at least 1."),
    ([*FIT, "--intervals", "0.9"], "--intervals are for numbers. Received: --intervals 0.9 for 'y', which holds 2 "),
    ([*FIT, "--quantiles", "0.5"], "--quantiles are of numbers. Received: --quantiles 0.5 for 'y', which holds 2 "),
    ([*FIT, "--cost-false-positive", "-1"], "--cost-false-positive is a positive number."),
    (["predict", "birds", "d.csv"], f"There is no run in birds. {HAS}"),
    (["predict", "kep", "d.csv"], f"There is no run in kep. {HAS} Did you mean 'kept'?"),
    (["predict", "notes", "d.csv"], f"There is no run of a table in notes: it lacks table.json. {HAS}"),
    (["predict", "kept", "nofile.csv"], "There is no file nofile.csv."),
    (["predict", "kept", "other.csv"], "The table lacks the column 'a', which the model was trained on."),
    (["predict", "kept", "d.csv", "--out", "notes/mine.txt/a"], "--out notes/mine.txt/a/predictions.csv cannot be"),
    (["report", "birds"], f"There is no run in birds. {HAS}"),
    (["report", "d.csv"], f"There is no run of a table in d.csv, which is a file. {HAS}"),
    (["report", "kept", "--report", "notes"], "--report notes is a folder."),
    (["tune", "--data", "d.csv"],
     "--data d.csv is a table. Expected one of breast_cancer, wine, iris, diabetes, digits, photographs, mnist, "
     "fashion_mnist, or an .npz file with x and y: np.savez('data.npz', x=x, y=y). A table goes with recipes fit: "
     "recipes fit d.csv --target COLUMN."),
    (["tune", "--data", "wines"], "Unknown data set. Received: --data wines. Expected one of "),
    (["tune", "--data", "nofile.npz"], "There is no file nofile.npz."),
    (["tune", "--data", "rows.npz"], "x has 9 rows, but y has 8."),
    (["tune", "--data", "wine", "--workers", "0"], "--workers must be a whole number of at least 1."),
    (["tune", "--data", "wine", "--body", "mpl"], "Unknown body. Received: --body mpl."),
    (["tune", "--data", "wine", "--tuner", "best"], "Unknown tuner. Received: --tuner best."),
    (["tune", "--data", "wine", "--task", "classes"], "Unknown task. Received: --task classes."),
    (["tune", "--data", "wine", "--validation-split", "2"], "A search needs rows to validate on: 0 < "),
    (["tune", "--data", "wine", "--directory", "notes"], "notes holds mine.txt, but no search."),
    (["tune"], "Say --data NAME or --data FILE.npz;"),
    (["autoencoder", "--data", "d.csv"], "--data d.csv is a table."),
    (["autoencoder", "--data", "nofile.npy"], "There is no file nofile.npy."),
    (["autoencoder", "cnov"], "Unknown kind. Received: kind cnov."),
    (["autoencoder", "dense", "--noise", "0.1"], "kind dense has no noise."),
    (["autoencoder", "--preset", "notebook"], "Unknown preset. Received: --preset notebook."),
    (["autoencoder", "--patience", "0"], "--patience must be a whole number of at least 1."),
    (["autoencoder", "--save", "notes"], "notes holds other files (mine.txt)."),
    (["grok", "--preset", "lectures"], "Unknown preset. Received: --preset lectures."),
    (["grok", "--p", "2"], "--p must be a whole number of at least 3."),
    (["grok", "--operation", "x+z"], "Cannot read 'z' in --operation"),
    (["grok", "--train-fraction", "1"], "--train-fraction is a share of the 2,809 equations, between 0 and 1."),
    (["grok", "--learning-rate", "0"], "--learning-rate must be above 0."),
]  # fmt: skip


@pytest.mark.parametrize("place", range(len(SLOW)), ids=lambda place: " ".join(SLOW[place][0]))
def test_what_needs_no_tensorflow_is_refused_before_it_is_loaded(place, refusals):
    arguments, message = SLOW[place]
    status, said, is_loaded = refusals[place]
    assert status == 2
    assert said.startswith(f"recipes {arguments[0]}: {message}")
    assert not is_loaded


def test_the_names_of_presets_are_those_that_are_built():
    assert [*NETWORKS] == [*kinds.PRESETS]
    assert [*PRESETS] == [*TABLES]
    assert [(preset.operation, preset.p, preset.train_fraction) for preset in PRESETS.values()] == [*TABLES.values()]
