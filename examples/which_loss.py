"""Which loss for which y? Six real targets, what the cheatsheet says of each, and why.

Expected: each target gets its row; the evidence says what was seen in y. No training; about 2 s, most of them
scikit-learn's import. Reference: the lecture's cheatsheet (python -m cheatsheet).
"""

import argparse

import numpy as np

import cheatsheet
from recipes import load_data


def main() -> None:
    argparse.ArgumentParser(description=__doc__).add_argument("--quick", action="store_true")
    wine = load_data("wine")
    targets = {
        "breast cancer: malignant or benign": load_data("breast_cancer").y,
        "wine: cultivar 0, 1 or 2": wine.y,
        "wine: the cultivar's name": np.array(wine.class_names)[wine.y],
        "wine: one-hot rows": np.eye(3)[wine.y],
        "wine: alcohol, in per cent": wine.x[:, 0],
        "digits: the image itself": load_data("digits").x,
    }
    for name, y in targets.items():
        inferred = cheatsheet.infer_task(y)
        head = cheatsheet.head(inferred.task, y=y)
        chance = cheatsheet.chance_loss(head.loss, inferred_codes(y))
        print(f"{name}\n  y is   {inferred}")
        print(f"  build  {head.units} x {head.activation}, loss {head.loss}")
        print(f"  beat   {chance:.3g}, the loss of always giving the same answer\n")


def inferred_codes(y: np.ndarray) -> np.ndarray:
    """Text labels as numbers; everything else as it is."""
    return np.unique(y, return_inverse=True)[1] if y.dtype.kind == "U" else y


if __name__ == "__main__":
    main()
