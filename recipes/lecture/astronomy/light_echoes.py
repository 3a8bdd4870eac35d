"""Networks against a matched filter on simulated light echoes: precision, recall and AP50, each over several splits."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count, did_you_mean, show_values
from recipes.lecture.astronomy.boxes import Detections, PrecisionRecall, precision_recall
from recipes.lecture.astronomy.detector import (
    build_detector,
    cell_targets,
    find,
    require_side,
    require_sigmas,
    shifted,
    turned,
)
from recipes.lecture.astronomy.echoes import Scenes, as_scenes, simulate_echoes
from recipes.lecture.astronomy.matched_filter import MatchedFilter
from recipes.running.show import as_columns, as_html
from recipes.training.fit import fit
from recipes.training.run import Run

LECTURE_POINT = (0.70, 0.80)  # recall and precision on the slide: of real fields, so for orientation alone
TRAINING_SCENES = 19  # as many fields as AILE was trained on
SPLITS = 5
SEED = 2  # of the scenes that methods are compared on; nothing has been chosen on them
CLEAR_SEED = 5  # of scenes without streaks
FILTER, PLAIN, ATTENTION = "matched filter", "network", "network with attention"
METHODS = (FILTER, PLAIN, ATTENTION)
SHIFTS, EPOCHS, BATCH, RATE = 10, 4, 8, 2e-3  # chosen on the scenes of seed 0
# What `tune_filter(simulate_echoes(TUNING_SCENES, seed=TUNING_SEED))` chooses, in minutes.
TUNING_SCENES, TUNING_SEED = 19, 1
TUNED = MatchedFilter(clip=0.7, width=4.5, lengths=(28.0, 45.0, 65.0), stretch=0.8, most=0.0)


@dataclass(frozen=True)
class Judged:
    """One method on one split.

    Attributes:
        curve: Precision and recall on the scenes that it has not seen.
        found: What it found in each of them.
        seconds: For training and finding together.
        run: How the network was trained; `None` for the filter.
    """

    curve: PrecisionRecall
    found: list[Detections] = field(repr=False)
    seconds: float
    run: Run | None = field(default=None, repr=False)


@dataclass(frozen=True)
class LightEchoes:
    """Methods of finding light echoes, compared on the same simulated scenes.

    Attributes:
        scenes: All of them.
        splits: For each split the rows that train and those that test.
        judged: By method, one for each split.
    """

    scenes: Scenes = field(repr=False)
    splits: list[tuple[np.ndarray, np.ndarray]] = field(repr=False)
    judged: Mapping[str, list[Judged]]

    def average_precisions(self, method: str) -> np.ndarray:
        """Give a method's AP50 on each split.

        Raises:
            ValueError: for a method that was not compared.
        """
        require_method(method, self.judged)
        return np.array([each.curve.average_precision for each in self.judged[method]])

    @cached_property
    def rows(self) -> list[tuple[str, ...]]:
        """The table: method, AP50 and its spread, precision at the lecture's recall, parameters, seconds a split."""
        rows: list[tuple[str, ...]] = []
        for method, each in self.judged.items():
            found = self.average_precisions(method)
            spread = f" ± {found.std(ddof=1):.3f}" if len(found) > 1 else ""
            precise = np.median([one.curve.precision_at(LECTURE_POINT[0]) for one in each])
            size = f"{each[0].run.model.count_params():,}" if each[0].run else ""
            seconds = np.median([one.seconds for one in each])
            rows.append((method, f"{found.mean():.3f}{spread}", f"{precise:.2f}", size, f"{seconds:.0f}"))
        return rows

    def __str__(self) -> str:
        train, test = (len(part) for part in self.splits[0])
        head = ("method", "AP50", f"precision at recall {LECTURE_POINT[0]:g}", "parameters", "seconds")
        learnt = count(train, "scene")
        said = f"{count(len(self.splits), 'split')}, each with {learnt} to learn from and {test} to be judged on"
        return "\n".join([f"Simulated light echoes: {said}", *as_columns([head, *self.rows])])

    def _repr_html_(self) -> str:
        facts = {f"AP50 of {count(len(self.splits), 'split')}, {row[0]}": row[1] for row in self.rows}
        return as_html("Simulated light echoes", facts)

    def plot(self) -> Any:
        """Draw a scene with what was found, and precision against recall with the lecture's point."""
        from recipes.plots.lecture.echoes import draw_echoes

        return draw_echoes(self)


@known_arguments_only
def compare_detectors(
    methods: str | Sequence[str] = METHODS,
    *,
    splits: int = SPLITS,
    training_scenes: int = TRAINING_SCENES,
    shifts: int = SHIFTS,
    epochs: int = EPOCHS,
    seed: int = SEED,
    say: Callable[[str], None] | None = None,
) -> LightEchoes:
    """Compare methods of finding light echoes in simulated scenes that they have not seen.

    There are five times as many scenes as train; a split trains on its fifth and is judged on the other four. Turns and
    shifts of a scene go where the scene goes. The filter has been tuned on scenes of another seed.

    Args:
        methods: Some of `METHODS`, each once, or one of them.
        splits: How many, from 1 to 5; those of fewer are the first of those of more.
        training_scenes: In each.
        shifts: How often a network sees each scene in each of its eight orientations, shifted anew, in one epoch.
        epochs: Of a network.
        seed: Of scenes, splits, weights and the order of the batches.
        say: Is told, in a line, what each method got on each split.

    Returns:
        Curves by method and split, with a table and `plot()`.

    Raises:
        ValueError: for a method or a number of splits that there is not, and for a method twice.
    """
    methods = as_methods(methods, METHODS, "splits")
    for name, value in (("splits", splits), ("training_scenes", training_scenes), ("shifts", shifts),
                        ("epochs", epochs)):  # fmt: skip
        require_whole(name, value, 1)
    if splits > SPLITS:
        raise ValueError(f"There are {SPLITS} splits. Received: splits={splits}.")
    scenes = simulate_echoes(SPLITS * training_scenes, seed=seed)
    parts = split_scenes(len(scenes), SPLITS, seed)[:splits]
    judged: dict[str, list[Judged]] = {method: [] for method in methods}
    for number, (train, test) in enumerate(parts):
        for method in methods:
            one = _judge(method, scenes.take(train), scenes.take(test), shifts, epochs, seed + number)
            judged[method].append(one)
            if say:
                say(f"split {number + 1}, {method}: AP50 {one.curve.average_precision:.3f}, {one.seconds:.0f} s")
    return LightEchoes(scenes, parts, judged)


