"""Malignant or benign? A binary classifier on the breast-cancer set, with its loss curve and verdict.

Expected: held-out accuracy about 0.97, and a verdict that names the epoch after which it overfits.
Reference: W. H. Wolberg et al. (1995), the set that ships with scikit-learn.
"""

import argparse
from pathlib import Path

from recipes import build_model, fit, load_data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few epochs only")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    data = load_data("breast_cancer")
    model = build_model(x=data.x, y=data.y, seed=0)  # task, widths and input scaling come from the data
    run = fit(model, data.x, data.y, epochs=5 if options.quick else 60, validation_split=0.2)
    print(run)

    probability = model.predict(data.x[:3], verbose=0)[:, 0]
    for p, y in zip(probability, data.y[:3], strict=True):
        print(f"P({data.class_names[1]}) = {p:.3f}   truth: {data.class_names[y]}")

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "binary.png"
    run.plot().savefig(path, dpi=150)
    print(f"figure: {path}")


if __name__ == "__main__":
    main()
