"""`recipes fit`, `predict` and `report`: a network for a table, what it says of another one, and a page of it all."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.cli.files import require_room_in
from recipes.cli.flags import flags_of, with_flags
from recipes.cli.quiet import load_keras

if TYPE_CHECKING:
    from recipes.tables.run import TableRun

Commands = Any  # what argparse's add_subparsers gives
DEFAULT = "(default: %(default)s)"
DIGITS = "%.7g"  # of single precision, in which the model computes


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    command = commands.add_parser("fit", help="fit networks to a column of a table, beside simpler models")
    command.add_argument("frame", metavar="data", help="a CSV or Parquet file")
    command.add_argument("--target", required=True, help="the column to predict")
    command.add_argument("--task", help="regression, binary or multiclass (default: from the values)")
    command.add_argument("--loss", help="poisson for counts (default: from the values)")
    command.add_argument("--group", help="column whose rows with one value stay on one side of each split")
    command.add_argument("--time", help="column by which the rows are split; the latest are tested on")
    command.add_argument("--drop", nargs="+", default=(), metavar="COLUMN", help="columns not to learn from")
    command.add_argument("--positive", metavar="CLASS", help="of two, the one whose probability is given "
                         "(default: yes, ja, true or 1, else the last of the alphabet)")  # fmt: skip
    command.add_argument("--cost-false-positive", type=float, metavar="COST",
                         help="of saying that class where it is not (default: 1)")  # fmt: skip
    command.add_argument("--cost-false-negative", type=float, metavar="COST",
                         help="of not saying it where it is (default: 1)")  # fmt: skip
    command.add_argument("--intervals", type=float, metavar="SHARE",
                         help="of the true numbers that shall lie around the predicted ones, such as 0.9")  # fmt: skip
    command.add_argument("--quantiles", type=float, nargs="+", default=(), metavar="LEVEL",
                         help="of the numbers to predict, such as 0.1 0.5 0.9")  # fmt: skip
    command.add_argument("--test-split", type=float, default=0.2, help=f"share of the rows {DEFAULT}")
    command.add_argument("--num-networks", type=int, default=8, help=f"that are averaged {DEFAULT}")
    command.add_argument("--epochs", type=int, help="at most (default: by a budget of rows seen)")
    command.add_argument("--seed", type=int, default=0, help=DEFAULT)
    command.add_argument("--out", type=Path, help="folder to keep the run in, for recipes predict and recipes.load")
    command.add_argument("--overwrite", action="store_true", help="replace an earlier run in --out, and nothing else")
    command.add_argument("--report", type=Path, metavar="FILE",
                         help="the report, HTML; replaces an old one (default: runs/DATA-TARGET.html)")  # fmt: skip
    command.add_argument("--json", action="store_true", help="print the scores and the findings as JSON")
    command.set_defaults(run=_fit, show=_show_fit)

    command = commands.add_parser("predict", help="what a saved run says of the rows of another table, as CSV")
    command.add_argument("folder", type=Path, metavar="run-folder", help="that recipes fit --out has written")
    command.add_argument("frame", metavar="data", help="a CSV or Parquet file")
    command.add_argument("--out", type=Path, help="folder for predictions.csv, or a file named .csv; replaces an "
                         "earlier one (default: to the screen)")  # fmt: skip
    command.add_argument("--json", action="store_true", help="print the rows as JSON, a list of objects")
    command.set_defaults(run=_predict, show=_show_predictions)

    command = commands.add_parser("report", help="write what a saved run is worth into an HTML file")
    command.add_argument("folder", type=Path, metavar="run-folder", help="that recipes fit --out has written")
    command.add_argument("--report", type=Path, metavar="FILE", default=Path("report.html"),
                         help=f"the file, which replaces an earlier one {DEFAULT}")  # fmt: skip
    command.set_defaults(run=_load, show=_show_report)


def _fit(options: argparse.Namespace) -> "TableRun":
    load_keras()
    from recipes.tables.fit_table import fit_table
    from recipes.tables.save import FACTS

    if options.out is not None:
        require_room_in(options.out, options.overwrite, FACTS)
    if options.report is None:
        name = re.sub(r"[^\w.-]+", "_", f"{Path(options.frame).stem}-{options.target}")
        options.report = Path("runs") / f"{name}.html"
    if options.report.is_dir():
        raise ValueError(f"--report {options.report} is a folder. Name a file, such as report.html.")
    names = ("task", "loss", "group", "time", "drop", "positive", "cost_false_positive", "cost_false_negative",
             "intervals", "quantiles", "test_split", "num_networks", "epochs", "seed")  # fmt: skip
    return fit_table(options.frame, options.target, **{name: getattr(options, name) for name in names})


def _show_fit(run: "TableRun", options: argparse.Namespace) -> int:
    from dataclasses import asdict

    if options.out is not None:
        run.save(options.out, overwrite=options.overwrite)
    _show_report(run, options)
    if options.json:
        findings = [asdict(finding) for finding in run.findings]
        said = {"task": run.task, "positive": run.positive, "verdict": run.verdict, "scores": run.scores}
        print(json.dumps({**said, "findings": findings}))
    else:
        print(with_flags(str(run), flags_of(options.parser)))
    return int(any(finding.severity == "error" for finding in run.findings))


def _load(options: argparse.Namespace) -> "TableRun":
    load_keras()
    from recipes.tables.run import TableRun
    from recipes.training.save import load

    run = load(options.folder)
    if not isinstance(run, TableRun):
        raise ValueError(f"{options.folder} holds a {type(run).__name__}. Expected what recipes fit --out has written.")
    return run


def _show_report(run: "TableRun", options: argparse.Namespace) -> None:
    options.report.parent.mkdir(parents=True, exist_ok=True)
    print(f"report: {run.report(options.report).resolve()}", file=sys.stderr)


def _predict(options: argparse.Namespace) -> Any:
    return _load(options).predict_table(options.frame)


def _show_predictions(table: Any, options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(table.to_dict("records")))
    elif options.out is None:
        print(table.to_csv(index=False, float_format=DIGITS), end="")
    if options.out is None:
        return
    names_file = options.out.suffix.lower() == ".csv" and not options.out.is_dir()
    path = options.out if names_file else options.out / "predictions.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format=DIGITS)
    print(f"predictions: {path.resolve()}", file=sys.stderr)
