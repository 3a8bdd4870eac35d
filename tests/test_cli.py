"""`python -m cheatsheet`, and `recipes`: what each command says, its options, its exit codes."""

import inspect
import json
import os
import re
import signal
from importlib import import_module

import numpy as np
import pytest
from conftest import ROOT
from processes import RESTORE_CTRL_C, run_python

import recipes
from cheatsheet import TABLE, Row, check, infer_task, lookup
from cheatsheet.__main__ import answer, explain
from cheatsheet.__main__ import main as cheatsheet_main
from cheatsheet.rules import RULES
from recipes import build_autoencoder, fit, load_data
from recipes.cli import main
from recipes.cli.entry import parser


def test_the_whole_table(capsys):
    assert cheatsheet_main([]) == 0
    out = capsys.readouterr().out
    for row in TABLE:
        assert row.loss in out
        assert row.target in out


def test_one_row_with_code_that_runs(capsys):
    assert cheatsheet_main(["multiclass", "--loss", "kld"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("multiclass: kl_divergence\n")
    assert 'build_model(task="multiclass", loss="kl_divergence", num_classes=N)' in out
    assert 'Dense(N, activation="softmax")' in out


def test_every_rows_recipe_builds(capsys):
    from recipes import build_autoencoder, build_model  # noqa: F401 - named in the code under test
    from recipes.lecture.astronomy.detector import build_detector  # noqa: F401

    for row in TABLE:
        assert cheatsheet_main([row.task, "--loss", row.loss]) == 0
        lines = capsys.readouterr().out.splitlines()
        code = next(line.strip() for line in lines if line.strip().startswith("model = build"))
        model = eval(
            code.removeprefix("model = ").replace("=N", "=3").replace("x=x", "input_shape=(8, 8, 1)"),
        )
        assert model.compiled


def test_a_detection_head_is_a_convolution_and_what_makes_boxes_of_it(capsys):
    assert cheatsheet_main(["detection"]) == 0
    said = capsys.readouterr().out
    alone = said.split("With layers of your own:\n")[1]
    assert alone.splitlines()[1:] == [
        "  from recipes.losses import Detection",
        "  from recipes.lecture.astronomy.detector import CellBoxes  # sigmoid and exp",
        "  model.add(keras.layers.Conv2D(5, 1))",
        "  model.add(CellBoxes(stride=8))  # the image's side over the number of cells",
        '  model.compile(optimizer="adam", loss=Detection(), metrics=[])',
    ]
    assert said.startswith("detection\n")
    assert "one number" in said


def test_the_page_on_check_lists_the_rules_that_there_are(capsys):
    assert cheatsheet_main(["--rules"]) == 0
    page, readme = (ROOT / "docs" / "check.md").read_text(), (ROOT / "README.md").read_text()
    assert page.split("<!-- rules -->\n")[1].split("<!-- end -->")[0] == capsys.readouterr().out
    assert f"[{len(RULES)} rules](docs/check.md)" in readme


def test_an_unknown_task_exits_with_2_and_the_answer():
    done = run_python("-m", "cheatsheet", "binry")
    assert done.returncode == 2
    assert done.stderr.endswith("Did you mean 'binary'?\n")
    assert done.stdout == ""


# --- recipes ------------------------------------------------------------------------------------------------------

COMMANDS = ["sheet", "infer", "check", "diagnose", "fit", "predict", "report", "tune", "autoencoder", "grok"]
# Which functions' arguments the options of a command are, and the options that are the command's own.
OF_FUNCTIONS = {
    "infer": ([], {"data", "target"}),
    "sheet": ([lookup], {"markdown", "rules"}),
    "check": ([check], set()),
    "diagnose": (["recipes.diagnosis.diagnose:diagnose"], {"separator"}),
    "fit": (["recipes.tables.fit_table:fit_table"], {"report", "overwrite"}),
    "report": ([], {"folder", "report"}),
    "predict": (["recipes.training.save:load", "recipes.tables.fit_table:fit_table"], {"folder"}),
    "tune": (["recipes.tuning.tune:tune"], {"data", "autoencoder"}),
    "autoencoder": (
        ["recipes.training.fit:fit", "recipes.autoencoder.build:build_autoencoder"],
        {"data", "save", "overwrite"},
    ),
    "grok": (["recipes.grokking.grok:grok"], set()),
}
EVERYWHERE = {"help", "json", "out", "run", "show"}
OTHERWISE = {("autoencoder", "epochs"), ("autoencoder", "seed"), ("diagnose", "least"), ("check", "validation_split")}


def load(function):
    if not isinstance(function, str):
        return function
    module, name = function.split(":")
    return getattr(import_module(module), name)


def test_every_command_is_there():
    (commands,) = (action for action in parser()._actions if action.dest == "command")
    assert [*commands.choices] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_options_have_the_names_and_the_defaults_of_the_functions(command):
    (commands,) = (action for action in parser()._actions if action.dest == "command")
    functions, own = OF_FUNCTIONS[command]
    known = {}
    for function in functions:
        known = {**inspect.signature(load(function)).parameters, **known}
    for action in commands.choices[command]._actions:
        name = action.dest
        if name in EVERYWHERE | own:
            continue
        assert name in known, f"recipes {command} --{name} is no argument of {functions}"
        default = known[name].default
        if (command, name) not in OTHERWISE and default is not inspect.Parameter.empty:
            assert (action.default or None) == (default or None), f"recipes {command} --{name}"


def test_help_loads_nothing_heavy():
    code = f"""
import sys
from recipes.cli import main
for arguments in [[], *([command] for command in {COMMANDS})]:
    try:
        main([*arguments, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
print([name for name in ("numpy", "keras", "tensorflow", "matplotlib", "sklearn", "cheatsheet") if name in sys.modules])
"""
    done = run_python("-c", code, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert done.stdout.count("usage: recipes") == len(COMMANDS) + 1


def test_sheet_is_the_cheatsheet(capsys):
    assert main(["sheet"]) == 0
    assert capsys.readouterr().out == answer() + "\n"
    assert main(["sheet", "binary", "--loss", "hinge"]) == 0
    assert capsys.readouterr().out == answer("binary", "hinge") + "\n"
    assert main(["sheet", "poisson", "--json"]) == 2  # a loss, not a task
    assert "poisson" in capsys.readouterr().err
    assert main(["sheet", "binary", "--loss", "hinge", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert Row(**{**said, "metrics": tuple(said["metrics"])}) == lookup("binary", "hinge")
    assert main(["sheet", "--json"]) == 0
    assert [row["loss"] for row in json.loads(capsys.readouterr().out)] == [row.loss for row in TABLE]
    assert main(["sheet", "binry"]) == 2
    assert capsys.readouterr().err.endswith("Did you mean 'binary'?\n")
    assert main(["sheet", "--loss", "hinge"]) == 2
    assert "Which task? Received: --loss hinge alone." in capsys.readouterr().err


TEXT = "id;outcome;dose;visits;mixed\n" + "".join(
    f"{i};{'cured' if i % 3 else 'ill'};{i / 7:.3f};{i % 4};{'' if i % 5 else i}\n" for i in range(40)
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "wards.csv"
    path.write_text(TEXT, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("outcome", ["cured" if i % 3 else "ill" for i in range(40)]),
        ("dose", [float(f"{i / 7:.3f}") for i in range(40)]),
        ("visits", [i % 4 for i in range(40)]),
        ("mixed", [i for i in range(40) if i % 5 == 0]),
    ],
)
def test_infer_says_what_infer_task_says(column, values, table, capsys):
    inferred = infer_task(values)
    assert main(["infer", str(table), "--target", column]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{inferred}\n")
    assert out.endswith(explain(lookup(inferred.task, inferred.loss)) + "\n")
    assert ("without a target, and left out: 32 rows" in out) == (column == "mixed")
    assert ("as --task and --loss to recipes fit" in out) == ("task=" in str(inferred) or "loss=" in str(inferred))
    assert main(["infer", str(table), "--target", column, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["task"], said["num_missing"]) == (inferred.task, 40 - len(values))


def test_infer_reads_arrays_and_a_single_column(tmp_path, capsys):
    np.save(tmp_path / "y.npy", [0.5, 1.5, 2.25])
    np.savez(tmp_path / "both.npz", x=np.zeros((4, 2)), y=["a", "b", "a", "b"])
    (tmp_path / "one.csv").write_text("ill\ntrue\nfalse\ntrue\n")
    for name, said in (("y.npy", "3 distinct numbers"), ("both.npz", "2 distinct texts"), ("one.csv", "booleans in 3")):
        assert main(["infer", str(tmp_path / name)]) == 0
        assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (TEXT, [], "has the columns id, outcome, dose, visits, mixed. Name one: --target 'mixed'."),
        (
            TEXT,
            ["--target", "doses"],
            "no column 'doses' for --target. The table has 'id', 'outcome', 'dose', 'visits', "
            "'mixed'. Did you mean 'dose'?",
        ),
        ("a,a\n1,2\n", ["--target", "a"], "data.csv names 1 column more than once: 'a'."),
        ("a,b\n1,2\n1,2,3\n", ["--target", "a"], "data.csv, line 3 has 3 fields where the header has 2."),
        ("", [], "data.csv is empty."),
        ("a,b\n", ["--target", "a"], "data.csv has a header ('a', 'b') and no rows."),
        ("a,b\nNA,1\n", ["--target", "a"], "The target 'a' is missing in all 1 row."),
        ("a,b\n3,1\n3,1\n", ["--target", "a"], "y holds a single value (3) in 2 rows"),
        ("a\n2024-01-05\n2024-01-06\n2024-01-05\n", [], "The target 'a' holds dates."),
        (
            "name,a\nAda,1\nBob,2\nCy,3\nDi,4\n",
            ["--target", "name"],
            "'name' holds 4 classes in 4 rows: too few rows of each to learn from. "
            "Say recipes fit --task regression if they are quantities.",
        ),
        (b"PK\x03\x04 of a workbook", ["--target", "a"], "an Excel workbook or another zip archive"),
    ],
)
def test_what_infer_cannot_read_is_exit_code_2(content, arguments, message, tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["infer", str(path), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("recipes infer: ")
    assert message in captured.err
    assert captured.out == ""


def test_a_missing_file_is_said(tmp_path, capsys):
    assert main(["infer", str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err == f"recipes infer: There is no file {tmp_path / 'none.csv'}.\n"
    assert main(["autoencoder", "--data", str(tmp_path / "none.npz")]) == 2
    assert capsys.readouterr().err == f"recipes autoencoder: There is no file {tmp_path / 'none.npz'}.\n"


class TestAutoencoder:
    @pytest.mark.slow
    def test_it_is_the_model_that_the_functions_train(self, tmp_path, capsys):
        x = load_data("digits").x[:100]
        np.savez(tmp_path / "x.npz", x=x, y=load_data("digits").y[:100])
        options = ["autoencoder", "dense", "--data", str(tmp_path / "x.npz"), "--epochs", "2", "--latent", "3"]
        assert main([*options, "--seed", "1", "--json", "--out", str(tmp_path), "--save", str(tmp_path / "run")]) == 0
        said = json.loads(capsys.readouterr().out)
        order = np.random.default_rng(1).permutation(100)
        model = build_autoencoder("dense", x=x[order[20:]], latent=3, seed=1)
        run = fit(model, x[order[20:]], epochs=2, seed=1, validation_data=x[order[:20]], verbose=0)
        assert said["history"] == run.history
        held = x[order[:20]]
        np.testing.assert_allclose(said["mean_squared_error"], np.mean((run.predict(held) - held) ** 2), rtol=1e-6)
        assert (tmp_path / "autoencoder.png").stat().st_size > 10_000
        np.testing.assert_array_equal(recipes.load(tmp_path / "run").predict(held), run.predict(held))
        assert main([*options, "--save", str(tmp_path)]) == 2  # before any epoch
        assert "holds other files" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["super_resolution"], "Super-resolution learns from small images and large ones"),
            (["--preset", "superres-conv"], "Super-resolution learns from small images and large ones"),
            (["cnov"], "Unknown kind. Received: kind cnov. Expected one of dense, conv"),
            (["--data", "digit"], "Unknown data set. Received: --data digit."),
            (["--epochs", "0"], "--epochs must be a whole number of at least 1. Received: --epochs 0."),
            (["dense", "--noise", "0.1"], "kind dense has no noise."),
        ],
    )
    def test_what_cannot_be_is_exit_code_2(self, arguments, message, capsys):
        assert main(["autoencoder", *arguments]) == 2
        assert capsys.readouterr().err.startswith(f"recipes autoencoder: {message}")

    def test_labels_that_are_too_few_are_refused(self, tmp_path, capsys):
        np.savez(tmp_path / "x.npz", x=np.zeros((9, 4)), y=[1, 2])
        assert main(["autoencoder", "--data", str(tmp_path / "x.npz")]) == 2
        assert "holds 9 examples and 2 labels" in capsys.readouterr().err

    @pytest.mark.slow
    def test_ctrl_c_shows_what_there_is_and_tensorflow_is_silent(self, start_python):
        environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
        script = RESTORE_CTRL_C + "import sys; from recipes.cli import main; sys.exit(main(sys.argv[1:]))"
        process = start_python("-c", script, "autoencoder", "dense", "--epochs", "1000000", env=environment)
        first = process.stderr.readline()
        assert re.match(r"epoch \d+/1000000 ", first)  # and none of TensorFlow's lines before it
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 130
        assert "mean squared error on 359 held-out examples" in out
        assert errors.splitlines()[-1].startswith("recipes autoencoder: Ctrl-C ended the run after ")
        assert all(line.startswith(("epoch ", "recipes autoencoder: ")) for line in errors.splitlines() if line)


@pytest.mark.slow
def test_another_class_is_the_positive_one_and_an_earlier_run_is_written_over(tmp_path, capsys):
    doses = np.random.default_rng(0).normal(size=200)
    lines = [f"{dose:.4f},{'yes' if dose > 0.5 else 'no'}" for dose in doses]
    (tmp_path / "wards.csv").write_text("\n".join(["dose,cured", *lines]) + "\n")
    fitted = ["fit", str(tmp_path / "wards.csv"), "--target", "cured", "--num-networks", "2", "--epochs", "3"]
    fitted += ["--out", str(tmp_path / "run"), "--report", str(tmp_path / "wards.html")]
    assert main(fitted) in (0, 1)
    assert "the model gives the probability of 'yes', the positive class" in capsys.readouterr().out
    assert main([*fitted, "--positive", "no", "--overwrite"]) in (0, 1)
    assert "the model gives the probability of 'no', the positive class" in capsys.readouterr().out
    assert recipes.load(tmp_path / "run").positive == "no"


def test_a_table_is_fitted_predicted_and_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    doses = rng.normal(size=200)
    wards = rng.choice(["north", "south"], 200)
    lines = [f"{d:.4f},{w},{'yes' if d + (w == 'south') > 0.5 else 'no'}" for d, w in zip(doses, wards, strict=True)]
    (tmp_path / "wards.csv").write_text("\n".join(["dose,ward,cured", *lines]) + "\n")
    fitted = ["fit", str(tmp_path / "wards.csv"), "--target", "cured", "--num-networks", "2", "--epochs", "3"]
    assert main([*fitted, "--json", "--out", str(tmp_path / "run")]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["task"] == "binary"
    assert (tmp_path / "runs" / "wards-cured.html").read_text().startswith("<!doctype html>")
    (tmp_path / "runs" / "wards-cured.html").unlink()
    assert main(["report", "run"]) == 0  # where fit has written it
    assert capsys.readouterr().err.endswith(f"report: {tmp_path / 'runs' / 'wards-cured.html'}\n")
    assert (tmp_path / "runs" / "wards-cured.html").exists()
    assert not (tmp_path / "report.html").exists()
    assert main(["report", "run", "--report", "pages/wards.html"]) == 0
    assert capsys.readouterr().err.endswith(f"report: {tmp_path / 'pages' / 'wards.html'}\n")
    assert main([*fitted, "--report", str(tmp_path)]) == 2
    assert "is a folder. Name a file" in capsys.readouterr().err
    capsys.readouterr()
    assert main([*fitted, "--out", str(tmp_path / "run")]) == 2  # before anything is trained
    said = f"recipes fit: {tmp_path / 'run'} holds a saved run. Name another folder, or pass --overwrite.\n"
    assert capsys.readouterr().err == said
    assert main([*fitted, "--out", str(tmp_path), "--overwrite"]) == 2  # the folder of the data
    assert "holds other files" in capsys.readouterr().err
    assert (tmp_path / "wards.csv").exists()
    assert main([*fitted, "--positive", "perhaps"]) == 2
    assert "Received: --positive perhaps." in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "wards.csv")]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "row,cured,p(no),p(yes)"
    assert [row.split(",")[0] for row in rows[1:]] == [str(i + 1) for i in range(200)]
    expected = recipes.load(tmp_path / "run").predict(tmp_path / "wards.csv")
    found = np.array([row.split(",")[2:] for row in rows[1:]], float)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "wards.csv"), "--json", "--out", "said"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [[*row] for row in told] == [rows[0].split(",")] * 200
    np.testing.assert_allclose([[row["p(no)"], row["p(yes)"]] for row in told], expected, rtol=1e-6)
    assert (tmp_path / "said" / "predictions.csv").read_text().splitlines() == rows
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "wards.csv"), "--out", "told/new.csv"]) == 0
    assert capsys.readouterr().err == f"predictions: {tmp_path / 'told' / 'new.csv'}\n"
    assert (tmp_path / "told" / "new.csv").read_text().splitlines() == rows
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "wards.csv"), "--out", "told/new.csv"]) == 0  # again
    capsys.readouterr()
    assert main(["fit", str(tmp_path / "wards.csv"), "--target", "curd"]) == 2
    assert "Did you mean 'cured'" in capsys.readouterr().err
