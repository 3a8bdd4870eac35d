"""Train a compiled model on arrays: checked, seeded, and with a verdict."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from cheatsheet.finding import Finding
from recipes.diagnosis.diagnose import diagnose, is_slower
from recipes.running.checkpoint import Checkpoint
from recipes.running.interrupt import Interrupt, how_to_go_on, interrupted
from recipes.running.progress import ProgressLine
from recipes.training.callbacks import as_callbacks, kept_by, logs_appended, require_monitored
from recipes.training.data.batches import fixed_batch, rows_at_once
from recipes.training.data.prepare import TrainingData, prepare
from recipes.training.data.streams import is_stream, pass_on
from recipes.training.data.trees import num_rows_of
from recipes.training.engines.engine import EngineUsed, Job, Outcome, Plan, stopping_after
from recipes.training.engines.registry import choose
from recipes.training.engines.resume import Resume, settings_of, steps_of
from recipes.training.evaluate import predict
from recipes.training.impossible import impossible
from recipes.training.run import Run
from recipes.training.signature import expected_of, remember

MOST_SPREAD_ROWS = 1_000  # that posterior collapse is looked for in
# Arguments that Keras' own `fit` alone reads, as they are by default.
_USUAL = {"validation_batch_size": None, "validation_freq": 1, "validation_steps": None, "steps_per_epoch": None,
          "initial_epoch": 0}  # fmt: skip


@known_arguments_only
def fit(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    epochs: int = 1,
    batch_size: int = 32,
    validation_data: Any = None,
    validation_split: float = 0.0,
    validation_batch_size: int | None = None,
    validation_freq: int = 1,
    validation_steps: int | None = None,
    steps_per_epoch: int | None = None,
    initial_epoch: int = 0,
    patience: int | None = None,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: Mapping[Any, Any] | str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback | None = (),
    seed: int = 0,
    verbose: str | int = "auto",
    engine: str = "auto",
    refit: bool = False,
    allow: Sequence[str] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
) -> Run:
    """Train a compiled model on arrays, and judge how that went.

    Reads its arguments as Keras' own `fit` does, with four differences: x and y are checked before the first step;
    labels (text, -1/+1, 1..K) are encoded to what the compiled loss wants; `validation_split` takes a shuffled and,
    for classes, stratified part rather than the last rows; and every epoch has a new order, also when seeded.

    Args:
        model: A compiled Keras model.
        x: Inputs `(n, ...)`; a dict, list or tuple of them for a model with several inputs. A `tf.data.Dataset`,
            `PyDataset`, `DataLoader` or generator goes to Keras as it is.
        y: Targets, one row per row of x; `None` trains an autoencoder on x.
        epochs: Passes over the training rows.
        batch_size: Rows per step.
        validation_data: `(x, y)` or `(x, y, sample_weight)`.
        validation_split: Share of the rows to validate on instead, `0 <= validation_split < 1`.
        validation_batch_size: Rows at once in the validation; like the next four, it has Keras' own `fit` run.
        validation_freq: Validate after every so many epochs.
        validation_steps: Batches of a stream in `validation_data` that count as the whole of it.
        steps_per_epoch: Batches that count as one pass; a stream that never ends needs it.
        initial_epoch: Number of epochs that have been trained before and are not trained again.
        patience: Stop once val_loss has not been lower for so many epochs, and keep the weights of the lowest, as
            Keras' `EarlyStopping(restore_best_weights=True)` does, at nearly the speed of a run without it.
        shuffle: Whether each epoch has a new order.
        sample_weight: Weight of each row `(n,)`, at least 0; of each step or pixel; for several outputs a dict or list.
        class_weight: Weight of each class, by label or by index; `"balanced"` weights them inversely to their number.
            For several outputs a dict of these by output, `{"kind": {...}}`.
        callbacks: Keras callbacks, or one. What they watch has to be in the history.
        seed: Of the validation split and the order of the batches. Weights and dropout have their own,
            `build_model(seed=...)`.
        verbose: 0 is silent; anything else shows one line.
        engine: `"resident"` trains inside one compiled function that holds the data, `"keras"` is `model.fit`;
            `"auto"` takes the first wherever it can. Same mathematics, same order of the rows.
        refit: Whether the outputs may come to mean other labels. Without it, a model that was trained on labels b and c
            keeps them: labels a and b are refused, since its output for c would silently become that for b.
        allow: Rules whose refusals become warnings in `Run.findings`, such as `("unreachable_target",)`: the name is
            that of the finding in the error. What cannot be computed at all cannot be allowed. `"not_finite"` lets NaN
            through to a first layer, or a loss of your own, that leaves it out.
        checkpoint: Folder for the state of the run. The same call goes on where the last one stopped, however it
            stopped, and ends with the weights and the history of a run that never did; with more epochs it goes on
            from the end of the last. Other files that lie in the folder are neither read nor touched.
        checkpoint_every: Write the state after so many epochs; without it, whenever that costs less than 1 % of the
            time.

    Returns:
        A `Run`: `history`, `findings`, `engine`, `classes`, `seconds`; `plot()` draws it. The model itself is
        trained.

    Raises:
        DataError: for data that do not fit the model, with all `.findings`, before anything is changed.
        ValueError: for arguments that do not go together, such as early stopping without validation; for a checkpoint
            of another run, saying what differs.
        BlockingIOError: where another process has the checkpoint open.
        recipes.Interrupted: after Ctrl-C, which ends the run at the next clean place, with its state
            written and the `Run` so far in `result`; in a notebook and at a prompt the `Run` is returned instead.
    """
    start = time.perf_counter()
    require_whole("epochs", epochs, 1)
    require_whole("batch_size", batch_size, 1)
    require_whole("seed", seed, 0)
    require_checkpoint(checkpoint, checkpoint_every)
    if patience is not None:
        require_whole("patience", patience, 1)
        require_watched(patience, validation_data, validation_split)
    of_keras = _of_keras(
        epochs,
        validation_batch_size=validation_batch_size,
        validation_freq=validation_freq,
        validation_steps=validation_steps,
        steps_per_epoch=steps_per_epoch,
        initial_epoch=initial_epoch,
    )
    if of_keras and checkpoint is not None:
        raise ValueError(f"checkpoint= cannot be used with {', '.join(of_keras)}. Leave one of them out.")
    if is_stream(x):
        if checkpoint is not None:
            raise ValueError(f"checkpoint= needs arrays: where a {type(x).__name__} stopped is not known to it.")
        arrays_only = {"y": y, "validation_split": validation_split, "sample_weight": sample_weight}
        arrays_only |= {"class_weight": class_weight, "allow": allow or None}
        steps = {"steps_per_epoch": steps_per_epoch, "validation_steps": validation_steps}
        data = pass_on(model, x, validation_data, arrays_only, steps)
    else:
        data = prepare(
            model,
            x,
            y,
            sample_weight=sample_weight,
            class_weight=class_weight,
            validation_data=validation_data,
            validation_split=validation_split,
            seed=seed,
            like=None if refit else expected_of(model),
            allow=allow,
        )
    # NumPy's numbers are not for JSON
    plan = Plan(int(epochs), int(batch_size), shuffle, int(seed), as_callbacks(callbacks), patience=patience,
                of_keras=of_keras)  # fmt: skip
    require_fixed_batch(model, data, plan.batch_size)
    require_monitored(model, plan.callbacks, validates=data.validation is not None)
    run = train_as_planned(model, data, plan, engine=engine, checkpoint=checkpoint, checkpoint_every=checkpoint_every,
                verbose=verbose, start=start)  # fmt: skip
    done = f"the run after {run.epochs:,} of {count(plan.epochs, 'epoch')}"
    return interrupted(run, how_to_go_on(done, checkpoint)) if run.interrupted else run


def train_as_planned(
    model: keras.Model,
    data: TrainingData,
    plan: Plan,
    *,
    engine: str = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    verbose: str | int = 0,
    start: float | None = None,
) -> Run:
    """Train on checked arrays as planned, and judge: what `fit` does once x and y are prepared.

    Args:
        model: A compiled model.
        data: What `recipes.training.data.prepare` made of x and y.
        plan: How; what shows, interrupts and resumes the run is put into it here.
        engine: As for `fit`, like what follows.
        start: `time.perf_counter()` when the call began, where that was before.

    Returns:
        A `Run`, also where Ctrl-C ended it.
    """
    start = time.perf_counter() if start is None else start
    steps = plan.of_keras.get("steps_per_epoch")
    if steps is None and not data.is_stream:
        steps = -(-data.num_rows // plan.batch_size)
    line = ProgressLine(epochs=plan.epochs, steps_per_epoch=steps) if verbose else None
    steps_before = steps_of(model)
    with ExitStack() as opened:
        interrupt = opened.enter_context(Interrupt())
        chosen, why = choose(engine, model, data.arrays, plan.callbacks, of_keras=plan.of_keras, widen=plan.widen)
        plan = replace(plan, progress=line, interrupt=interrupt, widen=plan.widen and chosen.widens)
        resume = None
        plan = epoch_by_epoch(plan, kept=checkpoint is not None)
        if checkpoint is not None:
            settings = settings_of(
                model, data, engine="search" if plan.widen else chosen.name, batch_size=plan.batch_size,
                shuffle=plan.shuffle, seed=plan.seed, callbacks=plan.callbacks,
            )  # fmt: skip
            kept = opened.enter_context(Checkpoint(checkpoint, settings))
            resume = Resume(kept, checkpoint_every, model, plan.callbacks)
            kept.say_beyond(resume.epoch, plan.epochs, "epoch", "epochs")
            plan = replace(plan, resume=resume)
            opened.enter_context(logs_appended(plan.callbacks, resume.epoch))
        try:
            (outcome,) = chosen.train([Job(model, data, plan)])
        finally:
            if line is not None:
                line.close()
    taken = resume.first_steps if resume else steps_before
    seconds = time.perf_counter() - start + (resume.seconds if resume else 0.0)
    return judged(Job(model, data, plan), outcome, EngineUsed(chosen.name, outcome.how, why), seconds=seconds,
                  steps=steps_of(model) - taken, interrupted=interrupt.requested)  # fmt: skip


def judged(
    job: Job, outcome: Outcome, engine: EngineUsed, *, seconds: float, steps: int, interrupted: bool = False
) -> Run:
    """Make a `Run` of what has become of a job: its history as plain numbers, and what `diagnose` says of it.

    Args:
        job: What was asked for; its model is trained, and gets the signature of its data.
        outcome: What the engine said.
        engine: Which it was.
        seconds: From call to return.
        steps: Batches that were trained on.
        interrupted: Whether Ctrl-C ended it.
    """
    model, data, plan = job.model, job.data, job.plan
    remember(model, data.signature)
    history = {name: [_plain(value) for value in values] for name, values in outcome.history.items()}
    spread = _spread(model, data, history) if data.reconstructs else None
    best = outcome.kept or kept_by(plan.callbacks)
    best = None if best == len(history.get("loss", ())) else best
    findings = []
    if history.get("loss"):
        weighted = data.sample_weight is not None
        findings = diagnose(history, chance=data.chance, least=data.least, spread=spread, kept=best, model=model,
                            weighted=weighted)  # fmt: skip
    else:
        message = "The history has no loss, so that nothing is said of the curve."
        fix = "have train_step return a loss, as {'loss': ...}"
        findings = [Finding("not_judged", "info", message, fix)] if history else []
    rate = next((one for one in data.findings if one.rule == "learning_rate"), None)
    if rate is not None:  # which says how far, where the curve alone cannot
        findings = [replace(one, fix=f"{rate.fix} as learning_rate") if is_slower(one) else one for one in findings]
    beyond = impossible(model, history) if data.is_stream else []  # arrays were judged before they trained
    findings = [*beyond, *findings, *data.findings]  # else the verdict on the curve is the headline
    return Run(
        model=model,
        history=history,
        findings=findings,
        engine=engine,
        seed=plan.seed,
        seconds=seconds,
        steps=steps,
        steps_per_second=outcome.steps_per_second,
        signature=data.signature,
        chance=data.chance,
        least=data.least,
        spread=spread,
        kept=best,
        interrupted=interrupted,
    )


def require_checkpoint(checkpoint: Any, checkpoint_every: int | None) -> None:
    """Require a folder where it is said how often to write into it.

    Raises:
        ValueError: where there is none.
    """
    if checkpoint_every is not None:
        require_whole("checkpoint_every", checkpoint_every, 1)
        if checkpoint is None:
            raise ValueError(
                f"checkpoint_every={checkpoint_every} says how often, but checkpoint=None. "
                "Pass checkpoint='folder' too."
            )


def require_fixed_batch(model: keras.Model, data: TrainingData, batch_size: int) -> None:
    """Require whole batches of the number of rows that a model is built for, if it is.

    Raises:
        ValueError: for another batch size, and for rows that are left over.
    """
    fixed = fixed_batch(model)
    if fixed is None or data.is_stream:
        return
    if batch_size != fixed:
        raise ValueError(f"The model takes batches of {fixed} rows. Received: batch_size={batch_size}. Pass {fixed}.")
    rows_at_once(model, data.num_rows, fixed)
    if data.validation is not None and not is_stream(data.validation[0]):
        rows_at_once(model, num_rows_of(data.validation[0]), fixed)


def require_watched(patience: Any, validation_data: Any, validation_split: float) -> None:
    """Require rows to validate on, which early stopping watches.

    Raises:
        ValueError: where there are none.
    """
    if validation_data is None and not validation_split:
        raise ValueError(
            f"patience={patience} watches val_loss, and nothing validates. "
            "Pass validation_split=0.2, or validation_data."
        )


def epoch_by_epoch(plan: Plan, *, kept: bool) -> Plan:
    """Have patience count as a callback where something else wants to see each epoch: callbacks, or a checkpoint."""
    if plan.patience is None or not (plan.callbacks or kept):
        return plan
    return replace(plan, callbacks=[*plan.callbacks, stopping_after(plan.patience)], patience=None)


def _of_keras(epochs: int, **asked: Any) -> dict[str, int]:
    """Check the arguments that Keras' own `fit` alone reads; return those that are not as by default."""
    given = {}
    for name, value in asked.items():
        if value != _USUAL[name]:
            require_whole(name, value, 1)
            given[name] = int(value)
    if given.get("initial_epoch", 0) >= epochs:
        raise ValueError(
            f"initial_epoch={given['initial_epoch']} leaves none of epochs={epochs}, which counts all, to train."
        )
    return given


def _plain(value: Any) -> Any:
    """Make a list of what a metric with several values gives, such as one for each class."""
    return value.tolist() if np.ndim(value) else value


def _spread(model: keras.Model, data: TrainingData, history: Mapping[str, Sequence[float]]) -> float | None:
    """Give the variance between an autoencoder's outputs over that of its examples; `None` where it is not in doubt.

    Outputs with a tenth of the variance cannot explain more than half of it, so a loss well below is proof enough.
    """
    watched = history.get("val_loss") or history.get("loss")
    if data.chance is None or not watched or not watched[-1] > (data.chance + data.least) / 2:
        return None
    x = data.x if data.validation is None else data.validation[0]
    target = data.y if data.validation is None else data.validation[1]  # not x, which may be noisy
    step = -(-len(x) // MOST_SPREAD_ROWS)
    variance = float(np.var(target[::step], axis=0, dtype=np.float64).sum())
    outputs = predict(model, x[::step])
    return float(np.var(outputs, axis=0, dtype=np.float64).sum()) / variance if variance > 0 else None
