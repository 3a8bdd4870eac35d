"""A fitted table as one HTML file that holds all it shows: read on a phone, on a desktop, on paper, and in grey."""

import base64
import io
import shlex
import warnings
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import keras
from matplotlib import rc_context
from matplotlib.figure import Figure, SubFigure

from cheatsheet.common.words import count, digits
from cheatsheet.table import lookup
from recipes.plots.evaluation import plot_evaluation
from recipes.plots.lecture.networks.drawing import plot_network
from recipes.plots.tables import plot_comparison, plot_importance, plot_table_curves
from recipes.running.files import as_path, write_atomically
from recipes.tables.scoring.scores import METRICS, written

LONG = 24  # letters of a cell that wants room
MARKS = {"error": "✖", "warning": "▲", "info": "●"}  # told apart without colours

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
  :root { color-scheme: light; }
  body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 52rem; margin: 0 auto;
         padding: 1rem; }
  h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere; }
  h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #bbb; padding-bottom: .2rem; }
  .verdict { font-size: 1.1rem; border-left: .35rem solid #1f5a99; padding: .3rem 0 .3rem .8rem; }
  .facts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: 1rem 0; padding: 0; list-style: none; }
  .facts b { display: block; font-size: 1.25rem; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; font-size: .92rem; }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
  td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
  td.name { overflow-wrap: anywhere; min-width: 10rem; }
  td.words { min-width: 14rem; }
  figure { margin: 1rem 0; overflow-x: auto; }
  img { max-width: 100%; height: auto; display: block; }
  figcaption { font-size: .9rem; color: #444; }
  ul.findings { list-style: none; padding: 0; }
  ul.findings li { padding: .3rem 0 .3rem 1.6rem; text-indent: -1.6rem; border-bottom: 1px solid #eee; }
  pre { background: #f3f3f3; padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .88rem; }
  nav { font-size: .92rem; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
  a { color: #1f5a99; }
  @media screen and (max-width: 40rem) { img { min-width: 34rem; max-width: none; } td.name { min-width: 6rem; } }
  @media print { body { max-width: none; padding: 0; font-size: 11pt; } nav { display: none; }
                 figure, tr, li { break-inside: avoid; } h2 { break-after: avoid; } .wide { overflow: visible; } }
</style>
</head>
<body>
<main>
$body
</main>
</body>
</html>
""")


def save_report(run: Any, path: Any) -> Path:
    """Write what was made of a table into one HTML file; see `TableRun.report`.

    Args:
        run: A `TableRun`, which may have been loaded.
        path: Such as `"report.html"`; a file that is there is replaced.

    Returns:
        The path.
    """
    target = as_path(path, "path must be the name of the page, such as 'report.html'.")
    parts = [(name, make(run)) for name, make in _PARTS.items()]
    shown = [(name, body) for name, body in parts if body]
    links = "".join(f'<a href="#{_anchor(name)}">{name}</a>' for name, _ in shown)
    sections = "\n".join(f'<section id="{_anchor(name)}"><h2>{name}</h2>\n{body}</section>' for name, body in shown)
    title = f"{run.target.name}: {run.task}"
    body = f"<h1>{escape(title)}</h1>\n{_summary(run)}\n<nav>{links}</nav>\n{sections}"
    write_atomically(target, PAGE.substitute(title=escape(title), body=body).encode())
    return target


def _summary(run: Any) -> str:
    metric = METRICS[run.comparison.metric].title
    rows = run.num_rows
    facts = [
        (
            written(run.comparison.metric, run.comparison.network),
            f"{metric} of the network on {count(rows['test'], 'test row')}",
        ),
        *((written(run.comparison.metric, rival.score), f"of {rival.name}") for rival in run.comparison.rivals),
        (f"{rows['rest'] + rows['test']:,}", "rows"),
        (f"{len(run.columns.learnt)}", "columns learnt from"),
    ]
    listed = "".join(f"<li><b>{escape(value)}</b>{escape(what)}</li>" for value, what in facts)
    return f'<p class="verdict">{escape(run.verdict)}</p>\n<ul class="facts">{listed}</ul>'


def _comparison(run: Any) -> str:
    metric = METRICS[run.comparison.metric]
    body = [["network", written(run.comparison.metric, run.comparison.network), "", "", ""]]
    body += [
        [rival.name, written(run.comparison.metric, rival.score), digits(rival.difference),
         "too few rows" if rival.low is None else f"{digits(rival.low)} to {digits(rival.high)}", rival.verdict]
        for rival in run.comparison.rivals
    ]  # fmt: skip
    head = ["", f"{metric.title}, {metric.better} is better", "network better by", "95 % interval", "network is"]
    note = (
        "All were fitted to the same rows and are compared on the same test rows, which nothing was chosen by. The "
        "interval is the bootstrap's over the test rows: what another sample of this size could have shown. "
        "Constant: the best guess without looking at a column; linear: a regularised linear or logistic model; "
        "boosting: scikit-learn's histogram gradient boosting with its defaults."
    )
    picture = _picture(lambda: plot_comparison(run.comparison).figure, run.verdict)
    return _table(head, body, numbers=(1, 2, 3)) + picture + f"<p>{note}</p>"


def _findings(run: Any) -> str:
    if not run.findings:
        return "<p>Nothing was found.</p>"
    lines = []
    for one in run.findings:
        mend = f" <i>{escape(one.fix)}.</i>" if one.fix else ""
        name = one.rule.replace("_", " ")
        lines.append(
            f'<li><span aria-hidden="true">{MARKS[one.severity]}</span> <b>{one.severity}: {escape(name)}.</b> '
            f"{escape(one.message)}{mend}</li>"
        )
    return f'<ul class="findings">{"".join(lines)}</ul>'


def _data(run: Any) -> str:
    importance = {one.name: f"{one.increase:.2g}" for one in run.importance}
    body = [
        [column.name, column.kind if column.is_learnt else f"{column.kind}, left out", column.reason,
         f"{column.num_missing:,}", f"{column.num_distinct:,}" if column.num_distinct else "",
         importance.get(column.name, "")]
        for column in run.columns
    ]  # fmt: skip
    head = ["column", "kind", "what was seen", "missing", "distinct", "importance"]
    rows = run.num_rows
    said = (
        f"{rows['rest'] + rows['test']:,} rows with a known target; {run.split}. Kinds, medians, quantiles and "
        "categories were found on the rows that are not tested on; missing and distinct values are counted there."
    )
    return f"<p>{escape(said)}</p>" + _table(head, body, numbers=(3, 4, 5))


def _reading(run: Any) -> str:
    facts = dict(run.signature.reading.facts)
    if "frame" in run.asked:
        facts = {"file": run.asked["frame"], **facts}
    if run.target.num_missing:
        facts["rows without a target, left out"] = f"{run.target.num_missing:,}"
    for column in run.columns:
        if column.date_format:
            facts[f"dates of {column.name}"] = column.date_format
        if column.marks:
            facts[f"missing in {column.name}"] = ", ".join(column.marks)
        if column.num_limits:
            facts[f"beyond a limit in {column.name}, read as the limit"] = f"{column.num_limits:,}"
    return _table(["the table", "as it was read"], [[name, said] for name, said in facts.items()])


def _task(run: Any) -> str:
    target = run.target
    row = lookup(target.task, "sparse_categorical_crossentropy" if target.task == "multiclass" else target.loss)
    units = len(target.classes) if target.task == "multiclass" and target.classes else 1
    body = [
        ["task", target.task], ["loss", target.loss], ["last activation", target.activation],
        ["last layer", f"{count(units, 'node')}"], ["why", row.why], ["the loss is the likelihood of", row.likelihood],
        ["a constant guess gets", row.chance],
    ]  # fmt: skip
    if target.classes is not None:
        body.append(["classes", ", ".join(map(str, target.classes))])
    if run.positive is not None:
        body.append(["positive class", f"{run.positive}: its probability is what the model gives; precision and recall "
                     f"stand for it where one class is meant; the other is {target.classes[0]}"])  # fmt: skip
    if target.costs is not None:
        body.append(["said from", f"{digits(target.threshold)} on: a false positive costs {target.costs[0]:g}, a false "
                     f"negative {target.costs[1]:g}"])  # fmt: skip
    return f"<p>{escape(target.evidence.rstrip('.'))}.</p>" + _table(["the cheatsheet's row", ""], body)


def _network(run: Any) -> str:
    settings = run.settings
    core = _core(run.model)
    beside = (
        " They learn what a ridge regression on the same features leaves, and the model gives the sum."
        if run.linear_loss is not None
        else ""
    )
    members = len(run.history.get("loss", ()))
    said = (
        f"{count(members, 'network')} of {' and '.join(map(str, settings.units))} units, trained at once, each "
        f"stopped by rows that it does not see, and averaged; {run.model.count_params():,} numbers in the whole model, "
        f"the preprocessing of the columns included. AdamW, learning rate {settings.learning_rate:g}, weight decay "
        f"{settings.weight_decay:g}, dropout {settings.dropout:g}, batches of {settings.batch_size}, at most "
        f"{count(settings.epochs, 'epoch')}.{beside}"
    )
    if core is None:
        return f"<p>{said}</p>"
    return f"<p>{said}</p>" + _picture(
        lambda: plot_network(core).figure, "One of the networks, behind the preprocessing."
    )


def _core(model: keras.Model) -> keras.Model | None:
    """Find one of the networks that are averaged within a model."""
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.Sequential):
            return layer
    return None


def _training(run: Any) -> str:
    found = run.of_curves
    words = f"{found[0].rule.replace('_', ' ')}: {found[0].message}" if found else "the loss curves"
    said = "Loss by epoch: each network faintly, and the median for as long as half of them trained."
    return _picture(lambda: plot_table_curves(run).figure, f"{said} {words}")


def _test(run: Any) -> str:
    evaluation = run.evaluation
    body = [[name.replace("_", " "), written(name, value)] for name, value in evaluation.items()]
    picture = _picture(lambda: plot_evaluation(evaluation), "What the model says of the test rows.")
    interval = "" if run.interval is None else f"<p>{escape(str(run.interval))}.</p>"
    return _table(["on the test rows", ""], body, numbers=(1,)) + interval + _quantiles(run.quantiles) + picture


def _quantiles(found: Any) -> str:
    if found is None:
        return ""
    body = [[f"q{level:g}", f"{level:.1%}", f"{below:.1%}", f"{(level * (1 - level) / found.num_test) ** 0.5:.1%}"]
            for level, below in zip(found.levels, found.below, strict=True)]  # fmt: skip
    note = (
        f"Quantiles by networks of their own: pinball loss {digits(found.loss)}, of the same quantiles for all rows "
        f"{digits(found.constant)}."
    )
    head = ["quantile", "shall lie below it", "of the test rows do", "standard error"]
    return _table(head, body, numbers=(1, 2, 3)) + f"<p>{note}</p>"


def _importance(run: Any) -> str:
    if not run.importance:
        return ""
    note = (
        "How much worse the predictions become when the values of one column are dealt out anew among the test rows "
        "(Breiman 2001). It says what the model uses, not what causes the target; of columns that tell the same, each "
        "seems to matter little."
    )
    said = "Mean and spread of three permutations of each column."
    picture = _picture(lambda: plot_importance(run.importance, metric=run.comparison.metric).figure, said)
    return picture + f"<p>{note}</p>"


def _again(run: Any) -> str:
    asked = dict(run.asked)
    made = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    code = call_of(asked)
    text = f"from recipes import fit_table\n\nrun = {code}"
    if command := command_of(asked):
        text = f"{command}\n\n# the same in Python\n{text}"
    return f"<pre>{escape(text)}</pre><p>Seed {run.seed}; {run.seconds:.1f} s; {escape(made)}.</p>"


def call_of(asked: dict[str, Any]) -> str:
    """Write the call of `fit_table` that made a run."""
    given = {name: value for name, value in asked.items() if name not in ("frame", "target")}
    frame = repr(asked["frame"]) if "frame" in asked else "frame"
    options = "".join(f", {name}={value!r}" for name, value in given.items())
    return f"fit_table({frame}, {asked.get('target', '')!r}{options})"


def command_of(asked: dict[str, Any]) -> str:
    """Write the command that does the same; empty where the table was no file."""
    if "frame" not in asked:
        return ""
    words = ["recipes", "fit", asked["frame"]]
    for name, value in asked.items():
        if name != "frame":
            several = value if isinstance(value, list | tuple) else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, several)]
    return shlex.join(words)


_PARTS: dict[str, Callable[[Any], str]] = {
    "Beside the others": _comparison,
    "What was found": _findings,
    "How the table was read": _reading,
    "The columns": _data,
    "The task": _task,
    "What the model looks at": _importance,
    "On rows it has not seen": _test,
    "The training": _training,
    "The network": _network,
    "How it was made": _again,
}


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[int] = ()) -> str:
    def cells(tag: str, values: Sequence[Any]) -> str:
        kinds = ["number" if i in numbers else "name" if i == 0 else "" for i in range(len(values))]
        kinds = [
            "words" if not kind and len(str(value)) > LONG else kind for kind, value in zip(kinds, values, strict=True)
        ]
        return "".join(
            f"<{tag}{f' class={kind}' if kind else ''}>{escape(str(value))}</{tag}>"
            for kind, value in zip(kinds, values, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{cells("th", head)}</tr></thead><tbody>{body}</tbody></table></div>'


def _picture(draw: Callable[[], Figure | SubFigure], caption: str) -> str:
    """Put a figure into the page, as a drawing that is sharp at every size; letters stay letters of the reader's."""
    content, lacks_letters = _drawn(draw)
    if lacks_letters:  # such as Chinese ones, which the reader's browser has
        content, _ = _drawn(draw, **{"svg.fonttype": "none"})
    source = base64.b64encode(content).decode("ascii")
    text = escape(caption, quote=True)
    return (
        f'<figure><img src="data:image/svg+xml;base64,{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'
    )


def _drawn(draw: Callable[[], Figure | SubFigure], **settings: str) -> tuple[bytes, bool]:
    """Draw and write a figure as SVG; say whether the font lacks letters of its text, of which matplotlib warns."""
    buffer = io.BytesIO()
    names = {"svg.hashsalt": "report"}  # the same ones within the file every time
    with rc_context({**names, **settings}), warnings.catch_warnings(record=True) as told:
        warnings.filterwarnings("always", "Glyph")
        figure = draw().figure
        assert isinstance(figure, Figure), "drawn without an Axes, it is a figure of its own"
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    for one in told:
        if "Glyph" not in str(one.message):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return buffer.getvalue(), any("Glyph" in str(one.message) for one in told)
