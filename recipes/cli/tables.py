"""`recipes fit`, `predict` and `report`: a network for a table, what it says of another one, and a page of it all."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.cli.files import require_file, require_room_in
from recipes.cli.flags import flags_of, with_flags
from recipes.cli.json_text import json_text
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
    command.set_defaults(run=_predict, show=_show_predictions, out_may_be=".csv")

    command = commands.add_parser("report", help="write what a saved run is worth into an HTML file")
    command.add_argument("folder", type=Path, metavar="run-folder", help="that recipes fit --out has written")
    command.add_argument("--report", type=Path, metavar="FILE",
                         help="the report, HTML; replaces an old one (default: runs/DATA-TARGET.html)")  # fmt: skip
    command.set_defaults(run=_report, show=_show_report)


def _fit(options: argparse.Namespace) -> "TableRun":
    from recipes.tables.kept import FACTS
    from recipes.tables.ready import ready_table

    if options.out is not None:
        require_room_in(options.out, options.overwrite, FACTS)
    _require_report(options, options.frame, options.target)
    names = ("task", "loss", "group", "time", "drop", "positive", "cost_false_positive", "cost_false_negative",
             "intervals", "quantiles", "test_split", "num_networks", "epochs", "seed")  # fmt: skip
    ready = ready_table(options.frame, options.target, **{name: getattr(options, name) for name in names})
    load_keras()  # once nothing is left to refuse
    from recipes.tables.fit_table import fit_ready

    return fit_ready(ready)


def _require_report(options: argparse.Namespace, data: str, target: str) -> None:
    """Decide where the report of this data and target is written, and require that it can be."""
    if options.report is None:
        name = re.sub(r"[^\w.-]+", "_", f"{Path(data).stem}-{target}")
        options.report = Path("runs") / f"{name}.html"
    require_file(options.report, "--report", "report.html")


def _show_fit(run: "TableRun", options: argparse.Namespace) -> int:
    from dataclasses import asdict

    if options.out is not None:
        run.save(options.out, overwrite=options.overwrite)
    _show_report(run, options)
    if options.json:
        findings = [asdict(finding) for finding in run.findings]
        said = {"task": run.task, "positive": run.positive, "verdict": run.verdict, "scores": run.scores}
        print(json_text({**said, "findings": findings}))
    else:
        print(with_flags(str(run), flags_of(options.parser)))
    return int(any(finding.severity == "error" for finding in run.findings))


def _kept(folder: Path) -> dict[str, Any]:
    """Read what is known of a kept run, without Keras."""
    from cheatsheet.common.words import did_you_mean
    from recipes.tables.kept import FACTS, holds_table, read_facts

    expected = "Expected a folder that recipes fit --out has written."
    if holds_table(folder):
        return read_facts(folder)
    if folder.exists():
        lacks = f": it lacks {FACTS}" if folder.is_dir() else ", which is a file"
        raise ValueError(f"There is no run of a table in {folder}{lacks}. {expected}")
    beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
    near = did_you_mean(folder.name, [other.name for other in beside if holds_table(other)])
    raise ValueError(f"There is no run in {folder}. {expected}{near}")


def _load(folder: Path) -> "TableRun":
    load_keras()
    from recipes.tables.save import load_table

    return load_table(folder)


def _report(options: argparse.Namespace) -> "TableRun":
    from recipes.tables.kept import signature_of

    facts = _kept(options.folder)
    data = facts["asked"].get("frame", options.folder.resolve().name)  # a frame of Python's has no name
    _require_report(options, data, signature_of(facts, options.folder).target.name)
    return _load(options.folder)


def _show_report(run: "TableRun", options: argparse.Namespace) -> None:
    options.report.parent.mkdir(parents=True, exist_ok=True)
    print(f"report: {run.report(options.report).resolve()}", file=sys.stderr)


def _predict(options: argparse.Namespace) -> Any:
    from recipes.tables.kept import signature_of

    _require_predictions(options.out)
    signature = signature_of(_kept(options.folder), options.folder)
    other = signature.read(options.frame)
    signature.require(other)
    return _load(options.folder).predict_table(other)


def _path_of_predictions(out: Path) -> Path:
    names_file = out.suffix.lower() == ".csv" and not out.is_dir()
    return out if names_file else out / "predictions.csv"


def _require_predictions(out: Path | None) -> None:
    if out is not None:
        require_file(_path_of_predictions(out), "--out", "predictions.csv")


def _show_predictions(table: Any, options: argparse.Namespace) -> None:
    if options.json:
        print(json_text(table.to_dict("records")))
    elif options.out is None:
        print(table.to_csv(index=False, float_format=DIGITS), end="")
    if options.out is None:
        return
    path = _path_of_predictions(options.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format=DIGITS)
    print(f"predictions: {path.resolve()}", file=sys.stderr)
