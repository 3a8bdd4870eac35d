"""`recipes sheet` and `recipes infer`: what the cheatsheet says, and what it says of a target in a file."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.cli.files import read_array, read_arrays

if TYPE_CHECKING:
    from cheatsheet.targets import Inference

Commands = Any  # what argparse's add_subparsers gives


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    command = commands.add_parser("sheet", help="which loss, last activation and width for which task")
    command.add_argument("task", nargs="?", help="one row, with the code to copy: binary, regression, ...")
    command.add_argument("--loss", help="another loss of that task, such as hinge for binary")
    command.add_argument("--markdown", action="store_true", help="print the table as the README holds it")
    command.add_argument("--rules", action="store_true", help="print every mistake that check finds")
    command.set_defaults(run=_sheet, show=_show)

    command = commands.add_parser("infer", help="which task a target is, why, and the cheatsheet's row for it")
    command.add_argument("data", type=Path, help="a table (CSV, Parquet), an .npy file, or an .npz file with y")
    command.add_argument("--target", help="the column of the table; needless where there is one alone")
    command.add_argument("--json", action="store_true", help="print what was inferred as JSON")
    command.set_defaults(run=_infer, show=_show_inferred)


def _sheet(options: argparse.Namespace) -> str:
    from cheatsheet.__main__ import answer

    return answer(options.task, options.loss, markdown=options.markdown, rules=options.rules)


def _show(text: str, options: argparse.Namespace) -> None:
    print(text)


def _infer(options: argparse.Namespace) -> "tuple[Inference, int]":
    from cheatsheet.targets import infer_task

    num_missing, y = 0, None
    if options.data.suffix == ".npy":
        y = read_array(options.data)
    elif options.data.suffix == ".npz":
        y = read_arrays(str(options.data), (options.target or "y",))[0]
    else:
        values = _column(options.data, options.target)
        num_missing = sum(value is None for value in values)
        if num_missing == len(values):
            raise ValueError(f"{options.data} has no target in any of its {num_missing:,} rows.")
        y = [value for value in values if value is not None]
    return infer_task(y), num_missing


def _column(path: Path, name: str | None) -> list[Any]:
    """Read a column as `recipes fit` does; `None` where it is missing."""
    from recipes.tables.reading.frames import read_frame, require_column
    from recipes.tables.target import values_in

    table, reading = read_frame(path)
    if name is None and table.shape[1] != 1:
        columns = [*table.columns]
        shown = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
        raise ValueError(f"{path} has the columns {shown}. Name one: --target {columns[-1]!r}.")
    name = table.columns[0] if name is None else require_column(table, name, "target")
    return values_in(table[name], reading.decimal)[0]


def _show_inferred(found: "tuple[Inference, int]", options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from cheatsheet.__main__ import explain
    from cheatsheet.common.words import count
    from cheatsheet.table import lookup

    inferred, num_missing = found
    row = lookup(inferred.task, inferred.loss)
    if options.json:
        print(json.dumps({**asdict(inferred), "loss": row.loss, "activation": row.activation,
                          "num_missing": num_missing}))  # fmt: skip
        return
    print(inferred)
    if num_missing:
        print(f"without a target, and left out: {count(num_missing, 'row')}")
    print()
    print(explain(row))
