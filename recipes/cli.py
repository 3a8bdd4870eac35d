"""The command line: `python -m recipes grok`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it went well, 2 for arguments that cannot be."""
    parser = argparse.ArgumentParser(prog="recipes", description="Keras models that follow the cheatsheet.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_grok(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (ValueError, OSError) as error:
        print(f"recipes {options.command}: {error}", file=sys.stderr)
        return 2


def _add_grok(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("grok", help="train until the network generalises, long after it has memorised")
    command.add_argument("--preset", default="lecture", help="lecture, paper or figure1 (default: %(default)s)")
    command.add_argument("--operation", help="such as x+y, x/y, x^2+y^2, 'S5: xy', random")
    command.add_argument("--p", type=int, help="prime modulus")
    command.add_argument("--train-fraction", type=float, help="share of the equations that trains")
    command.add_argument("--learning-rate", type=float)
    command.add_argument("--weight-decay", type=float)
    command.add_argument("--grokfast", type=float, help="factor of the amplified slow gradient")
    command.add_argument("--max-steps", type=int)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--checkpoint", help="folder; the same command goes on from there")
    command.add_argument("--json", action="store_true", help="print the fields of the run as JSON")
    command.add_argument("--out", type=Path, help="folder for the figure")
    command.set_defaults(run=_grok)


def _grok(options: argparse.Namespace) -> int:
    from recipes.grokking.run import grok  # loads TensorFlow

    names = ("preset", "operation", "p", "train_fraction", "learning_rate", "weight_decay", "grokfast", "max_steps",
             "seed", "checkpoint")  # fmt: skip
    run = grok(**{name: getattr(options, name) for name in names})
    print(json.dumps(run.to_json()) if options.json else run)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / "grokking.png"
        run.plot()[0].get_figure(root=True).savefig(path, dpi=150)
        print(f"figure: {path.resolve()}", file=sys.stderr)
    return 0
