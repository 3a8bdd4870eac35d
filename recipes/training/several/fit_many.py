"""Train many networks at once: error bars over seeds, widths and rates side by side, folds."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from copy import deepcopy
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from cheatsheet.modelspec import describe_model
from recipes.running.interrupt import Interrupt, how_to_go_on, interrupted
from recipes.running.progress import ProgressLine
from recipes.seeds import seeded
from recipes.training.callbacks import as_callbacks, require_monitored
from recipes.training.data.prepare import TrainingData, prepare
from recipes.training.data.streams import is_stream
from recipes.training.engines.engine import EngineUsed, Job, Plan
from recipes.training.engines.many.engine import NAME, Together, groups, train
from recipes.training.engines.registry import choose
from recipes.training.engines.resume import Resume, steps_of
from recipes.training.fit import epoch_by_epoch, judged, require_checkpoint, require_watched
from recipes.training.run import Run
from recipes.training.several.copies import compile_like, made_again
from recipes.training.several.keep_many import KeptCall
from recipes.training.several.runs import Runs
from recipes.training.signature import expected_of

MOST_BYTES = 2**30  # that the networks of one program may take, moments included


@known_arguments_only
def fit_many(
    models: Sequence[keras.Model] | keras.Model,
    x: Any,
    y: Any = None,
    *,
    seeds: int | Sequence[int] | None = None,
    epochs: int | Sequence[int] = 1,
    batch_size: int | Sequence[int] = 32,
    validation_data: Any = None,
    validation_split: float = 0.0,
    patience: int | Sequence[int | None] | None = None,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: Mapping[Any, Any] | str | None = None,
    seed: int | Sequence[int] = 0,
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback | None = (),
    verbose: str | int = "auto",
    engine: str = "auto",
    refit: bool = False,
    allow: Sequence[str] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
) -> Runs:
    """Train many compiled models on the same rows, as `fit` would train each, at the price of a few.

    Networks that are alike but for their numbers, hidden widths and layers, activations, dropout, optimizers, rates,
    batch sizes, epochs and seeds are stacked and trained in few programs; others go through `fit`'s own engines one
    after another, and `Runs.how` says which and why.
    Each model ends as `fit(models[k], x, y, seed=seed[k], ...)` would have left it, up to the rounding of sums that are
    taken in another order; with dropout, as that run under XLA.

    Args:
        models: Compiled models, trained in place; or one model with `seeds`.
        x: As for `fit`; arrays and tables, no streams.
        y: As for `fit`.
        seeds: Train so many copies of one model, or one for each of these seeds: with fresh weights, drawn from the
            seed, and an order of the rows from the seed; layers that are frozen, and scales, keep their numbers. All
            are validated on the same rows, those of `seed`. The model itself stays as it is.
        epochs: Passes over the rows; one number, or one for each model. So are `batch_size`, `patience` and `seed`.
        batch_size: Rows a step.
        validation_data: `(x, y)` or `(x, y, sample_weight)`.
        validation_split: Share of the rows to validate on instead; each `seed` has its own.
        patience: As for `fit`; a network that has stopped stays as it is while others go on. Once half of a program's
            have, they are taken out of it, where that saves more than to compile a smaller one costs.
        shuffle: Whether each epoch has a new order.
        sample_weight: As for `fit`.
        class_weight: As for `fit`.
        seed: Of the validation split and the order of the rows.
        callbacks: Keras callbacks, or one, of which each network gets a copy. They want to see each network at each
            epoch, so that these are trained one after another; `patience` does not.
        verbose: 0 is silent; anything else shows one line.
        engine: `"auto"` stacks what can be stacked; the name of one of `fit`'s engines trains one after another in it.
        refit: As for `fit`.
        allow: As for `fit`.
        checkpoint: Folder for the state of all networks. The same call goes on where the last one stopped, however it
            stopped, and ends with the same weights, to the bit where it runs on the same machine; no argument may
            differ, `epochs` neither.
        checkpoint_every: Write the state after so many epochs; without it, whenever that costs less than 1 % of the
            time.

    Returns:
        `Runs`: one `Run` for each model, in order; `best`, `ensemble()`, `plot()`.

    Raises:
        DataError: for data that do not fit a model, before any is trained.
        ValueError: for arguments that do not go together; for a checkpoint of another call, saying what differs.
        BlockingIOError: where another process has the checkpoint open.
        recipes.Interrupted: after Ctrl-C, with the `Runs` so far in `result`.
    """
    start = time.perf_counter()
    if is_stream(x):
        raise ValueError(f"fit_many trains on arrays. Received: x is a {type(x).__name__}. Use fit for each model.")
    require_checkpoint(checkpoint, checkpoint_every)
    callbacks = as_callbacks(callbacks)
    if seeds is not None:
        return _over_seeds(models, x, y, seeds=seeds, epochs=epochs, batch_size=batch_size, start=start,
                           callbacks=callbacks, validation_data=validation_data, validation_split=validation_split,
                           patience=patience, shuffle=shuffle, sample_weight=sample_weight, class_weight=class_weight,
                           seed=seed, verbose=verbose, engine=engine, refit=refit, allow=allow, checkpoint=checkpoint,
                           checkpoint_every=checkpoint_every)  # fmt: skip
    models = _as_models(models)
    each = {"epochs": epochs, "batch_size": batch_size, "patience": patience, "seed": seed}
    by_name = {name: _each(name, value, len(models)) for name, value in each.items()}
    settings = [{name: values[k] for name, values in by_name.items()} for k in range(len(models))]
    if patience is not None:
        require_watched(patience, validation_data, validation_split)
    known: dict[Any, TrainingData] = {}
    arrays: list[np.ndarray] = []
    jobs = []
    for model, own in zip(models, settings, strict=True):
        like = None if refit else expected_of(model)
        key = (own["seed"] if validation_split else 0, like, takes(model))
        data = known.get(key)
        if data is None:
            data = prepare(
                model, x, y, sample_weight=sample_weight, class_weight=class_weight, validation_data=validation_data,
                validation_split=validation_split, seed=own["seed"], like=like, allow=allow,
            )  # fmt: skip
            data = with_one_of_each(data, arrays)
            if not data.findings:  # which name this model's layers
                known[key] = data
        require_monitored(model, callbacks, validates=data.validation is not None)
        plan = Plan(int(own["epochs"]), int(own["batch_size"]), shuffle, int(own["seed"]),
                    deepcopy(callbacks), patience=own["patience"])  # fmt: skip
        jobs.append(Job(model, data, plan))
    return train_jobs(jobs, engine=engine, verbose=verbose, start=start, checkpoint=checkpoint,
                      checkpoint_every=checkpoint_every)  # fmt: skip


def train_jobs(jobs: Sequence[Job], *, checkpoint: str | os.PathLike[str] | None = None, **how: Any) -> Runs:
    """Train jobs whose data are prepared, those together that can be; what `fit_many` and `cross_validate` stand on.

    It takes what `train_until_interrupted` does, and says after Ctrl-C how to go on.
    """
    runs, has_ended = train_until_interrupted(jobs, checkpoint=checkpoint, **how)
    return interrupted(runs, how_to_go_on(count(len(runs), "network"), checkpoint)) if has_ended else runs


def train_until_interrupted(
    jobs: Sequence[Job],
    *,
    engine: str = "auto",
    verbose: str | int = 0,
    start: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    ahead: bool = True,
    unit: float = 1.0,
) -> tuple[Runs, bool]:
    """Train jobs as `train_jobs` does, and say whether Ctrl-C ended it; for callers who make more of the runs.

    `ahead` is as for `groups`, `unit` that of the losses that are shown.
    """
    start = time.perf_counter() if start is None else start
    found: list[Run | None] = [None] * len(jobs)
    with ExitStack() as opened:
        interrupt = opened.enter_context(Interrupt())
        parts = _in_budget(groups(jobs, ahead=ahead), jobs) if engine == "auto" else _alone(jobs)
        kept = None
        if checkpoint is not None:
            kept = KeptCall(checkpoint, checkpoint_every, jobs, engine, [part.jobs for part in parts])
            opened.enter_context(kept.checkpoint)
        for number, together in enumerate(parts):
            mine = [jobs[i] for i in together.jobs]
            line = None
            if verbose:
                line = ProgressLine(
                    epochs=max(job.plan.epochs for job in mine),
                    steps_per_epoch=-(-mine[0].data.num_rows // mine[0].plan.batch_size),
                    of=_who(together.jobs, len(jobs)),
                    unit=unit,
                )
                line.on_train_begin()
            mine = [replace(job, plan=replace(job.plan, progress=line, interrupt=interrupt)) for job in mine]
            try:
                for i, run in zip(together.jobs, _trained(mine, together, number, engine, kept), strict=True):
                    found[i] = run
            finally:
                if line is not None:
                    line.close()
            if interrupt.requested:
                break
    runs = tuple(run for run in found if run is not None)
    return Runs(runs, _how(runs), time.perf_counter() - start), interrupt.requested


def _who(jobs: Sequence[int], number: int) -> str:
    """Say which of a call's networks train, counted from 1; nothing of one alone."""
    if number == 1:
        return ""
    if len(jobs) == number:
        return f"{number} networks"
    if len(jobs) == 1:
        return f"network {jobs[0] + 1} of {number}"
    return f"{len(jobs)} of {number} networks"


