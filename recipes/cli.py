"""The command line: `python -m recipes check`, `grok`, `tune` and `diagnose`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cheatsheet.finding import Finding
from recipes.running.interrupt import Interrupted

if TYPE_CHECKING:
    from recipes.grokking.result import GrokRun
    from recipes.tuning.search import Search

CTRL_C = 130  # exit code that shells give
_DIAGNOSE = "Tell what a loss curve says. Neither TensorFlow nor Keras is loaded."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    0 if it went well, 1 where an error was found or no trial could be trained, 2 for arguments that cannot be, 130
    after Ctrl-C, where what there is has been shown.
    """
    parser = argparse.ArgumentParser(prog="recipes", description="Keras models that follow the cheatsheet.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_check(commands)
    _add_grok(commands)
    _add_tune(commands)
    _add_diagnose(commands)
    options = parser.parse_args(arguments)
    try:
        out = getattr(options, "out", None)
        if out is not None and out.exists() and not out.is_dir():
            raise ValueError(f"--out {out} is a file. Name a folder.")
        ended = None
        try:
            result = options.run(options)
        except Interrupted as error:
            ended, result = error, error.result
        status = options.show(result, options) or 0
    except (ValueError, OSError) as error:
        print(f"recipes {options.command}: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:  # a search without a result
        print(f"recipes {options.command}: {error}", file=sys.stderr)
        return 1
    if ended is not None:
        print(f"recipes {options.command}: {ended}", file=sys.stderr)
        return CTRL_C
    return status


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("check", help="find what is wrong with a saved model for these examples")
    command.add_argument("model", type=Path, help="a .keras file; it is read, not run")
    command.add_argument("--x", type=Path, help="inputs, an .npy file")
    command.add_argument("--y", type=Path, help="targets, an .npy file")
    command.add_argument("--validation-split", type=float, help="share of the rows at the end to validate on")
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    command.set_defaults(run=_check, show=_show_findings)


def _check(options: argparse.Namespace) -> list[Finding]:
    from cheatsheet.check import check

    x, y = (None if path is None else _read_array(path) for path in (options.x, options.y))
    return check(options.model, x, y, validation_split=options.validation_split)


def _read_array(path: Path) -> Any:
    import numpy as np

    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path} is no .npy file of numbers or text ({error}).") from None


def _show_findings(findings: list[Finding], options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        print("\n".join(map(str, findings)) or "nothing found")
    return int(any(finding.severity == "error" for finding in findings))


def _add_grok(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("grok", help="train until the network generalises, long after it has memorised")
    command.add_argument("--preset", default="lecture", help="lecture, paper or figure1 (default: %(default)s)")
    command.add_argument("--operation", help="such as x+y, x/y, x^2+y^2, 'S5: xy', random")
    command.add_argument("--p", type=int, help="prime modulus")
    command.add_argument("--train-fraction", type=float, help="share of the equations that trains")
    command.add_argument("--learning-rate", type=float)
    command.add_argument("--weight-decay", type=float)
    command.add_argument("--grokfast", type=float, help="factor of the amplified slow gradient")
    command.add_argument("--muon", action="store_true", default=None, help="move the matrices by Muon")
    command.add_argument("--max-steps", type=int)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--checkpoint", help="folder; the same command goes on from there")
    command.add_argument("--json", action="store_true", help="print the fields of the run as JSON")
    command.add_argument("--out", type=Path, help="folder for the figure grokking.png, which replaces an earlier one")
    command.set_defaults(run=_grok, show=_show_grok)


def _grok(options: argparse.Namespace) -> "GrokRun":
    from recipes.grokking.grok import grok  # loads TensorFlow

    names = ("preset", "operation", "p", "train_fraction", "learning_rate", "weight_decay", "grokfast", "muon",
             "max_steps", "seed", "checkpoint")  # fmt: skip
    return grok(**{name: getattr(options, name) for name in names})


def _show_grok(run: "GrokRun", options: argparse.Namespace) -> None:
    print(json.dumps(run.to_json()) if options.json else run)
    if options.out is not None:
        _save_figure(run.plot(), options.out / "grokking.png")


def _add_tune(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("tune", help="search hyperparameters; the same command goes on where it stopped")
    command.add_argument("--data", help="a name for load_data, such as breast_cancer, or an .npz file with x and y")
    command.add_argument("--task", help="of the cheatsheet; from y when missing")
    command.add_argument(
        "--body", default="mlp", help="mlp, cnn, sequence, dense, conv or grokking (default: %(default)s)"
    )
    command.add_argument("--tuner", default="random", help="random, bayesian, hyperband or grid (default: %(default)s)")
    command.add_argument("--space", help="architecture or training (default: both)")
    command.add_argument("--autoencoder", action="store_true", help="leave y out")
    command.add_argument("--objective", help="(default: val_loss; for grokking steps_to_generalise)")
    for name, default in (("epochs", 50), ("executions-per-trial", 1), ("batch-size", 32), ("workers", 1), ("seed", 0)):
        command.add_argument(f"--{name}", type=int, default=default, help="(default: %(default)s)")
    command.add_argument("--max-trials", type=int)
    command.add_argument("--directory", help="folder of the search")
    command.add_argument("--overwrite", action="store_true", help="delete an earlier search in it, and nothing else")
    command.add_argument("--tensorboard", help="folder for TensorBoard")
    command.add_argument("--json", action="store_true", help="print the table as JSON")
    command.add_argument("--out", type=Path, help="folder for the figure search.png, which replaces an earlier one")
    command.set_defaults(run=_tune, show=_show_tune)


def _tune(options: argparse.Namespace) -> "Search":
    import numpy as np

    from recipes.datasets import load_data
    from recipes.tuning.arguments import brings_data  # loads TensorFlow
    from recipes.tuning.tune import tune

    if (options.data is None) != brings_data(options.body):
        raise ValueError("Say --data NAME or --data FILE.npz; --body grokking alone has its own.")
    x = y = None
    if options.data is not None and options.data.endswith(".npz"):
        with np.load(options.data, allow_pickle=False) as file:
            if "x" not in file.files:
                raise ValueError(f"{options.data} holds {', '.join(file.files)}. Expected x and y, or x.")
            x, y = file["x"], file["y"] if "y" in file.files else None
    elif options.data is not None:
        x, y = load_data(options.data)
    names = ("task", "body", "tuner", "space", "objective", "epochs", "executions_per_trial", "batch_size", "workers",
             "seed", "max_trials", "directory", "overwrite", "tensorboard")  # fmt: skip
    return tune(x, None if options.autoencoder else y, **{name: getattr(options, name) for name in names})


def _show_tune(search: "Search", options: argparse.Namespace) -> None:
    print(json.dumps(search.table()) if options.json else search)
    if options.out is not None and search.completed:
        _save_figure(search.plot(), options.out / "search.png")


def _add_diagnose(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser(
        "diagnose", help="what a loss curve says; exit code 1 if that is an error", description=_DIAGNOSE
    )
    command.add_argument("history", type=Path, help="file that Keras' CSVLogger wrote, with a column loss")
    command.add_argument("--separator", default=",", help="of the columns (default: %(default)s)")
    command.add_argument(
        "--chance", type=float, help="loss of the best constant guess: cheatsheet.chance_loss(loss, y)"
    )
    command.add_argument("--least", type=float, help="loss of a perfect model (default: 0)")
    command.add_argument("--kept", type=int, help="epoch, from 1, whose weights were kept (default: the last)")
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    command.set_defaults(run=_diagnose, show=_show_findings)


def _diagnose(options: argparse.Namespace) -> list[Finding]:
    from recipes.diagnosis.csv_history import read_history
    from recipes.diagnosis.diagnose import diagnose

    history = read_history(options.history, separator=options.separator)
    return diagnose(history, chance=options.chance, least=options.least, kept=options.kept)


def _save_figure(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"figure: {path.resolve()}", file=sys.stderr)
