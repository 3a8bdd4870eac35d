"""A search as TensorBoard shows it: the curves of every training, and the table of hyperparameters."""

import contextlib
import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api

from recipes.running.digests import digest_of_text
from recipes.running.files import write_atomically
from recipes.tuning.oracles._keras_tuner import Boolean, Fixed, Float, Int
from recipes.tuning.record.folder import OtherSearchError
from recipes.tuning.record.journal import Execution, Trial

CURVES = "curves.json"  # which search, and which files are of which training


def require_own_curves(folder: Path, searches: Collection[str]) -> None:
    """Refuse a folder with curves of any search but this and the one that it replaces: they would lie over these.

    Raises:
        OtherSearchError: where those of another search are here.
    """
    if (known := _known(folder)) is not None and known["search"] not in searches:
        raise OtherSearchError(f"{folder} holds the curves of another search. Name another folder for tensorboard.")


def write_tensorboard(folder: Path, search: str, trials: Iterable[Trial], space: Sequence[Any], objective: str) -> None:
    """Write scalars and HParams of every trained trial; `tensorboard --logdir folder` opens them.

    What has been written stays, unless the search was started anew: then its own files are replaced, and no others.

    Args:
        folder: Made where it is missing; each training has a folder `trial_0007/execution-0` of its own in it.
        search: What the search is known by.
        trials: Of the search.
        space: keras-tuner's hyperparameters.
        objective: Name of the score.
    """
    before = (_known(folder) or {"executions": {}})["executions"]
    domains = {parameter.name: api.HParam(parameter.name, _domain(parameter)) for parameter in space}
    with tf.summary.create_file_writer(str(folder)).as_default():
        api.hparams_config(hparams=list(domains.values()), metrics=[api.Metric(f"best_{objective}")])
    now = {}
    for trial in trials:
        for i, execution in enumerate(trial.executions):
            name = f"trial_{trial.id}/execution-{i}"
            place, was = folder / name, before.pop(name, None)
            digest = _digest(trial, execution)
            if place.exists() and (was is None or was["digest"] == digest):
                now[name] = was or {"digest": digest, "files": []}
                continue
            _remove(place, was)
            others = set(_names(place))
            with tf.summary.create_file_writer(str(place)).as_default():
                known = {name: value for name, value in trial.hyperparameters.items() if name in domains}
                api.hparams(known, trial_id=f"{trial.id}-{i}")
                tf.summary.scalar(f"best_{objective}", execution.score, step=0)
                for quantity, values in execution.history.items():
                    for epoch, value in enumerate(values):
                        tf.summary.scalar(f"epoch_{quantity}", value, step=epoch)
            now[name] = {"digest": digest, "files": sorted(set(_names(place)) - others)}
    for name, was in before.items():  # of trials that are no more
        _remove(folder / name, was)
    write_atomically(folder / CURVES, json.dumps({"search": search, "executions": now}).encode())


def _known(folder: Path) -> dict[str, Any] | None:
    """Read whose curves are here, and in which files; `None` where nothing says so."""
    path = folder / CURVES
    return json.loads(path.read_text()) if path.exists() else None


def _digest(trial: Trial, execution: Execution) -> str:
    return digest_of_text(json.dumps([trial.values, execution.score, execution.history]))


def _names(place: Path) -> list[str]:
    return [path.name for path in place.iterdir()] if place.is_dir() else []


def _remove(place: Path, written: dict[str, Any] | None) -> None:
    """Delete the files that were written here, and the folders that this leaves empty."""
    for name in written["files"] if written else ():
        (place / name).unlink(missing_ok=True)
    for folder in (place, place.parent) if written else ():
        with contextlib.suppress(OSError):
            folder.rmdir()


def _domain(parameter: Any) -> Any:
    if isinstance(parameter, Float) and parameter.step is None:
        return api.RealInterval(float(parameter.min_value), float(parameter.max_value))
    if isinstance(parameter, Int) and parameter.step in (None, 1):
        return api.IntInterval(int(parameter.min_value), int(parameter.max_value))
    if isinstance(parameter, Fixed):
        return api.Discrete([parameter.value])
    if isinstance(parameter, Boolean):
        return api.Discrete([True, False])
    return api.Discrete(list(parameter.values))
