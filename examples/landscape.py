"""What does the loss look like around a trained network, and which way did training take?

Expected: along two random directions the loss of a network on digits (two hidden layers, 30 epochs) is a bowl with the
trained weights at its lowest place: 0.0002 there, 7.8 on average where every filter has moved by its own length. Seen
along its two main directions, which have 94 % and 5 % of its length squared, the path of the training goes down one
slope in four epochs, turns, and creeps along a flat valley that would go on falling where it ends. About 25 s.
Your own network: `--model FILE.keras --data FILE.npz`, where the file holds the arrays x and y.
Reference: H. Li, Z. Xu, G. Taylor, C. Studer and T. Goldstein (2018), Visualizing the Loss Landscape of Neural Nets,
arXiv 1712.09913. Differences: a network of 7,000 weights on 1,797 digits, not a ResNet on CIFAR-10; 30 epochs.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from recipes import build_model, fit, load_data
from recipes.lecture.training.landscape import loss_landscape
from recipes.plots import plot_landscape
from recipes.plots.style import new_figure

BATCH_SIZE = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 epochs, 9 × 9 places")
    parser.add_argument("--model", type=Path, help="a model of one's own, a .keras file from somebody trusted")
    parser.add_argument("--data", type=Path, help="its data, an .npz file with x and y")
    parser.add_argument("--span", type=float, default=1.0, help="how far to go, in lengths of the filters")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()
    if (options.model is None) != (options.data is None):
        parser.error("--model and --data go together: the loss is that of the model on these data")
    points = 9 if options.quick else 25

    if options.model:
        data = np.load(options.data)
        model = keras.saving.load_model(options.model)
        found = {str(options.model): loss_landscape(model, data["x"], data["y"], points=points, span=options.span)}
    else:
        found = digits(3 if options.quick else 30, points, options.span)

    figure = new_figure((5.6 * len(found), 5.2))
    for (name, landscape), ax in zip(found.items(), figure.subplots(1, len(found), squeeze=False)[0], strict=True):
        print(f"{name}: {landscape}\n")
        plot_landscape(landscape, ax, title=name)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "landscape.png"
    figure.savefig(path, dpi=150)
    print(f"figure: {path}")


def digits(epochs: int, points: int, span: float) -> dict:
    """A network on digits: the loss around it, and along the path of its training."""
    data = load_data("digits")
    x, y = data.x.reshape(len(data.x), -1), data.y
    model = build_model("multiclass", x=x, y=y, units=(64, 32), seed=0)
    path = [model.get_weights()]
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: path.append(model.get_weights()))
    run = fit(model, x, y, epochs=epochs, batch_size=BATCH_SIZE, seed=0, verbose=0, callbacks=[keep])
    return {
        "two random directions": loss_landscape(run, x, y, points=points, span=span),
        "the path of the training": loss_landscape(run, x, y, points=points, path=path),
    }


if __name__ == "__main__":
    main()
