"""Whole runs: their fields, their seeds, and that they go on after being stopped in any way."""

import gc
import json
import os
import re
import textwrap
import weakref

import numpy as np
import pytest
from conftest import refused
from grokking import QUICK, press_ctrl_c_at_every_step
from processes import MOST_SECONDS, RESTORE_CTRL_C, kill_after, run_python

from recipes import clear_programs, grok
from recipes.cli import main
from recipes.grokking.networks import Network
from recipes.running.checkpoint import OtherRunError
from recipes.running.interrupt import Interrupted
from recipes.running.programs import PROGRAMS


def test_the_fields_of_a_run():
    run = grok(**QUICK, max_steps=60)
    assert run.steps == run.history["step"][-1] == 60
    assert set(run.history) == {
        "step", "loss", "accuracy", "val_loss", "val_accuracy", "weight_norm", "gini",
        "val_accuracy_mirrored", "val_accuracy_unmirrored", "restricted_loss", "excluded_loss",
    }  # fmt: skip
    assert {len(values) for values in run.history.values()} == {len(run.embeddings)}
    table = run.table
    right = run.model.predict(table.tokens(table.train), verbose=0).argmax(axis=1) == table.answer[table.train]
    assert run.history["accuracy"][-1] == pytest.approx(right.mean())
    assert run.history["loss"][0] == pytest.approx(np.log(13), rel=0.2)
    assert "confusion" in run.verdict or "memorisation" in run.verdict
    json.dumps(run.to_json())


def test_the_answers_of_the_network():
    run = grok(**QUICK, max_steps=40)
    table, n = run.table, run.table.num_symbols
    answers = run.predict(*np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    assert answers.shape == (n, n)
    right = answers[table.x, table.y] == table.answer
    assert right[table.validation].mean() == pytest.approx(run.history["val_accuracy"][-1])
    assert run.predict(3, 5) == answers[3, 5]
    np.testing.assert_array_equal(run.predict(3, [1, 2]), answers[3, [1, 2]])
    assert run.predict([], []).shape == (0,)
    for x in (n, -1, 0.5, "3"):
        with pytest.raises(ValueError, match=rf"x must be whole numbers from 0 to {n - 1}\. Received: x="):
            run.predict(x, 0)


def test_how_a_run_shows_itself():
    run = grok(**QUICK, max_steps=20)
    known, unseen = (f"{run.history[name][-1]:.4f}" for name in ("accuracy", "val_accuracy"))
    assert repr(run) == f"<GrokRun of 20 steps, x+y, accuracy {known}, val_accuracy {unseen}: {run.kind}>"
    assert str(run).splitlines()[1:] == [f"at the end: accuracy {known}, val_accuracy {unseen}", run.verdict]
    shown = run._repr_html_()
    for name, value in {"operation": "x+y", "steps": 20, "accuracy": known, "val_accuracy": unseen}.items():
        assert f"<tr><th>{name}</th><td>{value}</td></tr>" in shown
    assert f"<li>{run.verdict}</li>" in shown


def test_the_last_line_of_the_progress_is_of_the_last_step(capsys):
    run = grok(**{**QUICK, "verbose": 1}, max_steps=160)  # which is no step of the evaluations
    known = "  ".join(f"{name} {run.history[name][-1]:.3f}" for name in ("accuracy", "val_accuracy"))
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"step 160  {known}")


def test_the_same_seed_gives_the_same_run_and_another_another():
    first, second, other = (grok(**QUICK, max_steps=40, seed=seed) for seed in (0, 0, 1))
    assert first.history == second.history != other.history


