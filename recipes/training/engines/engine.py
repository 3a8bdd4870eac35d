"""What `fit` asks of an engine, and which engine a run gets.

An engine is a module with `train(model, data, plan) -> Outcome`. Two exist: `tensorflow/loop.py` and
`keras_fit.py` (`model.fit`, any backend); one for Keras' JAX backend would stand beside them.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from recipes.running.interrupt import Interrupt
from recipes.running.memory import free_memory
from recipes.training.data.prepare import TrainingData
from recipes.training.engines.resume import Resume

ENGINES = ("auto", "resident", "search", "keras")
MEMORY_SHARE = 0.5  # of the free memory that the resident copy of the data may take


@dataclass(frozen=True)
class Plan:
    """How to train, whatever engine does it.

    Attributes:
        progress: A callback of our own that only looks at the logs; it may be told of several epochs at once.
        interrupt: Its `requested` asks the engine to end at the next clean place.
        resume: Where the run goes on from, and what takes its states; `None` keeps nothing on disk.
        widen: Whether this is one of many runs of networks that differ in widths and rates, so that a program for all
            of them pays (`tensorflow/wide.py`).
    """

    epochs: int
    batch_size: int
    shuffle: bool
    seed: int
    callbacks: list[keras.callbacks.Callback]
    progress: keras.callbacks.Callback | None = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    resume: Resume | None = None
    widen: bool = False


@dataclass(frozen=True)
class Outcome:
    """What an engine gives back: the history by epoch, and what ran, in words."""

    history: dict[str, list[float]]
    engine: str


Train = Callable[[keras.Model, TrainingData, Plan], Outcome]


def choose(engine: str, model: keras.Model, data: TrainingData, plan: Plan) -> tuple[str, str]:
    """Which engine runs this, and why?

    Returns:
        `("resident", "search" or "keras", reason)`.

    Raises:
        ValueError: for an unknown name, and where `"resident"` is asked for but cannot be.
    """
    if engine not in ENGINES:
        raise ValueError(f"Unknown engine. Received: engine={engine!r}. Expected one of {', '.join(ENGINES)}.")
    if engine == "keras":
        return "keras", "as asked"
    obstacle = _obstacle(model, data, plan)
    if obstacle is None:
        if engine == "search":
            return "search", "one of a search"
        return "resident", "as asked" if engine == "resident" else "arrays that fit in memory"
    if engine == "resident":
        raise ValueError(f"engine='resident' cannot run this: {obstacle}. Use engine='auto' or 'keras'.")
    return "keras", obstacle


def _obstacle(model: keras.Model, data: TrainingData, plan: Plan) -> str | None:
    """Why the resident engine cannot run this; `None` if it can."""
    if data.is_stream:
        return f"x is a {type(data.x).__name__}, not arrays"
    if keras.backend.backend() != "tensorflow":
        return f"Keras' backend is {keras.backend.backend()}, and the resident engine needs tensorflow"
    if model.run_eagerly:
        return "the model is compiled with run_eagerly=True"
    if "tensorflow" in sys.modules and sys.modules["tensorflow"].config.functions_run_eagerly():
        return "TensorFlow is told to run functions eagerly"
    for name in ("train_step", "test_step", "fit", "make_train_function", "make_test_function"):
        if getattr(type(model), name) is not getattr(keras.Model, name):
            return f"{type(model).__name__} has its own {name}"
    if getattr(model, "_distribute_strategy", None) is not None:
        return "the model belongs to a tf.distribute strategy"
    for callback in plan.callbacks:
        if acts_on_batches(callback):
            return f"{type(callback).__name__} acts on batches"
    size, free = data.num_bytes, free_memory()
    if size > MEMORY_SHARE * free:
        return f"the data ({size / 1e9:.1f} GB) exceed {MEMORY_SHARE:.0%} of the free memory ({free / 1e9:.1f} GB)"
    return None


def acts_on_batches(callback: keras.callbacks.Callback) -> bool:
    """Must this callback be called at every batch?

    Some of Keras' own have batch hooks that do nothing in their usual setting, where they act once an epoch.
    """
    own = keras.callbacks
    asleep = (
        (own.TerminateOnNaN, True),  # the engine shows it the epoch's loss, which is NaN if a batch's was
        (own.ModelCheckpoint, getattr(callback, "save_freq", None) == "epoch"),
        (own.BackupAndRestore, getattr(callback, "save_freq", None) == "epoch"),
        (own.TensorBoard, getattr(callback, "update_freq", None) == "epoch" and not _profiles(callback)),
    )
    for hook in ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end",
                 "on_test_batch_begin", "on_test_batch_end"):  # fmt: skip
        if getattr(getattr(callback, hook), "_is_default", False):
            continue
        keras_own = any(
            idle and isinstance(callback, kind) and getattr(type(callback), hook) is getattr(kind, hook)
            for kind, idle in asleep
        )
        if not keras_own:
            return True
    return False


def _profiles(callback: Any) -> bool:
    return bool(getattr(callback, "_start_batch", 0) or getattr(callback, "_stop_batch", 0))
