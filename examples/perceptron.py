"""Does a perceptron find the line, and after how many mistakes? Rosenblatt's rule beside a sigmoid's gradient on iris.

Expected: between setosa and versicolor (sepals) a line exists, and Rosenblatt's rule ends on one after 1,451 mistakes,
of the 22,134 that (R/γ)² allows; the gradient gets all but one row within 20 epochs. Between versicolor and virginica
(petals) there is none: the rule makes mistakes for ever and its line jumps, the gradient settles at 7 of 100 rows.
`perceptron.html` shows with a slider how each mistake turns the line. About 20 s, most of it importing Keras.
Your own data: `--csv FILE --columns A B --label CLASS`, and `--classes X Y` where there are more than two.
Reference: F. Rosenblatt (1958), The perceptron, Psychological Review 65; A. Novikoff (1962) for the bound.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recipes import load_data
from recipes.lecture.neurons.perceptron import PerceptronRun, learn_perceptron
from recipes.lecture.own import read_labels, read_numbers
from recipes.plots import plot_errors, plot_mistakes, plot_path, save_page
from recipes.plots.style import CURVES, new_figure

MOST_FRAMES = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the epochs")
    parser.add_argument("--csv", type=Path, help="a table of one's own, in the place of iris")
    parser.add_argument("--columns", nargs=2, metavar=("A", "B"), help="its two columns of numbers")
    parser.add_argument("--label", help="its column of classes")
    parser.add_argument("--classes", nargs=2, metavar=("X", "Y"), help="which two classes of several")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()
    if options.csv and not (options.columns and options.label):
        parser.error("--csv goes with --columns A B and --label CLASS")

    problems = [read_csv(options)] if options.csv else iris()
    figure = new_figure((13, 4.2 * len(problems)))
    first = None
    for problem, axes in zip(problems, figure.subplots(len(problems), 4, squeeze=False), strict=True):
        rosenblatt = learn_perceptron(**problem, epochs=10 if options.quick else 1000)
        first = first or rosenblatt
        gradient = learn_perceptron(**problem, epochs=100 if options.quick else 10_000, rule="gradient")
        print(rosenblatt, gradient, sep="\n\n", end="\n\n")
        plot_path(rosenblatt, axes[0], title="Rosenblatt's rule")
        plot_path(gradient, axes[1], title="a sigmoid's gradient")
        plot_mistakes(rosenblatt, axes[2])
        plot_errors({"Rosenblatt": rosenblatt, "gradient": gradient}, axes[3])

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "perceptron.png"
    figure.savefig(path, dpi=150)
    print(f"figure: {path}")
    frames = frames_of(first, 5 if options.quick else MOST_FRAMES)
    text = "The line after each mistake of Rosenblatt's rule, the lines before it in grey."
    page = save_page(options.out / "perceptron.html", "What each mistake teaches a perceptron", frames, text=text)
    print(f"page: {page}")


def frames_of(run: PerceptronRun, most: int) -> Iterator[tuple[Any, str]]:
    """Draw the line after each mistake, of many those whose numbers grow alike: the first ones turn it most."""
    numbers = np.unique(np.round(np.geomspace(1, run.num_mistakes + 1, most)).astype(int)) - 1
    rows = np.column_stack([run.points.x, np.ones(len(run.points.x))])
    for number in numbers.tolist():
        weights = run.path[number]
        wrong = int(((rows @ weights > 0) != run.points.is_second).sum())
        so_far = replace(run, path=run.path[: number + 1], best=weights)
        figure = new_figure(CURVES)
        plot_path(so_far, figure.add_subplot(), title=f"{wrong} of {len(rows):,} rows on the wrong side")
        yield figure, f"mistake {number:,} of {run.num_mistakes:,}: {wrong} of {len(rows):,} rows on the wrong side"


def iris() -> list[dict]:
    """Two species with a line between them, and two without."""
    data = load_data("iris")
    names = [name.replace("(", "[").replace(")", "]") for name in data.feature_names]
    species = np.array(data.class_names)[data.y]
    pairs = ((0, 1), ("setosa", "versicolor")), ((2, 3), ("versicolor", "virginica"))
    return [{"x": data.x, "y": species, "columns": c, "classes": k, "names": [names[i] for i in c]} for c, k in pairs]


def read_csv(options: argparse.Namespace) -> dict:
    """Two columns and the classes of the user's table."""
    x, y = read_numbers(options.csv, options.columns), read_labels(options.csv, options.label)
    return {"x": x, "y": y, "classes": options.classes, "names": options.columns}


if __name__ == "__main__":
    main()
