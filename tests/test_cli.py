"""python -m cheatsheet."""

from conftest import ROOT
from processes import run_python

from cheatsheet import TABLE
from cheatsheet.__main__ import main
from cheatsheet.rules import RULES


def test_the_whole_table(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    for row in TABLE:
        assert row.loss in out
        assert row.target in out


def test_one_row_with_code_that_runs(capsys):
    assert main(["multiclass", "--loss", "kld"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("multiclass: kl_divergence\n")
    assert 'build_model(task="multiclass", loss="kl_divergence", num_classes=N)' in out
    assert 'Dense(N, activation="softmax")' in out


def test_every_rows_recipe_builds(capsys):
    from recipes import build_autoencoder, build_model  # noqa: F401 - named in the code under test

    for row in TABLE:
        assert main([row.task, "--loss", row.loss]) == 0
        lines = capsys.readouterr().out.splitlines()
        code = next(line.strip() for line in lines if line.strip().startswith("model = build"))
        model = eval(
            code.removeprefix("model = ").replace("=N", "=3").replace("x=x", "input_shape=(8, 8, 1)"),
        )
        assert model.compiled


def test_the_page_on_check_lists_the_rules_that_there_are(capsys):
    assert main(["--rules"]) == 0
    page, readme = (ROOT / "docs" / "check.md").read_text(), (ROOT / "README.md").read_text()
    assert page.split("<!-- rules -->\n")[1].split("<!-- end -->")[0] == capsys.readouterr().out
    assert f"[{len(RULES)} rules](docs/check.md)" in readme


def test_an_unknown_task_exits_with_2_and_the_answer():
    done = run_python("-m", "cheatsheet", "binry")
    assert done.returncode == 2
    assert done.stderr.endswith("Did you mean 'binary'?\n")
    assert done.stdout == ""
