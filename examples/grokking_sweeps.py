"""How much weight decay, and how many examples, does grokking need?

Trains a small network on sums modulo 53 for five weight decays and for five shares of the table. Expected: the more
decay, the sooner it generalises, and without decay not within the budget; the fewer examples, the later. Two to four
minutes; stopped at any moment, the same command goes on. Writes one figure.
Reference: A. Power et al. (2022), arXiv 2201.02177, sections 3.1 and 3.3.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt

from recipes import GrokRun, grok

DECAYS = (0.0, 0.1, 0.3, 1.0, 2.0)
FRACTIONS = (0.3, 0.4, 0.5, 0.6, 0.7)
BUDGET = 30_000  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs/grokking_sweeps"), help="folder for the states")
    parser.add_argument("--quick", action="store_true", help="a short run of each sweep")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()
    some = slice(0, 1) if options.quick else slice(None)
    budget = 30 if options.quick else BUDGET
    runs = options.runs if not options.quick else options.runs / "quick"

    sweeps = {
        "weight decay": {
            d: grok(weight_decay=d, max_steps=budget, checkpoint=runs / f"decay-{d}") for d in DECAYS[some]
        },
        "share of the table in training": {
            f: grok(train_fraction=f, max_steps=budget, checkpoint=runs / f"fraction-{f}") for f in FRACTIONS[some]
        },
    }
    for name, of_value in sweeps.items():
        for value, run in of_value.items():
            print(f"{name} {value}: memorised {run.memorised_at}, generalised {run.generalised_at}, {run.kind}")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "grokking_sweeps.png"
    draw(sweeps, budget).savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


def draw(sweeps: dict[str, dict[float, GrokRun]], budget: int):
    """Above, validation accuracy against the step; below, the steps to memorise and to generalise."""
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
    for (curves, ends), (name, of_value) in zip(axes.T, sweeps.items(), strict=True):
        colours = plt.get_cmap("viridis")([0.05 + 0.85 * i / len(of_value) for i in range(len(of_value))])
        for (value, run), colour in zip(of_value.items(), colours, strict=True):
            steps = [max(step, 1) for step in run.history["step"]]
            curves.plot(steps, run.history["val_accuracy"], color=colour, label=f"{value:g}")
        curves.set(xscale="log", xlabel="step", ylabel="validation accuracy", title=name)
        curves.legend(frameon=False, title=name, title_fontsize=9)
        values = [f"{value:g}" for value in of_value]
        for label, marker, found in (
            ("memorised", "o", [run.memorised_at for run in of_value.values()]),
            ("generalised", "s", [run.generalised_at for run in of_value.values()]),
        ):
            reached = [(value, step) for value, step in zip(values, found, strict=True) if step is not None]
            ends.plot(*zip(*reached, strict=True) if reached else ([], []), marker, label=label)
        missing = [value for value, run in of_value.items() if run.generalised_at is None]
        ends.plot(
            [f"{value:g}" for value in missing], [budget] * len(missing), "x", color="0.5", label="not in the budget"
        )
        ends.set(yscale="log", xlabel=name, ylabel="step")
        ends.legend(frameon=False)
        for ax in (curves, ends):
            ax.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
