"""How do the optimizers go down the same loss? Six of them on the slope and the intercept of one line, and a slider.

Expected: iris petals, width from length. In centimetres the loss is a narrow valley, 105 times as curved across as
along: plain descent falls into it within a few steps and then creeps, and after 100 every optimizer is somewhere else.
With the lengths standardised the same loss is a round bowl, and they arrive. Which rate is good depends on the
optimizer: those printed lie a factor of 1,000 apart. `descent.html` moves with a slider. Half a minute.
Your own points: `--csv FILE --columns X Y`.
Reference: B. Polyak (1964); J. Duchi et al. (2011); M. Zeiler (2012), arXiv 1212.5701; T. Tieleman and G. Hinton
(2012); D. Kingma and J. Ba (2015), arXiv 1412.6980.
"""

import argparse
from pathlib import Path

import numpy as np

from recipes import load_data
from recipes.lecture.own import read_numbers
from recipes.lecture.training.descent import descend
from recipes.plots import plot_descent_losses, plot_surface, save_page
from recipes.plots.style import new_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer steps and frames")
    parser.add_argument("--csv", type=Path, help="a table of one's own, in the place of iris")
    parser.add_argument("--columns", nargs=2, metavar=("X", "Y"), help="its two columns of numbers")
    parser.add_argument("--loss", default="mean_squared_error", help="or mean_absolute_error")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figures; replaces old ones")
    options = parser.parse_args()
    if options.csv and not options.columns:
        parser.error("--csv goes with --columns X Y")

    x, y, names = read_csv(options.csv, options.columns) if options.csv else iris()
    settings = {"loss": options.loss, "steps": 10 if options.quick else options.steps}
    raw = descend(x, y, names=names, **settings)
    standardised = descend((x - x.mean()) / x.std(), y, names=(f"standardised {names[0]}", names[1]), **settings)
    print(raw, standardised, sep="\n\n", end="\n\n")

    figure = new_figure((10.5, 10))
    for descent, axes in zip((raw, standardised), figure.subplots(2, 2), strict=True):
        plot_surface(descent, axes[0], title=f"{descent.lines.names[1]} = slope · {descent.lines.names[0]} + intercept")
        plot_descent_losses(descent, axes[1])
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "descent.png"
    figure.savefig(path, dpi=150)
    print(f"figure: {path}")
    text = (
        "Left the points and the line at which each optimizer is, in the middle the loss of every line, right the way."
    )
    page = save_page(options.out / "descent.html", "Down the loss of a line", raw.frames(2 if options.quick else 40),
                     text=text)  # fmt: skip
    print(f"page: {page}")


def iris() -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    """Petals' length and width."""
    petals = load_data("iris").x[:, 2:].astype(float)
    return petals[:, 0], petals[:, 1], ("petal length [cm]", "petal width [cm]")


def read_csv(path: Path, columns: list[str]) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    """Two columns of the user's table."""
    x, y = read_numbers(path, columns).T
    return x, y, (columns[0], columns[1])


if __name__ == "__main__":
    main()
