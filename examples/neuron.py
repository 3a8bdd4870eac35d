"""Which logical functions can one neuron compute? AND, OR and NOT by a threshold; XOR by none.

Expected: AND fires from a sum of 2, OR from 1, NOT from 0 of the negated input. Of XOR the proof is printed and drawn:
(0, 0) and (1, 1) have the same mean as (0, 1) and (1, 0), so that no line has them on two sides. Three neurons in two
layers compute it. Of the 16 functions of two inputs 14 have a neuron. About 10 s, nearly all of it importing Keras.
Reference: W. S. McCulloch and W. Pitts (1943), A logical calculus of the ideas immanent in nervous activity.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np

from recipes.lecture.neurons.neuron import XOR, fires, gate
from recipes.lecture.neurons.separate import boolean_inputs, separate
from recipes.plots import plot_truth_table
from recipes.plots.style import new_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: nothing is trained")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    figure = new_figure((12, 3.6))
    axes = figure.subplots(1, 4)
    for name, ax in zip(("and", "or", "not"), axes, strict=False):
        neuron = gate(name)
        print(f"{name.upper():4}", fires(neuron).astype(int))
        plot_truth_table(fires(neuron), ax, neuron=neuron, title=name.upper())
    plot_truth_table(XOR, axes[3], title="XOR")
    axes[0].legend(loc="center", frameon=False)

    try:
        gate("xor")
    except ValueError as proof:
        print(f"XOR  {proof}")
    x = boolean_inputs(2)
    hidden = np.column_stack([gate("or")(x), gate("nand")(x)])  # the first layer, (4, 2)
    print("XOR of two layers, AND(OR, NAND):", np.asarray(gate("and")(hidden)).astype(int).ravel())
    tables = np.array([*product((False, True), repeat=4)])
    print(f"{sum(separate(x, table).is_separable for table in tables)} of the {len(tables)} functions have a neuron")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "neuron.png"
    figure.savefig(path, dpi=150)
    print(f"figure: {path}")


if __name__ == "__main__":
    main()