def judge_without_streaks(found: LightEchoes, *, seed: int = CLEAR_SEED) -> dict[str, np.ndarray]:
    """Judge the same filter and the trained networks on other scenes that no satellite has crossed.

    Args:
        found: What `compare_detectors` returns.
        seed: Of these scenes, as many as a split tests.

    Returns:
        AP50 by method, one for each split; the filter's are all the same.
    """
    clear = simulate_echoes(len(found.splits[0][1]), seed=seed, most_streaks=0)
    return {
        method: np.array([
            precision_recall(find(one.run.model, clear.images) if one.run else TUNED.find(clear.images), clear.boxes)
            .average_precision for one in judged
        ])
        for method, judged in found.judged.items()
    }  # fmt: skip


def split_scenes(num_scenes: int, splits: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split scenes so that each trains once and is among the others' tests: rows that train, rows that test."""
    order = np.random.default_rng(seed).permutation(num_scenes)
    return [(np.sort(part), np.setdiff1d(order, part)) for part in np.array_split(order, splits)]


def train_detector(
    scenes: Scenes, *, attention: bool = False, shifts: int = SHIFTS, epochs: int = EPOCHS, seed: int = 0
) -> Run:
    """Train a detector on scenes, each in eight orientations and shifted anew; one epoch sees all of them.

    Args:
        scenes: To learn from.
        attention: Whether cells may ask one another.
        shifts: How often each orientation of a scene is there.
        epochs: Over all of these.
        seed: Of the shifts, the weights and the order of the batches.

    Returns:
        The `Run`, which `find` takes.

    Raises:
        ValueError: as `as_scenes`; for a side that is no multiple of 16, and images that are not in standard deviations
            of the noise.
    """
    require_whole("shifts", shifts, 1)
    require_whole("epochs", epochs, 1)
    scenes = as_scenes(scenes)
    require_side(scenes.images.shape[1])
    require_sigmas(scenes.images)
    seen = shifted(turned(scenes), shifts, seed=seed)
    steps = epochs * -(-len(seen) // BATCH)
    model = build_detector(side=seen.images.shape[1], attention=attention, learning_rate=warmed_cosine(RATE, steps),
                           seed=seed)  # fmt: skip
    return fit(model, seen.images[..., None], cell_targets(seen.boxes, seen.images.shape[1]), epochs=epochs,
               batch_size=BATCH, seed=seed, verbose=0)  # fmt: skip


def warmed_cosine(highest: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Make a rate that rises from 0 in a twentieth of the steps, and then falls along a cosine to a hundredth."""
    warming = max(1, steps // 20)
    return keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - warming), alpha=0.01, warmup_target=highest,
                                                  warmup_steps=warming)  # fmt: skip


def as_methods(methods: str | Iterable[str], known: Sequence[str], again: str) -> tuple[str, ...]:
    """Read the names of methods, or a single one.

    Args:
        methods: What was asked for.
        known: The methods that there are.
        again: The argument by which a method is trained more than once.

    Raises:
        ValueError: for a method that there is not, one that is named twice, and none at all.
    """
    if not isinstance(methods, Iterable):
        raise ValueError(f"methods must be some of {', '.join(known)}. Received: methods={methods!r}.")
    names = (methods,) if isinstance(methods, str) else tuple(methods)
    if not names:
        raise ValueError(f"methods must name one or more. Received: none. Expected some of {', '.join(known)}.")
    for name in names:
        require_method(name, known, "some of")
        if names.count(name) > 1:
            raise ValueError(
                f"methods must name each method once. Received: {show_values(names)}. "
                f"For the spread of several trainings pass {again}=2 or more."
            )
    return names


def require_method(method: str, known: Iterable[str], expected: str = "one of") -> None:
    """Refuse a method that there is not.

    Args:
        method: Its name.
        known: Those that there are.
        expected: How many may be named.

    Raises:
        ValueError: saying so, with the one that may be meant.
    """
    names = list(known)
    if method not in names:
        hint = did_you_mean(method, names)
        raise ValueError(f"Unknown method. Received: {method!r}. Expected {expected} {', '.join(names)}.{hint}")


def _judge(method: str, train: Scenes, test: Scenes, shifts: int, epochs: int, seed: int) -> Judged:
    """Train where there is something to train, find, and compare with the truth."""
    start, run = time.perf_counter(), None
    if method == FILTER:
        found = TUNED.find(test.images)
    else:
        run = train_detector(train, attention=method == ATTENTION, shifts=shifts, epochs=epochs, seed=seed)
        found = find(run.model, test.images)
    return Judged(precision_recall(found, test.boxes), found, time.perf_counter() - start, run)
