"""Jobs of many networks: all at once against one after another, as a user would train them."""

import time

import numpy as np
from training import Result, breast_cancer

NUM_NETWORKS, EPOCHS = 64, 50
FOLDS, SEEDS, FOLD_EPOCHS = 5, 4, 60


def networks(seed: int) -> list:
    """64 networks of other widths up to 64, rates and dropout."""
    from recipes import build_model

    x, y = breast_cancer()
    rng = np.random.default_rng(0)
    made = []
    for k in range(NUM_NETWORKS):
        units = tuple(int(width) for width in rng.integers(4, 65, size=2))
        options = {"dropout": float(rng.uniform(0, 0.5)), "learning_rate": float(10 ** rng.uniform(-4, -2))}
        made.append(build_model("binary", x=x, y=y, units=units, seed=seed + k, **options))
    return made


def sixty_four(way: str) -> Result:
    """Whole calls on breast cancer, batch 32: the first in a process, and one whose programs are all compiled."""
    import keras  # noqa: F401

    x, y = breast_cancer()
    options = {"epochs": EPOCHS, "validation_split": 0.2, "verbose": 0}
    if way == "recipes":
        from recipes import fit_many

        lists = networks(0), networks(100)
        first, again = (_seconds(lambda models=models: fit_many(models, x, y, **options)) for models in lists)
        return {"first_s": first, "again_s": again}
    from recipes import fit

    first = again = 0.0
    for model, like in zip(networks(0), networks(100), strict=True):  # of the second the program is compiled
        first += _seconds(lambda model=model: fit(model, x, y, **options))
        again += _seconds(lambda model=like: fit(model, x, y, **options))
    return {"first_s": first, "again_s": again}


def _seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def folds(way: str) -> Result:
    """Five folds by four repeats of an MLP 64-32 on the digits, 60 epochs: against one call of `fit`, both cold."""
    import keras  # noqa: F401

    from recipes import build_model, cross_validate, fit, load_data

    data = load_data("digits")
    x, y = data.x.reshape(len(data.x), -1), data.y
    if way == "recipes":
        start = time.perf_counter()
        cross_validate("multiclass", x, y, cv=FOLDS, repeats=SEEDS, epochs=FOLD_EPOCHS, units=(64, 32), verbose=0)
    else:
        model = build_model("multiclass", x=x, y=y, units=(64, 32))
        start = time.perf_counter()
        fit(model, x, y, epochs=FOLD_EPOCHS, validation_split=1 / FOLDS, verbose=0)
    return {"first_s": time.perf_counter() - start}
