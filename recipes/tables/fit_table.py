"""From a table to a trained network beside its baselines: the way of the rows, from reading to the comparison."""

import time as clock
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from cheatsheet.finding import Finding, by_severity
from recipes.running.interrupt import interrupted
from recipes.tables.curves import verdict_on
from recipes.tables.learning.fit_rows import fit_rows
from recipes.tables.learning.preprocessing import outputs_of
from recipes.tables.learning.quantiles import far_off, fit_quantiles, judged
from recipes.tables.ready import Ready, ready_table
from recipes.tables.run import TableRun
from recipes.tables.scoring.baselines import NAMES, predictions_of
from recipes.tables.scoring.comparison import NETWORK, Comparison, compare
from recipes.tables.scoring.importance import permutation_importance
from recipes.tables.scoring.intervals import too_few_held
from recipes.tables.scoring.judge import probabilities
from recipes.tables.signature import TableSignature
from recipes.training.save import versions


@known_arguments_only
def fit_table(
    frame: Any,
    target: str,
    *,
    task: str | None = None,
    loss: str | None = None,
    group: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
    positive: Any = None,
    cost_false_positive: float | None = None,
    cost_false_negative: float | None = None,
    intervals: float | None = None,
    quantiles: Sequence[float] = (),
    test_split: float = 0.2,
    num_networks: int = 8,
    epochs: int | None = None,
    seed: int = 0,
    verbose: str | int = "auto",
) -> TableRun:
    """Fit networks to a column of a table, and set them beside what one would otherwise use.

    The table is read, its target judged by `infer_task`, and each column given a kind with a reason. A share of the
    rows is kept for the test. On the others several small networks are trained at once, each stopped by a part of the
    rows that it does not see; their average, behind the preprocessing, is one plain Keras model that takes rows of the
    table. The best constant, a linear model and scikit-learn's histogram gradient boosting are fitted to the same rows
    and compared on the same test rows.

    Args:
        frame: Path of a CSV or Parquet file, a DataFrame of pandas' or polars', or a dict of columns.
        target: Name of the column to predict. Rows without a value of it are dropped.
        task: `"regression"`, `"binary"` or `"multiclass"`; from the values when missing.
        loss: `"poisson"` for counts, whose rate is predicted; from the values when missing.
        group: Name of a column whose rows with one value stay on one side of each split; it is not learnt from.
        time: Name of a column by which the rows are split: the latest are tested on; it is not learnt from.
        drop: Names of columns not to learn from.
        positive: Of two classes the one whose probability the model gives; without it the one that says yes (`"ja"`,
            `"true"`, 1), else the second in the order of the alphabet.
        cost_false_positive: Of saying the positive class where it is not. By the two costs the class is chosen that
            `predict_labels` says and the scores count; only their ratio matters, and one that is missing is 1.
        cost_false_negative: Of not saying it where it is.
        intervals: Share of the true numbers that shall lie in an interval around the prediction, such as 0.9; `None`
            for no intervals. See `TableRun.predict_intervals`.
        quantiles: Of numbers, levels such as `(0.1, 0.5, 0.9)`: below which number the true one lies so often, for each
            row. Networks of their own learn them; see `TableRun.predict_quantiles`.
        test_split: Share of the rows that are opened once, for the scores.
        num_networks: That are trained at once, and averaged.
        epochs: At most; by a budget of rows seen when missing.
        seed: Of the split, the weights and the order of the rows.
        verbose: 0 is silent; anything else shows one line.

    Returns:
        A `TableRun`: `model`, `columns`, `comparison`, `findings`, `predict(frame)`, `evaluate(frame)`, `save(folder)`.

    Raises:
        FileNotFoundError: for a path at which there is no file.
        DataError: for a table that cannot be read, and a target that cannot be learnt.
        ValueError: for columns that are not there, and arguments that do not go together.
        recipes.Interrupted: after Ctrl-C in the training, with a `TableRun` of what the networks had learnt by then in
            `result`; in a notebook and at a prompt it is returned. Elsewhere Ctrl-C ends the call.
    """
    ready = ready_table(
        frame, target, task=task, loss=loss, group=group, time=time, drop=drop, positive=positive,
        cost_false_positive=cost_false_positive, cost_false_negative=cost_false_negative, intervals=intervals,
        quantiles=quantiles, test_split=test_split, num_networks=num_networks, epochs=epochs, seed=seed,
    )  # fmt: skip
    return fit_ready(ready, verbose=verbose)


