"""How far will the illness progress? Regression on the diabetes set: one loss for each of three questions.

Mean squared error asks for the mean, mean absolute error for the median, the pinball loss for an interval.
Expected on held-out rows: R2 about 0.5 for the mean, and close to 90 % of the truths inside the 90 % interval
(442 rows allow no better than about 0.55 with any method).
Reference: B. Efron et al. (2004), Least Angle Regression, Annals of Statistics 32; Koenker and Bassett (1978).
"""

import argparse

import numpy as np

from recipes import build_model, fit, load_data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few epochs only")
    epochs = 5 if parser.parse_args().quick else 40

    data = load_data("diabetes")
    order = np.random.default_rng(0).permutation(len(data.y))
    test, train = order[:110], order[110:]
    x, y = data.x[train], data.y[train]
    x_test, y_test = data.x[test], data.y[test]

    for loss in ("mean_squared_error", "mean_absolute_error"):
        model = build_model("regression", x=x, y=y, loss=loss, dropout=0.2, seed=0)
        run = fit(model, x, y, epochs=epochs)
        y_pred = model.predict(x_test, verbose=0)[:, 0]
        r2 = 1 - np.mean((y_test - y_pred) ** 2) / np.var(y_test)
        print(f"{loss}: R2 {r2:.2f}, mean absolute error {np.mean(np.abs(y_test - y_pred)):.0f}, {run.verdict}")

    model = build_model("quantile", x=x, y=y, quantiles=(0.05, 0.5, 0.95), dropout=0.2, seed=0)
    run = fit(model, x, y, epochs=epochs)
    low, middle, high = model.predict(x_test, verbose=0).T
    inside = np.mean((low <= y_test) & (y_test <= high))
    print(f"pinball: {inside:.0%} of the truths lie in the 90 % interval; {run.verdict}")
    for i in range(3):
        print(f"  patient {i + 1}: {middle[i]:.0f}, between {low[i]:.0f} and {high[i]:.0f}; truth {y_test[i]:.0f}")


if __name__ == "__main__":
    main()
