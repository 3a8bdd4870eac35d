"""How does a network learn from one row? The chain rule by hand, for all 35 weights of the slide's network.

Expected: the row (1, 0.5, -1) with y = 1 gives an output of 0.691 and a loss of 0.369; back from there every node's
δ = dL/dz and every weight's gradient, which are Keras' own to the last digit. A step of 0.1 down the gradient lowers
the loss to 0.290, where a plane would have it at 0.277. About 15 s, most of it importing Keras; `--page` adds an HTML
page on which a slider moves through ten steps, in 10 s more.
Your own network: `--model FILE.keras --row 1 0.5 -1 --target 1`, a compiled Sequential of Dense layers.
Reference: D. E. Rumelhart, G. E. Hinton and R. J. Williams (1986), Nature 323, equations 4 to 7.
"""

import argparse
from pathlib import Path

from recipes import build_model
from recipes.lecture.training.backpropagation import ROW_X, ROW_Y, backpropagate
from recipes.plots import plot_backpropagation, save_page

STEPS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: it takes a second")
    parser.add_argument("--model", type=Path, help="a model of one's own, a .keras file from somebody trusted")
    parser.add_argument("--row", type=float, nargs="+", default=ROW_X, help="its inputs")
    parser.add_argument("--target", type=float, nargs="+", default=[ROW_Y], help="what should come out")
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--page", action="store_true", help=f"write a page with {STEPS} steps, too")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    if options.model:
        import keras

        model = keras.saving.load_model(options.model)
    else:
        model = build_model("binary", input_shape=(3,), units=(4, 3), hidden_activation="tanh", seed=0)
    result = backpropagate(model, options.row, options.target, learning_rate=options.learning_rate)
    print(result)

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "backpropagation.png"
    plot_backpropagation(result).savefig(path, dpi=150)
    print(f"figure: {path}")
    if options.page:
        results = [result]
        for _ in range(STEPS):
            model.set_weights(results[-1].stepped)
            results.append(backpropagate(model, options.row, options.target, learning_rate=options.learning_rate))
        frames = ((plot_backpropagation(r), f"step {i}: loss {r.value:.4f}") for i, r in enumerate(results))
        text = "Move the slider: each step goes against the gradient, so that the loss falls and the gradient with it."
        print("page:", save_page(options.out / "backpropagation.html", "Backpropagation by hand", frames, text=text))


if __name__ == "__main__":
    main()
