"""`recipes sheet` and `recipes infer`: what the cheatsheet says, and what it says of a target in a file."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.cli.files import read_array, read_arrays, read_column

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
    command.add_argument("data", type=Path, help="a table as text (CSV), an .npy file, or an .npz file with y")
    command.add_argument("--target", help="the column of the table; needless where there is one alone")
    command.add_argument("--separator", help="of the columns (default: as the first line has them)")
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
        texts, num_missing = read_column(options.data, options.target, options.separator)
        if not texts:
            raise ValueError(f"{options.data} has no target in any of its {num_missing:,} rows.")
        y = _numbers_or_text(texts)
    return infer_task(y), num_missing


def _numbers_or_text(texts: list[str]) -> Any:
    """Read a column of text as numbers where all of them are; whole numbers as integers."""
    import numpy as np

    from cheatsheet.common.columns import numbers_in_text

    text = np.array(texts, dtype=str)
    numbers = numbers_in_text(text)
    if numbers is None:
        truth = np.char.lower(text)
        return truth == "true" if len(text) and np.isin(truth, ("true", "false")).all() else text
    whole = np.isfinite(numbers).all() and np.all(numbers == np.rint(numbers)) and np.abs(numbers).max() < 2**53
    return numbers.astype(np.int64) if whole else numbers


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
