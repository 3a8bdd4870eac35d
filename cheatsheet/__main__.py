"""`python -m cheatsheet`: the table; with a task, one row and the code to copy; `--rules`: what `check` finds.

`--markdown` prints the README's table, `--json` rows for a program to read.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from cheatsheet.rules import RULES
from cheatsheet.table import EXTENDED, LECTURE, TABLE, TASKS, Row, lookup

_WIDTHS = {
    "one": "one node",
    "classes": "N nodes, one per class",
    "columns": "N nodes, one per column",
    "quantiles": "one node per quantile",
    "cells": "5 nodes a cell, which a convolution of 1 x 1 gives",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m cheatsheet", description="Which loss, last activation and width for which task?"
    )
    parser.add_argument("task", nargs="?", help=f"one of {', '.join(TASKS)}")
    parser.add_argument("--loss", help="another loss of that task, such as hinge for binary")
    parser.add_argument("--markdown", action="store_true", help="print the table as the README holds it")
    parser.add_argument("--rules", action="store_true", help="print every mistake that check finds")
    parser.add_argument("--json", action="store_true", help="print one row, or all of them, as JSON")
    options = parser.parse_args(arguments)
    try:
        print(answer(**vars(options)))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def answer(
    task: str | None = None,
    loss: str | None = None,
    *,
    markdown: bool = False,
    rules: bool = False,
    json: bool = False,
) -> str:
    """Write what was asked for: the README's table, the rules, one row of the cheatsheet, or the whole of it.

    As JSON a row is an object with the fields of `Row`, and the whole a list of them.

    Raises:
        ValueError: for a task or a loss that there is not, and for a loss without a task.
    """
    if markdown:
        return markdown_table()
    if rules:
        return rules_table()
    if task is None and loss is not None:
        raise ValueError(f"Which task? Received: loss={loss!r} alone. Say the task too, such as binary.")
    if json:
        return json_of(TABLE if task is None else lookup(task, loss))
    return text_table() if task is None else explain(lookup(task, loss))


def json_of(rows: Row | Sequence[Row]) -> str:
    """Write a row, or a list of them, as JSON."""
    return json.dumps(asdict(rows) if isinstance(rows, Row) else [asdict(row) for row in rows])


def text_table() -> str:
    """Lay out the whole cheatsheet for a terminal."""
    header = ("task", "loss", "last activation", "last layer", "y")
    slide = [(row.task, row.loss, _activation(row), _WIDTHS[row.units].split(",")[0], row.target) for row in LECTURE]
    more = [(row.task, row.loss, _activation(row), _WIDTHS[row.units].split(",")[0], row.target) for row in EXTENDED]
    widths = [max(len(line[i]) for line in [header, *slide, *more]) for i in range(len(header))]

    def show(line: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join(
        [
            "The lecture's table",
            show(header),
            rule,
            *map(show, slide),
            "",
            "Rows that the slide lacks",
            show(header),
            rule,
            *map(show, more),
            "",
            "* the slide prints sigmoid; python -m cheatsheet multiclass says why softmax is built.",
            "One row with the code to copy: python -m cheatsheet binary",
        ]
    )


def explain(row: Row) -> str:
    """Write out one row in full, with the code to copy."""
    others = [other.loss for other in TABLE if other.task == row.task and other is not row]
    slide = {None: "this row is not on the slide", row.activation: "as on the slide"}.get(
        row.lecture_activation, f"the slide prints {row.lecture_activation}"
    )
    compiled = {"pinball": "Pinball()", "detection": "Detection()"}.get(row.loss, f'"{row.loss}"')
    metrics = ", ".join("sign_accuracy" if name == "sign_accuracy" else f'"{name}"' for name in row.metrics)
    ours = [name for name in ("Pinball", "Detection", "sign_accuracy") if name in compiled + metrics]
    lines = [
        row.task if row.task == row.loss else f"{row.task}: {row.loss}",
        "",
        f"  y                {row.target}",
        f"  last layer       {_WIDTHS[row.units]}",
        f"  last activation  {row.activation}; {slide}",
        f"  the loss is      -log likelihood: {row.likelihood}"
        if not row.likelihood.startswith("none")
        else f"  the loss is      {row.likelihood[6:]}",
        f"  by chance        {row.chance}",
        *textwrap.wrap(row.why, 100, initial_indent="  why              ", subsequent_indent=" " * 19),
        *([f"  other losses     {', '.join(others)}"] if others else []),
        "",
        "With recipes:",
        "",
        *_recipe(row),
        "",
        "With layers of your own:" if row.units == "cells" else "With Keras alone:",
        "",
        *([f"  from recipes.losses import {', '.join(ours)}"] if ours else []),
        *_last_layer(row),
        f'  model.compile(optimizer="adam", loss={compiled}, metrics=[{metrics}])',
    ]
    return "\n".join(lines)


def _last_layer(row: Row) -> list[str]:
    """List the lines that add this row's last layer in Keras alone."""
    if row.units == "cells":
        return [
            "  from recipes.lecture.astronomy.detector import CellBoxes  # sigmoid and exp",
            "  model.add(keras.layers.Conv2D(5, 1))",
            "  model.add(CellBoxes(stride=8))  # the image's side over the number of cells",
        ]
    units = "1" if row.units == "one" else "N"
    return [f'  model.add(keras.layers.Dense({units}, activation="{row.activation}"))']


