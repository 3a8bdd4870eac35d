"""How large should a model be? The simplest within one standard error of the best; and where larger is better again.

Expected: from the mass index a straight line predicts the progress of diabetes best (mean squared error 3,738 ± 150),
the degrees up to 6 are as good, 12 is 34 times worse. From all ten columns a linear model is as good as any network, of
which 16 nodes are half as wrong again. On digits, with 64 variables and more rows, a hidden layer pays: 64 nodes have a
crossentropy of 0.14, none 0.22. With as many random features as rows (280) the validation loss rises ten-thousandfold,
and with 3,000 it is less than half of the best before (0.019, 0.048): double descent. Two minutes.
Your own table: `--csv FILE --columns A B --target C --by units`.
Reference: L. Breiman et al. (1984), Classification and Regression Trees, section 3.4.3; M. Belkin et al. (2019), PNAS
116, arXiv 1812.11118.
"""

import argparse
from pathlib import Path

import numpy as np

from recipes import load_data
from recipes.lecture.models.occam import SIZES, Occam, occam
from recipes.lecture.own import read_numbers
from recipes.plots import plot_occam
from recipes.plots.style import new_figure

ROWS = 400  # of the digits, for random features: few enough to have as many parameters as numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, repetitions and epochs")
    parser.add_argument("--csv", type=Path, help="a table of one's own, in the place of diabetes and digits")
    parser.add_argument("--columns", nargs="+", metavar="X", help="its columns of numbers")
    parser.add_argument("--target", metavar="Y", help="its column to be predicted, of numbers")
    parser.add_argument(
        "--by", nargs="+", default=["degree", "units"], choices=[*SIZES], help="with --csv: what to vary"
    )
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()
    if options.csv and not (options.columns and options.target):
        parser.error("--csv goes with --columns A B ... and --target Y")

    panels = of_csv(options) if options.csv else of_lecture(options.quick)
    rows = (len(panels) + 1) // 2
    figure = new_figure((12, 5 * rows))
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for ax, (title, found) in zip(axes, panels.items(), strict=False):
        print(title, found, sep="\n", end="\n\n")
        plot_occam(found, ax, title=title)
    for ax in axes[len(panels) :]:
        ax.remove()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "occam.png"
    figure.savefig(path, dpi=150)
    print(f"figure: {path}")


def of_lecture(quick: bool) -> dict[str, Occam]:
    """Two small problems for which a line is enough, and two of many variables for which it is not."""
    diabetes, digits = load_data("diabetes"), load_data("digits")
    images = digits.x.reshape(len(digits.x), -1)
    some = np.random.default_rng(0).permutation(len(images))[:ROWS]
    seeds = {"seeds": 2 if quick else 5}
    return {
        "progress of diabetes from the mass index": occam(diabetes.x[:, 2], diabetes.y),
        "progress of diabetes from ten columns": occam(
            diabetes.x, diabetes.y, by="units", sizes=(0, 2) if quick else (0, 1, 2, 4, 8, 16), **seeds,
            epochs=2 if quick else None
        ),
        "digits, networks": occam(
            images, digits.y, by="units", sizes=(0, 4) if quick else (0, 4, 8, 16, 32, 64, 128), **seeds,
            epochs=2 if quick else 30
        ),
        f"{ROWS} digits, random features": occam(
            images[some], np.eye(10)[digits.y[some]], by="features", **seeds,
            sizes=(20, 280, 500) if quick else (10, 20, 50, 100, 200, 250, 280, 300, 400, 700, 1500, 3000)
        ),
    }  # fmt: skip


def of_csv(options: argparse.Namespace) -> dict[str, Occam]:
    """The user's table, by each of what he named."""
    x, y = read_numbers(options.csv, options.columns), read_numbers(options.csv, [options.target])[:, 0]
    settings = {"seeds": 2, "sizes": (1, 2)} if options.quick else {}
    names = " and ".join(options.columns)
    return {f"{options.target} from {names}: {by}": occam(x, y, by=by, **settings) for by in options.by}


if __name__ == "__main__":
    main()