@pytest.mark.parametrize("operation", ["x+y", "x/y"])  # with and without a rest
def test_a_run_in_parts_is_the_run_in_one(tmp_path, operation):
    options = {**QUICK, "operation": operation, "stop": False}
    whole = grok(**options, max_steps=300)
    for max_steps in (170, 300):
        part = grok(**options, max_steps=max_steps, checkpoint=tmp_path)
    assert part.history == whole.history
    for a, b in zip(whole.model.weights, part.model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.slow
def test_runs_that_differ_in_numbers_alone_compile_once():
    clear_programs()
    options = {**QUICK, "max_steps": 40}
    grok(**options)
    borrowed = grok(**options, learning_rate=0.01, weight_decay=0.3, seed=3)
    assert len(PROGRAMS) == 1
    clear_programs()
    assert grok(**options, learning_rate=0.01, weight_decay=0.3, seed=3).history == borrowed.history


@pytest.mark.slow
def test_the_model_ends_with_its_last_reference():
    run = grok(**QUICK, max_steps=20)
    left = weakref.ref(run.model)
    del run
    gc.collect()
    assert left() is None


def test_numpy_s_numbers_will_do(tmp_path):
    run = grok(**{**QUICK, "p": np.int64(11)}, seed=np.int64(1), max_steps=np.int32(10), checkpoint=tmp_path)
    assert json.loads(json.dumps(run.to_json(), allow_nan=False))["steps_per_second"] is None  # nothing but compiling


def test_another_run_is_refused(tmp_path):
    grok(**QUICK, max_steps=10, checkpoint=tmp_path)
    with pytest.warns(UserWarning, match="holds this run after 10 steps, more than max_steps=5: it is given as it is"):
        assert grok(**QUICK, max_steps=5, checkpoint=tmp_path).steps == 10
    with pytest.raises(OtherRunError, match=r"another run: train_fraction was 0\.5, now 0\.4\. Go on with"):
        grok(**QUICK, max_steps=10, checkpoint=tmp_path, train_fraction=0.4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "fast"}, "Unknown preset. Received: preset='fast'. Expected one of lecture, paper, figure1."),
        ({"max_steps": 0}, "max_steps must be a whole number of at least 1. Received: max_steps=0."),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0. Received: weight_decay=-1.0."),
        ({"learning_rate": 0.0}, "learning_rate must be above 0. Received: learning_rate=0.0."),
        ({"learning_rate": "0.1"}, "learning_rate must be above 0. Received: learning_rate='0.1'."),
        ({"muon": "no"}, "muon is on or off. Received: muon='no'. Expected True or False."),
        ({"stop": 2}, "stop is on or off. Received: stop=2. Expected True or False."),
        (
            {"network": "mlp"},
            "network must be a recipes.grokking.networks.Network, such as ONE_LAYER or MLP from there. "
            "Received: network='mlp'.",
        ),
        (
            {"seed": 2**70},
            f"seed must be a whole number of at most 9,223,372,036,854,775,807. Received: seed={2**70}.",
        ),
        ({"checkpoint": ""}, "A checkpoint is kept in a folder. Name it: checkpoint='folder'. Received: ''."),
    ],
)
def test_refusals(arguments, message):
    with refused(message):
        grok(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, "num_layers must be a whole number of at least 1. Received: num_layers=0."),
        ({"width": 30, "num_heads": 4}, "width must be a multiple of num_heads, among which it is divided. "
                                        "Received: width=30, num_heads=4."),
        ({"positions": "rotary"}, "Unknown positions. Received: positions='rotary'. "
                                  "Expected one of ('learned', 'sinusoidal')."),
    ],
)  # fmt: skip
def test_networks_that_cannot_be(options, message):
    with refused(message):
        Network(**options)


def test_ctrl_c_keeps_what_is_there():
    script = RESTORE_CTRL_C + textwrap.dedent("""
        import sys, threading, os, signal
        sys.path.insert(0, sys.argv[1])
        from grokking import QUICK, Trainer
        from recipes import grok

        blocks, steps = [], Trainer.steps

        def interrupted(*arguments):
            blocks.append(arguments)
            if len(blocks) == 4:  # while its steps run
                threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            return steps(*arguments)

        Trainer.steps = interrupted
        try:
            grok(**QUICK, stop=False, max_steps=10**8)
        except KeyboardInterrupt as ended:
            run = ended.result
            print(run.interrupted, run.steps > 0, len(run.history["step"]) > 1)
            raise
    """)
    done = run_python("-c", script, os.path.dirname(__file__))
    assert done.stdout.split() == ["True"] * 3, done.stderr[-500:]
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(
        r"recipes\.running\.interrupt\.Interrupted: Ctrl-C ended the run after [\d,]+ of 100,000,000 steps; "
        r"the model keeps what it has learnt\. checkpoint='folder' lets the same call go on\.", last
    )  # fmt: skip