def fit_ready(asked: Ready, *, verbose: str | int = "auto") -> TableRun:
    """Train and compare what `fit_table` was asked for, once all of it is known to be possible."""
    start = clock.perf_counter() - asked.seconds
    ready, seed = asked.prepared, asked.seed
    goal, columns, split = ready.target, ready.columns, ready.split
    rest, test = ready.part(split.rest), ready.part(split.test)
    y_rest, y_test = ready.y[split.rest], ready.y[split.test]
    fitted = fit_rows(columns, goal, rest, y_rest, split.held, epochs=asked.epochs, seed=seed, verbose=verbose)
    predicted = probabilities(goal, outputs_of(fitted.model, columns, test))
    of_quantiles, found_quantiles, is_cut_short = None, None, fitted.is_cut_short
    if asked.levels and fitted.examples is not None and not is_cut_short:
        with suppress(KeyboardInterrupt):  # what has been trained by then is given all the same
            is_cut_short = True
            of_quantiles, is_cut_short = fit_quantiles(asked.levels, fitted.examples, goal, fitted.settings, seed=seed,
                                                       verbose=verbose)  # fmt: skip
            found_quantiles = judged(asked.levels, y_rest, y_test, outputs_of(of_quantiles, columns, test))
    fitted = replace(fitted, examples=None)  # the largest of all arrays, which nothing below needs
    others = {name: predictions_of(name, columns, goal, rest, y_rest, test, seed=seed) for name in NAMES}
    comparison = compare(goal.metric, y_test, predicted, others, seed=seed)
    interval = None if asked.intervals is None else fitted.interval(asked.intervals, goal, y_test, predicted)
    scores = {NETWORK: comparison.network, **{rival.name: rival.score for rival in comparison.rivals}}
    importance = permutation_importance(
        lambda rows: probabilities(goal, outputs_of(fitted.model, columns, rows)), test, y_test,
        [column.name for column in columns.learnt], metric=goal.metric, seed=seed,
    )  # fmt: skip
    found = [*ready.findings, *_of_comparison(comparison)]
    found += [] if interval is None else too_few_held(interval)
    found += [] if found_quantiles is None else far_off(found_quantiles)
    history = fitted.history
    found += verdict_on(history, fitted.chance, fitted.linear_loss)
    if fitted.num_rows < len(y_rest):
        message = (
            f"the networks were trained on {fitted.num_rows:,} of {len(y_rest):,} rows, drawn at random, for memory."
        )
        found.append(Finding("sampled_rows", "info", message))
    cut_short = ""
    if is_cut_short:
        done = max(run.epochs for run in fitted.runs)
        cut_short = f"Ctrl-C ended the training after {done:,} of at most {count(fitted.settings.epochs, 'epoch')}"
        found.append(Finding("cut_short", "warning", f"{cut_short}.", "fit again before the scores are handed in"))
    run = TableRun(
        model=fitted.model,
        signature=TableSignature(ready.reading, columns, goal),
        scores={key: {goal.metric: value} for key, value in scores.items()}
        | {"validation": {goal.metric: fitted.validation}},
        comparison=comparison,
        findings=by_severity(found),
        history=history,
        chance=fitted.chance,
        linear_loss=fitted.linear_loss,
        split=split.how,
        num_rows={"rest": len(split.rest), "test": len(split.test)},
        settings=fitted.settings,
        seed=seed,
        seconds=clock.perf_counter() - start,
        test_true=y_test,
        test_predicted=predicted,
        importance=importance,
        interval=interval,
        quantiles=found_quantiles,
        of_quantiles=of_quantiles,
        asked=asked.asked,
        versions=versions(),
        runs=fitted.runs,
    )
    more = "the networks keep what they have learnt, and are compared as they are. The same call begins anew."
    return interrupted(run, f"{cut_short}; {more}") if cut_short else run


def _of_comparison(comparison: Comparison) -> list[Finding]:
    """Say that something simpler does as well, or that something else does better, or that nobody can know."""
    if comparison.too_few:
        fix = "bring more rows, or test on more of them (test_split)"
        return [Finding("few_test_rows", "warning", comparison.sentence, fix)]
    if comparison.is_justified:
        better = comparison.winner == NETWORK
        return [] if better else [Finding("not_best", "info", comparison.sentence)]
    fix = (
        "use the simpler model, or bring more rows and columns: networks are justified with many variables and a "
        "non-linear relation"
    )
    return [Finding("not_justified", "warning", comparison.sentence, fix)]