def _trained(jobs: Sequence[Job], together: Together, number: int, engine: str, kept: KeptCall | None) -> list[Run]:
    """Train the jobs of one part of a call, and judge each."""
    begin = time.perf_counter()
    steps_before = [steps_of(job.model) for job in jobs]
    if together.network is not None:
        with nullcontext() if kept is None else kept.of_part(number) as state:
            outcomes = train(jobs, together.network, state, None if kept is None else kept.every)
        used = [EngineUsed(NAME, outcome.how, together.why) for outcome in outcomes]
    else:
        (job,) = jobs
        plan = job.plan
        chosen, why = choose(engine, job.model, job.data.arrays, plan.callbacks)
        plan = epoch_by_epoch(plan, kept=kept is not None)
        with nullcontext() if kept is None else kept.of_part(number) as state:
            if kept is not None and state is not None:
                resume = Resume(state, kept.every, job.model, plan.callbacks)
                steps_before = [resume.first_steps]
                plan = replace(plan, resume=resume)
            jobs = [replace(job, plan=plan)]
            outcomes = chosen.train(jobs)
        used = [EngineUsed(chosen.name, outcomes[0].how, together.why or why)]
    seconds = time.perf_counter() - begin
    return [
        judged(job, outcome, name, seconds=seconds, interrupted=job.plan.interrupt.requested,
               steps=steps_of(job.model) - (before if outcome.first_steps is None else outcome.first_steps))
        for job, outcome, name, before in zip(jobs, outcomes, used, steps_before, strict=True)
    ]  # fmt: skip


