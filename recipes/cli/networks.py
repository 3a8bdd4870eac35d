"""`recipes tune`, `recipes autoencoder` and `recipes grok`: commands that train networks."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from recipes.cli.files import read_array, read_arrays, require_data, require_folder, require_room_in, save_figure
from recipes.cli.json_text import json_text
from recipes.cli.quiet import load_keras
from recipes.running.interrupt import Interrupted

if TYPE_CHECKING:
    from recipes.grokking.result import GrokRun
    from recipes.training.run import Run
    from recipes.tuning.search import Search

Commands = Any  # what argparse's add_subparsers gives
DEFAULT = "(default: %(default)s)"
_ARRAYS = (".npy", ".npz")
NUM_TEST = 0.2  # share of the rows that an autoencoder is shown on, and does not learn from
_AUTOENCODER = """\
Train a network that squeezes each example into a few numbers and restores it, judge its loss curve, and draw what it
keeps. Without arguments: 8x8 digits through eight numbers, offline, in half a minute."""


class Trained(NamedTuple):
    """An autoencoder, and the examples that it has not seen."""

    run: "Run"
    x: Any
    y: Any


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    _add_tune(commands)
    _add_autoencoder(commands)
    _add_grok(commands)


def _add_tune(commands: Commands) -> None:
    command = commands.add_parser("tune", help="search hyperparameters; the same command goes on where it stopped")
    command.add_argument("--data", help="a name for load_data, such as breast_cancer, or an .npz file with x and y")
    command.add_argument("--task", help="of the cheatsheet; from y when missing")
    command.add_argument("--body", help="mlp, cnn, sequence, dense, conv or grokking (default: mlp, or dense)")
    command.add_argument("--tuner", default="random", help=f"random, bayesian, hyperband or grid {DEFAULT}")
    command.add_argument("--space", help="architecture or training (default: both)")
    command.add_argument("--autoencoder", action="store_true", help="leave y out")
    command.add_argument("--objective", help="(default: val_loss; for grokking steps_to_generalise)")
    for name, default in (("epochs", 50), ("executions-per-trial", 1), ("batch-size", 32), ("workers", 1), ("seed", 0)):
        command.add_argument(f"--{name}", type=int, default=default, help=DEFAULT)
    command.add_argument("--validation-split", type=float, help="share of the rows to validate on (default: 0.2)")
    command.add_argument("--max-trials", type=int, help="(default: 30; of a grid or Hyperband all)")
    command.add_argument("--directory", help="folder of the search")
    command.add_argument("--overwrite", action="store_true", help="delete an earlier search in it, and nothing else")
    command.add_argument("--tensorboard", help="folder for TensorBoard")
    command.add_argument("--json", action="store_true", help="print the table as JSON")
    command.add_argument("--out", type=Path, help="folder for the figure search.png, which replaces an earlier one")
    command.set_defaults(run=_tune, show=_show_tune, also={"name": "--data"})  # of load_data


def _tune(options: argparse.Namespace) -> "Search":
    x, y = _data_to_tune_on(options)
    load_keras()  # once nothing is left to refuse without it
    from recipes.datasets import load_data
    from recipes.tuning.tune import tune

    if x is None and options.data is not None:
        x, y = load_data(options.data)
    names = ("task", "body", "tuner", "space", "objective", "epochs", "executions_per_trial", "batch_size", "workers",
             "seed", "validation_split", "max_trials", "directory", "overwrite", "tensorboard")  # fmt: skip
    return tune(x, None if options.autoencoder else y, **{name: getattr(options, name) for name in names})


def _data_to_tune_on(options: argparse.Namespace) -> tuple[Any, Any]:
    """Refuse what can be refused without Keras; give x and y of a file, `None` where they are named."""
    from cheatsheet.rules.data import require_same_rows
    from cheatsheet.table import lookup
    from recipes.features import as_features
    from recipes.tuning.record.folder import require_own
    from recipes.tuning.words import brings_data, require_body, require_numbers, require_split, require_tuner

    own = brings_data(options.body)
    if (options.data is None) != own:
        raise ValueError("Say --data NAME or --data FILE.npz; --body grokking alone has its own.")
    counts = ("executions_per_trial", "epochs", "batch_size", "seed", "max_trials", "workers")
    require_numbers(**_given(options, counts))
    require_tuner(options.tuner)
    if options.task is not None:
        lookup(options.task)
    if options.validation_split is not None:
        require_split(options.validation_split)
    if options.directory is not None:
        require_own(Path(options.directory))
    x = y = None
    if options.data is not None and options.data.endswith(".npz"):
        x, y = read_arrays(options.data)
        x = as_features(x)
        if y is not None and not options.autoencoder:
            require_same_rows(x, y)
    elif options.data is not None:
        require_data(options.data, "an .npz file with x and y: np.savez('data.npz', x=x, y=y)")
    if not own:
        require_body(options.body or "mlp", has_y=not options.autoencoder and (x is None or y is not None))
    if options.out is not None:
        require_folder(options.out, "--out")
    return x, y


def _given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Take the options of these names that were said, or have a default."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _show_tune(search: "Search", options: argparse.Namespace) -> None:
    print(json_text(search.table()) if options.json else search)
    if options.out is not None and search.completed:
        save_figure(search.plot(), options.out / "search.png")


def _add_autoencoder(commands: Commands) -> None:
    command = commands.add_parser("autoencoder", help="train an autoencoder and see what it keeps",
                                  description=_AUTOENCODER)  # fmt: skip
    command.add_argument("kind", nargs="?", help="conv, dense or denoising (default: conv)")
    command.add_argument("--preset", help="a network of fixed sizes instead, such as notebook-64; for mnist")
    command.add_argument(
        "--data", default="digits", help=f"a name for load_data, or an .npy or .npz file with x {DEFAULT}"
    )
    command.add_argument("--latent", type=int, help="numbers in the code (default: 16; 8 for the digits)")
    command.add_argument("--noise", type=float, help="that denoising takes away (default: 0.3)")
    command.add_argument("--loss", help="binary_crossentropy or mean_squared_error (default: by the range of x)")
    command.add_argument("--optimizer", help="(default: adam)")
    command.add_argument("--learning-rate", type=float, help="(default: that of the optimizer)")
    command.add_argument("--epochs", type=int, default=60, help=DEFAULT)
    command.add_argument("--batch-size", type=int, default=32, help=DEFAULT)
    command.add_argument("--patience", type=int, help="stop after so many epochs without a lower val_loss")
    command.add_argument("--seed", type=int, default=0, help=DEFAULT)
    command.add_argument("--checkpoint", help="folder; the same command goes on from there")
    command.add_argument("--save", metavar="FOLDER", help="keep the trained model, for recipes.load")
    command.add_argument("--overwrite", action="store_true", help="replace an earlier run in --save, and nothing else")
    command.add_argument("--json", action="store_true", help="print what it reached as JSON")
    command.add_argument(
        "--out", type=Path, help="folder for the figure autoencoder.png, which replaces an earlier one"
    )
    command.set_defaults(
        run=_autoencoder, show=_show_autoencoder, also={"name": "--data", "kind": "kind"}
    )  # of load_data


def _autoencoder(options: argparse.Namespace) -> Trained:
    if options.kind == "super_resolution" or (options.preset or "").startswith("superres"):
        raise ValueError(
            "Super-resolution learns from small images and large ones: recipes.build_autoencoder, in Python."
        )
    _require_autoencoder(options)
    examples = _examples(options) if options.data.endswith(_ARRAYS) else None
    load_keras()  # once nothing is left to refuse without it
    from recipes.autoencoder.build import build_autoencoder
    from recipes.training.fit import fit

    x_train, x_test, y_test = examples or _examples(options)
    own = options.preset is None and options.latent is None and options.data == "digits" and options.kind != "denoising"
    latent = 8 if own else options.latent
    of_model = ("preset", "noise", "loss", "optimizer", "learning_rate", "seed")
    model = build_autoencoder(
        options.kind, x=x_train, latent=latent, **{name: getattr(options, name) for name in of_model}
    )
    of_fit = ("epochs", "batch_size", "patience", "seed", "checkpoint")
    ended = None
    try:
        run = fit(model, x_train, validation_data=x_test, **{name: getattr(options, name) for name in of_fit})
    except Interrupted as error:
        ended, run = error, error.result
    if options.save is not None:
        run.save(options.save, overwrite=options.overwrite)
    trained = Trained(run, x_test, y_test)
    if ended is not None:
        raise Interrupted(str(ended), trained)
    return trained


def _require_autoencoder(options: argparse.Namespace) -> None:
    """Refuse what can be refused without Keras."""
    from cheatsheet.common.arguments import require_whole
    from cheatsheet.table import lookup
    from recipes.autoencoder.kinds import options_of, require_kind, require_preset
    from recipes.running.saved import FACTS

    given = _given(options, ("latent", "noise"))
    if options.preset is not None:
        require_preset(options.preset, options.kind, given)
    else:
        options_of(require_kind(options.kind), given)
    least = {"epochs": 1, "batch_size": 1, "patience": 1, "seed": 0}
    for name, value in _given(options, least).items():
        require_whole(name, value, least[name])
    if options.loss is not None:
        lookup("reconstruction", options.loss)
    if options.save is not None:
        require_room_in(Path(options.save), options.overwrite, FACTS)
    if not options.data.endswith(_ARRAYS):
        require_data(options.data, "an .npy or .npz file with x: np.save('x.npy', x)")
    if options.out is not None:
        require_folder(options.out, "--out")


def _examples(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Read the examples to learn from, those that are held out, and the labels of these where there are any."""
    import numpy as np

    from recipes.datasets import load_data
    from recipes.features import as_features

    x_test = y_test = None
    if options.data.endswith(".npy"):
        x, y = read_array(Path(options.data)), None
    elif options.data.endswith(".npz"):
        x, y = read_arrays(options.data)
    else:
        data = load_data(options.data)
        x, y, x_test, y_test = data.x, data.y, data.x_test, data.y_test
    x = as_features(x)
    if x_test is not None:
        return x, x_test, y_test
    if len(x) < 2:
        raise ValueError(f"{options.data} holds {len(x)} examples. Expected some to learn from and some to try it on.")
    if y is not None and len(y) != len(x):
        raise ValueError(f"{options.data} holds {len(x):,} examples and {len(y):,} labels. Expected as many.")
    order = np.random.default_rng(options.seed).permutation(len(x))
    held, rows = np.split(order, [max(1, round(NUM_TEST * len(x)))])
    return x[rows], x[held], None if y is None else y[held]