def _recipe(row: Row) -> list[str]:
    """List the lines that build and train this row with `recipes`."""
    loss = "" if lookup(row.task) is row else f', loss="{row.loss}"'
    if row.task == "reconstruction":
        return [
            "  from recipes import build_autoencoder, fit",
            f"  model = build_autoencoder(x=x, latent=16{loss})",
            "  run = fit(model, x, epochs=50, validation_split=0.2)",
        ]
    if row.task == "detection":
        return [
            "  from recipes import fit",
            "  from recipes.lecture.astronomy.detector import build_detector, cell_targets",
            "  model = build_detector(side=192)",
            "  run = fit(model, images[..., None], cell_targets(boxes, side=192), epochs=50)",
        ]
    num_classes = ", num_classes=N" if row.units in ("classes", "columns") else ""
    return [
        "  from recipes import build_model, fit",
        f'  model = build_model(task="{row.task}"{loss}{num_classes})',
        "  run = fit(model, x, y, epochs=50, validation_split=0.2)",
    ]


def markdown_table() -> str:
    """Write the table as the README holds it, between its markers."""
    lines = [
        "| loss | good for | last activation | last layer | `y` | a constant guess gets |",
        "|---|---|---|---|---|---|",
    ]
    for row in TABLE:
        if row is EXTENDED[0]:
            lines.append("| *rows that the slide lacks* | | | | | |")
        built = row.activation
        if row.lecture_activation not in (None, built):
            built += f" (slide: {row.lecture_activation})"
        width = _WIDTHS[row.units].split(",")[0]
        lines.append(f"| `{row.loss}` | {row.task} | {built} | {width} | {row.target} | {row.chance} |")
    return "\n".join(lines)


def rules_table() -> str:
    """Write every rule, by subject, with what it finds, as `docs/check.md` holds it."""
    subjects = {
        "heads": "The last layer",
        "metrics": "Metrics",
        "labels": "Labels",
        "quantities": "Targets that are numbers",
        "cells": "Detectors",
        "data": "Shapes",
        "rows": "What the rows hold",
        "layers": "The network",
    }
    lines = []
    for home, title in subjects.items():
        lines += [f"| {title} | |", "|---|---|"]
        for name, rule in RULES.items():
            if rule.__module__ == f"cheatsheet.rules.{home}":
                said = " ".join((rule.__doc__ or "").split())
                lines.append(f"| `{name}` | {said.replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def _activation(row: Row) -> str:
    return row.activation + ("*" if row.lecture_activation not in (None, row.activation) else "")


if __name__ == "__main__":
    sys.exit(main())