def _over_seeds(
    model: Any, x: Any, y: Any, *, seeds: int | Sequence[int], seed: Any, epochs: Any, batch_size: Any, patience: Any,
    validation_data: Any, validation_split: float, engine: str, verbose: str | int, start: float, shuffle: bool,
    callbacks: list[keras.callbacks.Callback], refit: bool, checkpoint: Any, checkpoint_every: int | None,
    **options: Any,
) -> Runs:  # fmt: skip
    """Train copies of one model with fresh weights, all on the rows of one split."""
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"seeds= makes copies of one model. Received: models is a {type(model).__name__}. "
            "Pass the model, or leave seeds out and pass a list of models."
        )
    if isinstance(seeds, int | np.integer) and not isinstance(seeds, bool):
        require_whole("seeds", seeds, 1)
        seeds = range(int(seeds))
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise ValueError(f"seeds is a number of copies, or a list of seeds. Received: seeds={seeds!r}.")
    drawn: list[int] = [*seeds]
    for own in (*drawn, seed):
        require_whole("seeds", own, 0)
    if len({*drawn}) < len(drawn) or not drawn:
        raise ValueError(f"seeds={drawn} has one of them twice, or none: equal seeds give equal networks.")
    if patience is not None:
        require_watched(patience, validation_data, validation_split)
    data = prepare(model, x, y, validation_data=validation_data, validation_split=validation_split, seed=seed,
                   like=None if refit else expected_of(model), **options)  # fmt: skip
    require_monitored(model, callbacks, validates=data.validation is not None)
    plan = Plan(epochs, batch_size, shuffle, 0, patience=patience)
    for name in ("epochs", "batch_size"):
        require_whole(name, getattr(plan, name), 1)
    jobs = [Job(fresh(model, own, data), data, replace(plan, seed=own, callbacks=deepcopy(callbacks))) for own in drawn]
    return train_jobs(jobs, engine=engine, verbose=verbose, start=start, checkpoint=checkpoint,
                      checkpoint_every=checkpoint_every)  # fmt: skip


def fresh(model: keras.Model, seed: int, data: TrainingData) -> keras.Model:
    """Make a copy of a compiled model with weights drawn anew from this seed; the model stays as it is.

    Raises:
        ValueError: for a model that its configuration does not make again.
    """
    scale = keras.layers.Normalization  # which `made_again` copies
    strange = [layer for layer in model._flatten_layers() if hasattr(layer, "adapt") and type(layer) is not scale]
    if strange:
        raise ValueError(
            f"The layer {strange[0].name!r} was adapted to data, which no configuration tells. Pass a list of models "
            "instead of seeds=."
        )
    try:
        with seeded(seed):
            copy = made_again(model, _without_seeds(model.get_config()), (None, *data.x.shape[1:]))
        compile_like(copy, model)
    except Exception as error:  # whatever the user's classes raise
        raise ValueError(
            f"This model cannot be made again from its configuration ({error}). Pass a list of models instead of seeds="
        ) from error
    for mine, theirs in zip(copy._flatten_layers(include_self=False), model._flatten_layers(include_self=False),
                            strict=True):  # fmt: skip
        if not theirs.trainable and theirs.weights:  # a body that was trained elsewhere
            mine.set_weights(theirs.get_weights())
    return copy