def _show_autoencoder(trained: Trained, options: argparse.Namespace) -> None:
    import numpy as np

    run, x, y = trained
    error = float(np.mean((x - run.predict(x).reshape(x.shape)) ** 2))
    always = float(np.mean((x - x.mean(axis=0)) ** 2))
    if options.json:
        print(json_text({"epochs": run.epochs, "mean_squared_error": error, "of_the_mean": always,
                          "verdict": run.verdict, "history": run.history}))  # fmt: skip
    else:
        print(run)
        print(f"mean squared error on {len(x):,} held-out examples {error:.4f}; always giving their mean {always:.4f}")
    if options.out is not None:
        from recipes.plots.autoencoder import plot_autoencoder

        save_figure(plot_autoencoder(run, x, y), options.out / "autoencoder.png")


def _add_grok(commands: Commands) -> None:
    command = commands.add_parser("grok", help="train until the network generalises, long after it has memorised")
    command.add_argument("--preset", default="lecture", help=f"lecture, paper or figure1 {DEFAULT}")
    command.add_argument("--operation", help="such as x+y, x/y, x^2+y^2, 'S5: xy', random, or your own in x and y")
    command.add_argument("--p", type=int, help="modulus")
    command.add_argument("--train-fraction", type=float, help="share of the equations that trains")
    command.add_argument("--learning-rate", type=float)
    command.add_argument("--weight-decay", type=float)
    command.add_argument("--beta-2", type=float, help="of AdamW's second moment")
    command.add_argument("--grokfast", type=float, help="factor of the amplified slow gradient")
    command.add_argument("--muon", action="store_true", default=None, help="move the matrices by Muon")
    command.add_argument("--orthograd", action="store_true", default=None, help="no gradient along the weights")
    command.add_argument("--stablemax", action="store_true", default=None, help="StableMax in place of the softmax")
    command.add_argument("--batch-size", type=int, help="equations a step")
    command.add_argument("--max-steps", type=int)
    command.add_argument("--seed", type=int, default=0, help=DEFAULT)
    command.add_argument("--checkpoint", help="folder; the same command goes on from there")
    command.add_argument("--json", action="store_true", help="print the fields of the run as JSON")
    command.add_argument("--out", type=Path, help="folder for the figure grokking.png, which replaces an earlier one")
    command.set_defaults(run=_grok, show=_show_grok)


def _grok(options: argparse.Namespace) -> "GrokRun":
    from recipes.grokking.arguments import require_preset, require_ranges, require_table

    require_preset(options.preset)
    numbers = ("batch_size", "max_steps", "seed", "learning_rate", "weight_decay", "grokfast", "beta_2")
    require_ranges(**_given(options, numbers))
    require_table(options.preset, options.operation, options.p, options.train_fraction)
    if options.out is not None:
        require_folder(options.out, "--out")
    load_keras()  # once nothing is left to refuse without it
    from recipes.grokking.grok import grok

    names = ("preset", "operation", "p", "train_fraction", "learning_rate", "weight_decay", "beta_2", "grokfast",
             "muon", "orthograd", "stablemax", "batch_size", "max_steps", "seed", "checkpoint")  # fmt: skip
    return grok(**{name: getattr(options, name) for name in names})


def _show_grok(run: "GrokRun", options: argparse.Namespace) -> None:
    print(json_text(run.to_json()) if options.json else run)
    if options.out is not None:
        save_figure(run.plot(), options.out / "grokking.png")