def test_the_command_line(capsys, tmp_path):
    options = ["grok", "--p", "7", "--max-steps", "20", "--json", "--out", str(tmp_path)]
    assert main(options) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["steps"] == 20
    assert fields["settings"]["p"] == 7
    assert (tmp_path / "grokking.png").stat().st_size > 10_000
    assert main(["grok", "--operation", "x+"]) == 2
    assert capsys.readouterr().err.startswith("recipes grok: Cannot read --operation x+.")
    (tmp_path / "file").touch()
    assert main([*options[:-1], str(tmp_path / "file" / "folder")]) == 2
    assert "is no folder that can be written into" in capsys.readouterr().err


def test_a_run_knows_its_circumstances():
    random = grok(**{**QUICK, "operation": "random"}, max_steps=600, learning_rate=0.01, weight_decay=0.0)
    assert random.kind == "memorisation"
    assert random.findings[0].fix == ""
    assert "there is no rule to find" in random.verdict
    assert grok(**QUICK, max_steps=1).findings[0].fix == "more steps or another learning_rate"
    assert grok(**QUICK, max_steps=60, learning_rate=1e9).findings[0].fix == "a smaller learning_rate"


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_is_told_to_go_on(monkeypatch, tmp_path):
    press_ctrl_c_at_every_step(monkeypatch)
    with pytest.raises(Interrupted, match=r"^Ctrl-C ended the run after \d+ of 1,000 steps; its state is in ") as ended:
        grok(**QUICK, max_steps=1000, checkpoint=tmp_path)
    run = ended.value.result
    assert run.interrupted
    left = 1000 - run.steps
    assert run.findings[0].fix == f"go on: it was stopped with {left} steps left; the same call goes on from there"


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bits(tmp_path, start_python):
    script = textwrap.dedent("""
        import hashlib, json, sys
        import numpy as np
        from recipes import grok
        run = grok("lecture", max_steps=10_000, stop=False, verbose=0, checkpoint=sys.argv[1])
        print(hashlib.sha256(b"".join(np.asarray(w).tobytes() for w in run.model.weights)).hexdigest(),
              hashlib.sha256(json.dumps(run.history).encode()).hexdigest())
    """)

    def start(folder):
        return start_python("-c", script, tmp_path / folder)

    whole = start("whole").communicate(timeout=MOST_SECONDS)[0]
    rng = np.random.default_rng(0)
    for seconds in rng.uniform(5, 14, 5):
        kill_after(seconds, start("killed"))
    assert start("killed").communicate(timeout=MOST_SECONDS)[0] == whole != ""


@pytest.mark.slow
def test_random_labels_are_never_called_grokking():
    kinds = {grok("lecture", operation="random", seed=s, max_steps=3000, verbose=0).kind for s in range(20)}
    assert kinds <= {"memorisation", "confusion"}


@pytest.mark.slow
def test_a_short_run_without_decay_is_not_called_grokking():
    kinds = {grok("lecture", weight_decay=0.0, seed=s, max_steps=3000, verbose=0).kind for s in range(3)}
    assert kinds <= {"memorisation", "confusion"}


def test_an_operation_of_one_s_own_modulo_what_is_no_prime(tmp_path):
    """A function is known by its answers, so a checkpoint is taken up by another function that gives the same."""
    small = {"p": 12, "max_steps": 40, "stop": False, "verbose": 0, "checkpoint": tmp_path / "run"}
    run = grok(operation=lambda x, y: x * x + 3 * y, **small)
    assert run.settings["operation"].startswith("<lambda> (")
    assert run.table.num_symbols == 12
    assert len(run.history["gini"]) == len(run.history["step"])
    assert len(run.plot().axes) > 2
    again = grok(operation=lambda x, y: x**2 - 9 * y, **small)  # the same modulo 12
    assert again.history == run.history
    with pytest.raises(ValueError, match="operation"):
        grok(operation=lambda x, y: x**2 - 8 * y, **small)


def test_products_modulo_what_is_no_prime_have_no_circle_and_the_figure_says_so():
    run = grok(operation="x/y", p=15, max_steps=20, stop=False, verbose=0)
    assert "gini" not in run.history or all(np.isnan(run.history["gini"]))
    figure = run.plot()
    assert "its numbers lie on no circle" in figure.axes[0].get_title(loc="left")
