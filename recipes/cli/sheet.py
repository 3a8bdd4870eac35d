"""`recipes sheet` and `recipes infer`: what the cheatsheet says, and what it says of a target in a file."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.cli.files import read_array, read_arrays
from recipes.cli.json_text import json_text

if TYPE_CHECKING:
    from cheatsheet.targets import Inference

Commands = Any  # what argparse's add_subparsers gives
_OF_FIT = {"task": "recipes fit --task", "loss": "recipes fit --loss"}  # where of a table's column these are said


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    command = commands.add_parser("sheet", help="which loss, last activation and width for which task")
    command.add_argument("task", nargs="?", help="one row, with the code to copy: binary, regression, ...")
    command.add_argument("--loss", help="another loss of that task, such as hinge for binary")
    command.add_argument("--markdown", action="store_true", help="print the table as the README holds it")
    command.add_argument("--rules", action="store_true", help="print every mistake that check finds")
    command.add_argument("--json", action="store_true", help="print one row, or all of them, as JSON")
    command.set_defaults(run=_sheet, show=_show)

    command = commands.add_parser("infer", help="which task a target is, why, and the cheatsheet's row for it")
    command.add_argument("data", type=Path, help="a table (CSV, Parquet), an .npy file, or an .npz file with y")
    command.add_argument("--target", help="the column of the table; needless where there is one alone")
    command.add_argument("--json", action="store_true", help="print what was inferred as JSON")
    command.set_defaults(run=_infer, show=_show_inferred)


def _sheet(options: argparse.Namespace) -> str:
    from cheatsheet.__main__ import answer

    names = ("task", "loss", "markdown", "rules", "json")
    return answer(**{name: getattr(options, name) for name in names})


def _show(text: str, options: argparse.Namespace) -> None:
    print(text)


def _infer(options: argparse.Namespace) -> "tuple[Inference, int]":
    from cheatsheet.targets import infer_task

    if options.data.suffix == ".npy":
        return infer_task(read_array(options.data)), 0
    if options.data.suffix == ".npz":
        return infer_task(read_arrays(str(options.data), (options.target or "y",))[0]), 0
    options.parser.set_defaults(also=_OF_FIT)
    return _infer_column(options.data, options.target)


def _infer_column(path: Path, name: str | None) -> "tuple[Inference, int]":
    """Infer the task of a column as `recipes fit` does, and count the rows without it."""
    from recipes.tables.reading.frames import read_frame, require_column
    from recipes.tables.target import infer_column, known_values

    table, reading = read_frame(path)
    if name is None and table.shape[1] != 1:
        columns = [*table.columns]
        shown = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
        raise ValueError(f"{path} has the columns {shown}. Name one: --target {columns[-1]!r}.")
    name = table.columns[0] if name is None else require_column(table, name, "target")
    known, _ = known_values(table[name], name, reading.decimal)
    return infer_column(known, name), len(table) - len(known)


def _show_inferred(found: "tuple[Inference, int]", options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from cheatsheet.__main__ import explain
    from cheatsheet.common.words import count
    from cheatsheet.table import lookup

    inferred, num_missing = found
    row = lookup(inferred.task, inferred.loss)
    if options.json:
        print(json_text({**asdict(inferred), "loss": row.loss, "activation": row.activation,
                          "num_missing": num_missing}))  # fmt: skip
        return
    print(inferred)
    if options.parser.get_default("also") and re.search(r"\b(task|loss)=", str(inferred)):
        print("task= and loss= are said to fit_table in Python, and as --task and --loss to recipes fit")
    if num_missing:
        print(f"without a target, and left out: {count(num_missing, 'row')}")
    print()
    print(explain(row))
