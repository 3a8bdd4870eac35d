"""Which network suits this data? A search over layers, widths, dropout, optimizer, rate, decay and batch size.

Expected: half a minute; a validation loss of 0.06 to 0.07, and a far simpler network that is as good within the error
of the validation set (Occam's razor). The same command goes on where it was stopped. Writes one figure.
Reference: J. Bergstra and Y. Bengio (2012), Random search for hyper-parameter optimization, JMLR 13.
"""

import argparse
from pathlib import Path

from recipes import load_data, tune


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30, help="how many networks to try")
    parser.add_argument("--quick", action="store_true", help="two networks, two epochs")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    x, y = load_data("breast_cancer")
    search = tune(x, y, max_trials=2 if options.quick else options.trials, epochs=2 if options.quick else 50)
    print(search)

    run = search.retrain()  # on all rows, for the number of epochs that was best
    print(f"P(benign) of the first three: {run.predict(x[:3])[:, 0].round(3)}, truth: {y[:3]}")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "tuning.png"
    search.plot().savefig(path, dpi=150)
    print(f"figure: {path.resolve()}")


if __name__ == "__main__":
    main()
