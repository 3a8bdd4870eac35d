"""The example's bare loop does what `recipes.fit` does: one page shows the idea, and it is the same idea."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from recipes import build_model, fit, load_data

EXAMPLE = Path(__file__).parents[1] / "examples" / "bare_loop.py"


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_bare_loop_ends_with_the_weights_of_fit(optimizer):
    train_resident = runpy.run_path(str(EXAMPLE), run_name="bare_loop")["train_resident"]
    x, y = load_data("breast_cancer")  # 569 rows: 17 full batches and one of 25
    bare, other = (build_model(x=x, y=y, optimizer=optimizer, seed=0) for _ in range(2))
    loss, accuracy, _ = train_resident(bare, x, y, epochs=5, seed=3)
    run = fit(other, x, y, epochs=5, seed=3, engine="resident", verbose=0)
    assert str(run.engine).startswith("resident: plain graph")
    for a, b in zip(bare.variables, other.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    np.testing.assert_allclose(loss, run.history["loss"], rtol=1e-6)  # the same losses, added up in another order
    np.testing.assert_allclose(accuracy, run.history["accuracy"], rtol=1e-6)
    assert int(bare.optimizer.iterations) == int(other.optimizer.iterations) == 5 * 18
