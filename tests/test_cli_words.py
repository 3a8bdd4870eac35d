"""The words of the command line: flags, those that are misspelt, and what stays away from stderr."""

import os
import subprocess
import sys
import warnings
from argparse import ArgumentParser, Namespace

import pytest
from processes import started_python

from recipes.cli import main
from recipes.cli.entry import _warnings_in_one_line, parser
from recipes.cli.flags import as_typed, flags_of
from recipes.cli.quiet import NOISE, _without


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
