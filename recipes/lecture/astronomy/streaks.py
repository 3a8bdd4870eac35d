"""Networks against a periodogram with thresholds on simulated streaks: accuracy by class and by signal to noise."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from recipes.lecture.astronomy.extraction import Streaks, as_streaks, simulate_streaks
from recipes.lecture.astronomy.light_echoes import as_methods, require_method, warmed_cosine
from recipes.lecture.astronomy.periodogram import Periodogram
from recipes.lecture.astronomy.readout import CLASSES, ReadoutImage, simulate_readout
from recipes.lecture.astronomy.streak_networks import build_cnn, build_transformer
from recipes.running.show import as_columns, as_html
from recipes.training.fit import fit
from recipes.training.run import Run

PERIODOGRAM, CNN, TRANSFORMER = "periodogram", "CNN", "transformer"
CNN_STRIPS, TRANSFORMER_STRIPS = "CNN on strips", "transformer on strips"
METHODS = (PERIODOGRAM, CNN, TRANSFORMER, CNN_STRIPS, TRANSFORMER_STRIPS)
BUILDERS = {CNN: build_cnn, CNN_STRIPS: build_cnn, TRANSFORMER: build_transformer,
            TRANSFORMER_STRIPS: build_transformer}  # fmt: skip
SNRS = (0.0, 5.0, 10.0, 20.0, np.inf)  # between which accuracies are told apart
SNR_NAMES = ("S/N < 5", "5 to 10", "10 to 20", "> 20")
SEED = 2  # of the images that train; nothing has been chosen on them, nor on those that judge, whose seed is one more
TRAINING_IMAGES, TEST_IMAGES = 1000, 300
EPOCHS, BATCH, RATE = 4, 32, 2e-3  # chosen on the images of seeds 10 to 12
# What `tune_periodogram(simulate_streaks(TUNING_IMAGES, seed=TUNING_SEED))` chooses.
TUNING_IMAGES, TUNING_SEED = 300, 1
TUNED = Periodogram(pulsing=4.24, eclipsed=3.57, flaring=3.78, spike=5, least=8, window=40, lowest=3.0)


@dataclass(frozen=True)
class Judged:
    """One method, trained once.

    Attributes:
        classes: `(n,)`: what it says of each streak that it has not seen, positions in `CLASSES`.
        seconds: For training and saying together.
        run: How the network was trained; `None` for the periodogram.
    """

    classes: np.ndarray = field(repr=False)
    seconds: float
    run: Run | None = field(default=None, repr=False)


@dataclass(frozen=True)
class StreakComparison:
    """Methods of classifying streaks, compared on the same simulated images.

    Attributes:
        test: The streaks that they are judged on.
        judged: By method, one for each time that it was trained.
        image: One of the images that judge.
    """

    test: Streaks = field(repr=False)
    judged: Mapping[str, list[Judged]]
    image: ReadoutImage = field(repr=False)

    def accuracies(self, method: str, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Give the part that is right of the streaks in some rows, all by default, for each time of training.

        Raises:
            ValueError: for a method that was not compared.
        """
        require_method(method, self.judged)
        return np.array([np.mean((one.classes == self.test.classes)[rows]) for one in self.judged[method]])

    @cached_property
    def groups(self) -> dict[str, np.ndarray]:
        """The rows of each class, of each range of signal to noise, and of what a cosmic ray has hit and has not."""
        within = np.digitize(self.test.snr, SNRS[1:-1])
        return (
            {name: np.flatnonzero(self.test.classes == i) for i, name in enumerate(CLASSES)}
            | {name: np.flatnonzero(within == i) for i, name in enumerate(SNR_NAMES)}
            | {"hit": np.flatnonzero(self.test.hit), "not hit": np.flatnonzero(~self.test.hit)}
        )

    @cached_property
    def rows(self) -> list[tuple[str, ...]]:
        """The table: method, accuracy and its spread, that of each group, parameters, seconds a training."""
        rows: list[tuple[str, ...]] = []
        for method, each in self.judged.items():
            found = self.accuracies(method)
            spread = f" ± {found.std(ddof=1):.3f}" if len(found) > 1 else ""
            parts = [
                f"{self.accuracies(method, rows).mean():.2f}" if len(rows) else "" for rows in self.groups.values()
            ]
            size = f"{each[0].run.model.count_params():,}" if each[0].run else ""
            seconds = np.median([one.seconds for one in each])
            rows.append((method, f"{found.mean():.3f}{spread}", *parts, size, f"{seconds:.0f}"))
        return rows

    def __str__(self) -> str:
        head = ("method", "accuracy", *self.groups, "parameters", "seconds")
        title = f"Simulated streaks: accuracy on {len(self.test):,} that no method has seen"
        return "\n".join([title, *as_columns([head, *self.rows])])

    def _repr_html_(self) -> str:
        return as_html(f"Simulated streaks: accuracy on {len(self.test):,}", {row[0]: row[1] for row in self.rows})

    def plot(self) -> Any:
        """Draw an image, a light curve of each class, and accuracy against signal to noise."""
        from recipes.plots.lecture.streaks import draw_streaks

        return draw_streaks(self)


