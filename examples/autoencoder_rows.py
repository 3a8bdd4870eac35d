"""Do the course notebook's nine autoencoder results come out again, and can they be beaten?

Trains the notebook's rows 1-9 on MNIST with its settings, each row going on from the one before where the notebook did,
and beside them our own settings for the same two bottlenecks. Expected: every final val_loss within 5 % of the printed
one or below it; row 3 is named a posterior collapse, row 4 is its cure. Stopped at any moment, the same command goes on
where it was. `--quick` trains rows 1-4 for a few epochs on the 8x8 digits, which need no download.
Reference: F. Bianco, autoencode-digits (2023), course notebook; G. Hinton and R. Salakhutdinov (2006),
doi:10.1126/science.1127647.
"""

import argparse
import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import matplotlib.pyplot as plt
import numpy as np

from recipes import Run, build_autoencoder, fit, load_data
from recipes.plots import plot_runs

BATCH_SIZE = 100
TOLERANCE = 0.05  # above the printed validation loss
MSE, BCE = "mean_squared_error", "binary_crossentropy"


@dataclass(frozen=True)
class Row:
    """One training run. One without a network goes on with the model of the row `after`, recompiled or not."""

    name: str
    epochs: int  # at most
    goal: float  # val_loss: printed in the notebook, or asked of ours
    network: str | None = None
    after: str | None = None
    activation: str | None = None
    loss: str | None = None
    optimizer: str | None = None
    rate: float | None = None
    early_stopping: bool = False
    cosine: bool = False  # the rate falls to 0 along half a cosine

    def describe(self) -> str:
        start = f"row {self.after}" if self.after else self.network
        loss = {MSE: "MSE", BCE: "crossentropy"}.get(self.loss or "")
        optimizer = f"{self.optimizer} {self.rate:g}{' to 0' if self.cosine else ''}" if self.optimizer else None
        parts = (
            start,
            self.activation,
            loss,
            optimizer or "trained on",
            "stops early" if self.early_stopping else None,
        )
        return ", ".join(part for part in parts if part)

    def build(self, x: np.ndarray, seed: int, models: dict[str, keras.Model]) -> keras.Model:
        """The model that this row trains, compiled."""
        if self.after is not None:
            model = models[self.after]
        else:
            model = build_autoencoder(preset=self.network, x=x, activation=self.activation, seed=seed)
        if self.optimizer is not None:
            steps = self.epochs * -(-len(x) // BATCH_SIZE)
            rate = keras.optimizers.schedules.CosineDecay(self.rate, steps) if self.cosine else self.rate
            optimizer = keras.optimizers.get({"class_name": self.optimizer, "config": {"learning_rate": rate}})
            model.compile(optimizer, self.loss)
        return model


NOTEBOOK = [
    Row("1", 20, 0.1097, "notebook-64", None, "linear", MSE, "adadelta", 0.001),
    Row("2", 40, 0.0935, after="1"),
    Row("3", 80, 0.0654, after="2", early_stopping=True),
    Row("4", 20, 0.0157, after="3", loss=MSE, optimizer="adam", rate=0.01),
    Row("5", 40, 0.0043, "notebook-64", None, "sigmoid", MSE, "adam", 0.001, early_stopping=True),
    Row("6", 20, 0.0738, after="5", loss=BCE, optimizer="adadelta", rate=0.1, early_stopping=True),
    Row("7", 200, 0.1220, "notebook-16", None, "sigmoid", BCE, "adadelta", 0.1),
    Row("8", 200, 0.1151, after="7", early_stopping=True),
    Row("9", 400, 0.1036, after="8"),
]
OURS = [
    Row("dense-64", 30, 0.0034, "dense-64", None, "sigmoid", MSE, "adam", 0.001, cosine=True),
    Row("conv-64", 30, 0.0034, "conv-64", None, "sigmoid", MSE, "adam", 0.002, cosine=True),
    Row("dense-16", 60, 0.0855, "dense-16", None, "sigmoid", BCE, "adam", 0.001, cosine=True),
    Row("conv-16", 30, 0.0855, "conv-16", None, "sigmoid", BCE, "adam", 0.001, cosine=True),
]
ROWS = {row.name: row for row in (*NOTEBOOK, *OURS)}


def chain(row: Row) -> list[Row]:
    """The rows that this one goes on from, and itself."""
    return [*(chain(ROWS[row.after]) if row.after else []), row]


def train(row: Row, model: keras.Model, x: np.ndarray, x_test: np.ndarray, seed: int, folder: Path) -> Run:
    stopping = [keras.callbacks.EarlyStopping("val_loss", patience=5, min_delta=1e-4)] if row.early_stopping else []
    return fit(
        model,
        x,
        validation_data=x_test,
        epochs=row.epochs,
        batch_size=BATCH_SIZE,
        callbacks=stopping,
        seed=seed,
        checkpoint=folder / f"seed-{seed}" / f"row-{row.name}",
    )


@dataclass(frozen=True)
class Result:
    """What is left of a row once later rows have trained its model on."""

    run: Run
    alive: str  # of the encoder's ReLU units, how many fire at all; empty where it has others

    @property
    def val_loss(self) -> float:
        return self.run.history["val_loss"][-1]


def living_units(model: keras.Model, x: np.ndarray) -> str:
    """How many of the encoder's ReLU units fire for at least one image? A unit that never does learns no more."""
    values, fire, units = x, 0, 0
    for layer in model.get_layer("encoder").layers:
        values = np.asarray(layer(values))
        if getattr(layer, "activation", None) is keras.activations.relu:
            fire, units = fire + int((values.max(axis=0) > 0).sum()), units + values.shape[1]
    return f"{fire}/{units}" if units else ""


def table(results: dict[tuple[str, int], Result], seeds: list[int]) -> str:
    """Markdown: for each row what was asked, what came out, and the verdict on the first seed's curve."""
    lines = [
        "| row | start and settings | parameters | epochs | asked | ours | difference | ReLUs alive | s | verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in ROWS.values():
        if (row.name, seeds[0]) not in results:
            continue
        of_seed = [results[row.name, seed] for seed in seeds]
        first = of_seed[0].run
        ends = [result.val_loss for result in of_seed]
        middle = float(np.median(ends))
        spread = f" ({min(ends):.4f} to {max(ends):.4f})" if len(ends) > 1 else ""
        epochs, alive = (
            "; ".join(dict.fromkeys(texts))
            for texts in ([str(result.run.epochs) for result in of_seed], [result.alive for result in of_seed])
        )
        lines.append(
            f"| {row.name} | {row.describe()} | {first.model.count_params():,} | {epochs} | {row.goal:.4f} "
            f"| {middle:.4f}{spread} | {middle / row.goal - 1:+.1%} | {alive} "
            f"| {np.median([result.run.seconds for result in of_seed]):.0f} "
            f"| {first.findings[0].rule.replace('_', ' ')} |"
        )
    return "\n".join(lines)


def machine() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy"))
    return f"{platform.processor() or platform.machine()}, {versions}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS), help="such as 1,5; the rows that they go on from come along")
    parser.add_argument("--seeds", default="0", help="such as 0,1,2")
    parser.add_argument("--runs", type=Path, default=Path("runs/autoencoder"), help="folder for the states of the runs")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    parser.add_argument("--quick", action="store_true", help="a few epochs of rows 1-4 on the 8x8 digits")
    options = parser.parse_args(arguments)
    if options.quick:
        quick()
        return
    unknown = [name for name in options.rows.split(",") if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]!r}; the rows are {', '.join(ROWS)}")
    data = load_data("mnist")
    x, x_test = data.x.reshape(-1, 784), data.x_test.reshape(-1, 784)
    wanted = {row.name for name in options.rows.split(",") for row in chain(ROWS[name])}
    seeds = [int(seed) for seed in options.seeds.split(",")]
    rows = [row for row in ROWS.values() if row.name in wanted]
    results = train_all(rows, seeds, x, x_test, options.runs)
    print(f"\nMNIST, batches of {BATCH_SIZE}, seeds {options.seeds}; val_loss at the end. {machine()}\n")
    print(table(results, seeds))
    missed = [
        f"{name} (seed {seed})"
        for (name, seed), result in results.items()
        if result.val_loss > ROWS[name].goal * (1 + TOLERANCE * (ROWS[name] in NOTEBOOK))
    ]
    print(f"\nabove the printed value by more than {TOLERANCE:.0%}: {', '.join(missed) or 'none'}")
    draw(results, seeds[0], options.out / "autoencoder_rows.png")


def quick() -> None:
    """Rows 1-4 for three epochs each, on the 8x8 digits enlarged to the notebook's 28x28."""
    digits = load_data("digits").x[..., 0]
    x = np.pad(np.kron(digits, np.ones((1, 3, 3), np.float32)), ((0, 0), (2, 2), (2, 2))).reshape(-1, 784)
    rows = [replace(row, epochs=3) for row in NOTEBOOK[:4]]
    with TemporaryDirectory() as folder:
        print(table(train_all(rows, [0], x[360:], x[:360], Path(folder)), [0]))


def train_all(
    rows: list[Row], seeds: list[int], x: np.ndarray, x_test: np.ndarray, folder: Path
) -> dict[tuple[str, int], Result]:
    results: dict[tuple[str, int], Result] = {}
    for seed in seeds:
        models: dict[str, keras.Model] = {}
        for row in rows:
            models[row.name] = row.build(x, seed, models)
            print(f"row {row.name}, seed {seed}: {row.describe()}", flush=True)
            run = train(row, models[row.name], x, x_test, seed, folder)
            result = results[row.name, seed] = Result(run, living_units(run.model, x_test[:2000]))
            asked = "printed" if row in NOTEBOOK else "asked"
            print(f"  {asked} {row.goal:.4f}, ours {result.val_loss:.4f}", *run.findings, sep="\n  ", flush=True)
    return results


def draw(results: dict[tuple[str, int], Result], seed: int, path: Path) -> None:
    """All rows' validation losses on one pair of logarithmic axes, with their verdicts."""
    chains = [chain(row) for row in ROWS.values() if not any(other.after == row.name for other in ROWS.values())]
    drawn = {}
    for rows in chains:
        present = [row for row in rows if (row.name, seed) in results]
        if present:
            names = f"rows {present[0].name}-{present[-1].name}" if len(present) > 1 else f"row {present[0].name}"
            drawn[f"{names}: {present[0].describe()}"] = [results[row.name, seed].run for row in present]
    figure, ax = plt.subplots(figsize=(11, 6), layout="constrained")
    plot_runs(drawn, ax)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


if __name__ == "__main__":
    main()
