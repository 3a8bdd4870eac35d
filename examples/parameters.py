"""How many parameters, and which hyperparameters? The lecture's network of 35, layer by layer, and what was chosen.

Expected: 3·4 + 4 = 16, 4·3 + 3 = 15 and 3·1 + 1 = 4 make 35 parameters, which training moves; above, the network that
they are lines and nodes of. What was chosen beforehand stands beside, in the slides' two colours: green for the
architecture, red for the training. About 15 s.
Your own network: `--model FILE.keras`. Reference: the lecture's slides on counting parameters and hyperparameters.
"""

import argparse
from pathlib import Path

from recipes import build_model
from recipes.lecture.networks.parameters import count_parameters, hyperparameters
from recipes.plots import plot_choices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: nothing is trained")
    parser.add_argument("--model", type=Path, help="a model of one's own, a .keras file from somebody trusted")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    if options.model:
        import keras

        model = keras.saving.load_model(options.model)
    else:
        model = build_model("binary", input_shape=(3,), units=(4, 3), dropout=0.1, seed=0)
    counted, chosen = count_parameters(model), hyperparameters(model)
    print(counted, chosen, sep="\n\n")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "parameters.png"
    plot_choices(chosen, counted).savefig(path, dpi=150)
    print(f"figure: {path}")


if __name__ == "__main__":
    main()
