"""Which batch size gives which accuracy? The same epochs for all, and the same steps for all, on digits.

Expected: held out a fifth, plain descent, three seeds. With 20 epochs for all, batches of 512 take 60 steps where
those of 8 take 3,600: at a rate of 0.01 the accuracy falls from 0.969 to 0.274. With 720 steps for all it is 0.93
whatever the batch size. A rate of 1 is too high for 8 and 32 (0.11, 0.35) and the best for 512 (0.968, 0.975): larger
batches want larger rates. With its best rate every size reaches 0.963 to 0.975. A minute.
Your own table: `--csv FILE --columns A B --label CLASS`; the figure says what is held constant.
Reference: P. Goyal et al. (2017), arXiv 1706.02677; C. Shallue et al. (2019), arXiv 1811.03600.
"""

import argparse
from pathlib import Path

import numpy as np

from recipes import load_data
from recipes.lecture.own import read_labels, read_numbers
from recipes.lecture.training.batches import RATES, SIZES, compare_batch_sizes
from recipes.plots import plot_batch_sizes
from recipes.plots.style import new_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two batch sizes, one rate, few epochs")
    parser.add_argument("--csv", type=Path, help="a table of one's own, in the place of digits")
    parser.add_argument("--columns", nargs="+", metavar="X", help="its columns of numbers")
    parser.add_argument("--label", help="its column of classes")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()
    if options.csv and not (options.columns and options.label):
        parser.error("--csv goes with --columns A B ... and --label CLASS")

    x, y = read_csv(options) if options.csv else digits()
    grid = {"batch_sizes": options.sizes, "learning_rates": options.rates}
    if options.quick:
        grid = {"batch_sizes": options.sizes[:2], "learning_rates": options.rates[:1], "seeds": 2}
    figure = new_figure((11, 4.8))
    budgets = ({"epochs": 20}, {"steps": 720})
    if options.quick:
        budgets = ({"epochs": 2}, {"steps": -(-int(0.8 * len(x)) // min(options.sizes))})
    for budget, ax in zip(budgets, figure.subplots(1, 2, sharey=True), strict=True):
        found = compare_batch_sizes(x, y, **grid, **budget)
        print(found, end="\n\n")
        plot_batch_sizes(found, ax)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "batch_size.png"
    figure.savefig(path, dpi=150)
    print(f"figure: {path}")


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images as rows of 64 numbers."""
    data = load_data("digits")
    return data.x.reshape(len(data.x), -1), data.y


def read_csv(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Columns and classes of the user's table."""
    return read_numbers(options.csv, options.columns), read_labels(options.csv, options.label)


if __name__ == "__main__":
    main()