@known_arguments_only
def compare_classifiers(
    methods: str | Sequence[str] = METHODS,
    *,
    repeats: int = 1,
    training_images: int = TRAINING_IMAGES,
    test_images: int = TEST_IMAGES,
    epochs: int = EPOCHS,
    seed: int = SEED,
    say: Callable[[str], None] | None = None,
) -> StreakComparison:
    """Compare methods of saying what a streak's star does, on images that they have not seen.

    Networks learn from images of one seed, and all are judged on those of the next. The periodogram has been tuned on
    images of yet another.

    Args:
        methods: Some of `METHODS`, each once, or one of them.
        repeats: How often each network is trained, from other weights and in another order, on the same images.
        training_images: Of ten stars each.
        test_images: Likewise.
        epochs: Of a network.
        seed: Of the images that train and, with 0, 1, ... added, of weights and order; those that judge have one more.
        say: Is told, in a line, what each method got.

    Returns:
        What each method says of each streak, with a table and `plot()`.

    Raises:
        ValueError: for a method that there is not, for one twice, and where there is nothing to learn from or to judge
            on.
    """
    methods = as_methods(methods, METHODS, "repeats")
    for name, value in (("repeats", repeats), ("training_images", training_images), ("test_images", test_images),
                        ("epochs", epochs)):  # fmt: skip
        require_whole(name, value, 1)
    require_whole("seed", seed, 0)
    start = time.perf_counter()
    train, test = simulate_streaks(training_images, seed=seed), simulate_streaks(test_images, seed=seed + 1)
    if say:
        say(f"{count(len(train), 'streak')} to learn from, {len(test):,} to be judged on: "
            f"{time.perf_counter() - start:.0f} s")  # fmt: skip
    judged: dict[str, list[Judged]] = {}
    for method in methods:
        times = 1 if method == PERIODOGRAM else repeats  # it has no weights
        judged[method] = [_judge(method, train, test, epochs, seed + number) for number in range(times)]
        if say:
            found = ", ".join(f"{np.mean(one.classes == test.classes):.3f}" for one in judged[method])
            say(f"{method}: accuracy {found}; {sum(one.seconds for one in judged[method]):.0f} s")
    return StreakComparison(test, judged, simulate_readout(np.random.default_rng([seed + 1, 0])))


def train_classifier(streaks: Streaks, method: str, *, epochs: int = EPOCHS, seed: int = 0) -> Run:
    """Train a network, with a rate that rises in a twentieth of the steps and then falls along a cosine.

    Args:
        streaks: To learn from.
        method: One of `BUILDERS`.
        epochs: Over all of them.
        seed: Of weights, dropout and the order of the batches.

    Returns:
        The `Run`; its model takes what `inputs_of` gives.

    Raises:
        ValueError: for a method that is no network, and streaks that are none, have no class or no finite numbers.
    """
    _require_network(method)
    require_whole("epochs", epochs, 1)
    streaks = as_streaks(streaks)
    x = inputs_of(streaks, method)
    rate = warmed_cosine(RATE, epochs * -(-len(x) // BATCH))
    model = BUILDERS[method](x.shape[2], times=x.shape[1], learning_rate=rate, seed=seed)
    return fit(model, x, streaks.classes, epochs=epochs, batch_size=BATCH, seed=seed, verbose=0)


def inputs_of(streaks: Streaks, method: str) -> np.ndarray:
    """Give what a network takes: strips `(n, times, WIDTH)`, or light curves `(n, times, 1)`.

    Raises:
        ValueError: for a method that is no network.
    """
    _require_network(method)
    return streaks.strips if method in (CNN_STRIPS, TRANSFORMER_STRIPS) else streaks.curves[..., None]


def _require_network(method: str) -> None:
    """Refuse a method that has nothing to train."""
    if method == PERIODOGRAM:
        raise ValueError(
            f"{PERIODOGRAM!r} is no network. Expected one of {', '.join(BUILDERS)}. Its thresholds are tuned by "
            "tune_periodogram(streaks), and TUNED.classify(curves) says the classes."
        )
    require_method(method, BUILDERS)


def _judge(method: str, train: Streaks, test: Streaks, epochs: int, seed: int) -> Judged:
    """Train where there is something to train, and say of each streak what it is."""
    start = time.perf_counter()
    if method == PERIODOGRAM:
        return Judged(TUNED.classify(test.curves), time.perf_counter() - start)
    run = train_classifier(train, method, epochs=epochs, seed=seed)
    classes = np.asarray(run.predict(inputs_of(test, method))).argmax(axis=1)
    return Judged(classes, time.perf_counter() - start, run)
