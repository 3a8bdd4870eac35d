"""`recipes check` and `recipes diagnose`: what is wrong with a model, and what a loss curve says."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.cli.files import read_array
from recipes.cli.json_text import json_text

if TYPE_CHECKING:
    from cheatsheet.finding import Finding

Commands = Any  # what argparse's add_subparsers gives
_DIAGNOSE = "Tell what a loss curve says. Neither TensorFlow nor Keras is loaded."


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    command = commands.add_parser("check", help="find what is wrong with a saved model for these examples")
    command.add_argument("model", type=Path, help="a .keras file; it is read, not run")
    command.add_argument("--x", type=Path, help="inputs, an .npy file")
    command.add_argument("--y", type=Path, help="targets, an .npy file")
    command.add_argument("--validation-split", type=float, help="share of the rows at the end to validate on")
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    command.set_defaults(run=_check, show=_show_findings)

    command = commands.add_parser(
        "diagnose", help="what a loss curve says; exit code 1 if that is an error", description=_DIAGNOSE
    )
    command.add_argument("history", type=Path, help="file that Keras' CSVLogger wrote, with a column loss")
    command.add_argument(
        "--separator", help="of the columns (default: comma, semicolon, tab or bar, as the names show)"
    )
    command.add_argument(
        "--chance", type=float, help="loss of the best constant guess: cheatsheet.chance_loss(loss, y)"
    )
    command.add_argument("--least", type=float, help="loss of a perfect model (default: 0)")
    command.add_argument("--kept", type=int, help="epoch, from 1, whose weights were kept (default: the last)")
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    command.set_defaults(run=_diagnose, show=_show_findings)


def _check(options: argparse.Namespace) -> "list[Finding]":
    from cheatsheet.check import check

    x, y = (None if path is None else read_array(path) for path in (options.x, options.y))
    return check(options.model, x, y, validation_split=options.validation_split)


def _diagnose(options: argparse.Namespace) -> "list[Finding]":
    from recipes.diagnosis.csv_history import read_history
    from recipes.diagnosis.diagnose import diagnose

    history = read_history(options.history, separator=options.separator)
    return diagnose(history, chance=options.chance, least=options.least, kept=options.kept)


def _show_findings(findings: "list[Finding]", options: argparse.Namespace) -> int:
    from dataclasses import asdict

    if options.json:
        print(json_text([asdict(finding) for finding in findings]))
    else:
        print("\n".join(map(str, findings)) or "nothing found")
    return int(any(finding.severity == "error" for finding in findings))