def _without_seeds(config: Any) -> Any:
    if isinstance(config, dict):
        return {name: None if name == "seed" else _without_seeds(value) for name, value in config.items()}
    return [_without_seeds(item) for item in config] if isinstance(config, list) else config


def _as_models(models: Any) -> list[keras.Model]:
    if isinstance(models, keras.Model):
        raise ValueError("fit_many trains many models. Pass a list of them, or seeds=8 for copies of this one.")
    if callable(models) or isinstance(models, str | Mapping) or not isinstance(models, Iterable):
        raise TypeError(f"models is a list of compiled Keras models. Received: {type(models).__name__}.")
    models = list(models)
    if not models:
        raise ValueError("fit_many received no models. Expected a list of compiled Keras models.")
    for model in models:
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"models is a list of compiled Keras models. Received: a {type(model).__name__} among them. "
                "Call a function that builds one."
            )
    if len({id(model) for model in models}) < len(models):
        raise ValueError("The same model is in the list twice, and would be trained twice. Pass copies.")
    return models


def _each(name: str, value: Any, number: int) -> list[Any]:
    """Give each model its own value; one value stands for all."""
    values = [*value] if isinstance(value, list | tuple | np.ndarray | range) else [value] * number
    if len(values) != number:
        raise ValueError(
            f"{name} has {len(values)} values for {count(number, 'model')}. Expected one, or one for each."
        )
    for one in values:
        if name != "patience" or one is not None:
            require_whole(name, one, 0 if name == "seed" else 1)
    return values


def takes(model: keras.Model) -> Any:
    """Write down all that decides how rows are read for a model, and what is in their way, but for names."""
    if type(model) is not keras.Sequential:
        return id(model)
    spec = describe_model(model)
    names: dict[str | None, int] = {None: -1}

    def number(name: str | None) -> Any:
        return names.setdefault(name, len(names))

    layers = [(number(one.name), one.kind, one.activation, one.home, [*map(number, one.after or ())], one.is_trainable,
               {**one.settings}) for one in spec.layers]  # fmt: skip
    inputs = [(number(one.name), number(one.layer), one.shape) for one in spec.inputs]
    outputs = [(number(one.name), number(one.layer), number(one.made_by),
                replace(one, name=None, layer=None, made_by=None)) for one in spec.outputs]  # fmt: skip
    return repr((layers, inputs, outputs, spec.has_own_step, spec.optimizer, spec.learning_rate))


def with_one_of_each(data: TrainingData, known: list[np.ndarray]) -> TrainingData:
    """Put arrays that have been met before in the place of their equals, so that they are held once."""

    def one(array: Any) -> Any:
        if not isinstance(array, np.ndarray):
            return array
        for other in known:
            if array is other or (
                array.shape == other.shape and array.dtype == other.dtype and np.array_equal(array, other)
            ):
                return other
        known.append(array)
        return array

    validation = None if data.validation is None else tuple(map(one, data.validation))
    return replace(data, x=one(data.x), y=one(data.y), sample_weight=one(data.sample_weight), validation=validation)


def _in_budget(found: Sequence[Together], jobs: Sequence[Job]) -> list[Together]:
    """Split groups whose weights, moments and best copies would take too much memory."""
    parts = []
    for together in found:
        each = max(jobs[i].model.count_params() for i in together.jobs) * 4 * 8
        most = max(1, int(MOST_BYTES // max(each, 1)))
        parts += [replace(together, jobs=together.jobs[i : i + most]) for i in range(0, len(together.jobs), most)]
    return parts


def _alone(jobs: Sequence[Job]) -> list[Together]:
    return [Together((i,)) for i in range(len(jobs))]


def _how(runs: Sequence[Run]) -> str:
    """Say which engines trained how many of the networks, and why."""
    numbers: dict[str, int] = {}
    for run in runs:
        numbers[str(run.engine)] = numbers.get(str(run.engine), 0) + 1
    return "; ".join(f"{count(number, 'network')} by {engine}" for engine, number in numbers.items())
