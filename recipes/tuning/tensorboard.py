"""A search as TensorBoard shows it: the curves of every training, and the table of hyperparameters."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from keras_tuner.engine import hyperparameters as hp_types
from tensorboard.plugins.hparams import api

from recipes.tuning.journal import Trial


def write_tensorboard(folder: Path, trials: Iterable[Trial], space: Sequence[Any], objective: str) -> None:
    """Write scalars and HParams of every trained trial; `tensorboard --logdir folder` opens them.

    Args:
        folder: Made where it is missing; each training has a folder `trial_0007/execution-0` of its own in it.
        trials: Of the search.
        space: keras-tuner's hyperparameters.
        objective: Name of the score.
    """
    domains = {parameter.name: api.HParam(parameter.name, _domain(parameter)) for parameter in space}
    with tf.summary.create_file_writer(str(folder)).as_default():
        api.hparams_config(hparams=list(domains.values()), metrics=[api.Metric(f"best_{objective}")])
    for trial in trials:
        for i, execution in enumerate(trial.executions):
            place = folder / f"trial_{trial.id}" / f"execution-{i}"
            if place.exists():
                continue
            with tf.summary.create_file_writer(str(place)).as_default():
                known = {name: value for name, value in trial.hyperparameters.items() if name in domains}
                api.hparams(known, trial_id=f"{trial.id}-{i}")
                tf.summary.scalar(f"best_{objective}", execution.score, step=0)
                for name, values in execution.history.items():
                    for epoch, value in enumerate(values):
                        tf.summary.scalar(f"epoch_{name}", value, step=epoch)


def _domain(parameter: Any) -> Any:
    if isinstance(parameter, hp_types.Float) and parameter.step is None:
        return api.RealInterval(float(parameter.min_value), float(parameter.max_value))
    if isinstance(parameter, hp_types.Int) and parameter.step in (None, 1):
        return api.IntInterval(int(parameter.min_value), int(parameter.max_value))
    if isinstance(parameter, hp_types.Fixed):
        return api.Discrete([parameter.value])
    if isinstance(parameter, hp_types.Boolean):
        return api.Discrete([True, False])
    return api.Discrete(list(parameter.values))
