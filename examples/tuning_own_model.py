"""I have a `build(hp)` for keras-tuner. What do I change? One line.

`build` is that of keras-tuner's own guide, a network for images of digits, as it stands there. Expected: an accuracy of
0.97 to 0.98 on the validation set after ten trials; in about a minute, since trials that differ in numbers share what
is compiled.
Reference: https://keras.io/keras_tuner/getting_started/.
"""

import argparse

import keras
from keras import layers

from recipes import load_data, tune


def build(hp):
    model = keras.Sequential()
    model.add(keras.Input((8, 8, 1)))
    model.add(layers.Flatten())
    for i in range(hp.Int("num_layers", 1, 3)):
        model.add(
            layers.Dense(
                units=hp.Int(f"units_{i}", min_value=32, max_value=512, step=32),
                activation=hp.Choice("activation", ["relu", "tanh"]),
            )
        )
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(rate=0.25))
    model.add(layers.Dense(10, activation="softmax"))
    learning_rate = hp.Float("lr", min_value=1e-4, max_value=1e-2, sampling="log")
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one trial, one epoch")
    options = parser.parse_args()
    x, y = load_data("digits")

    # Before: tuner = keras_tuner.RandomSearch(build, "val_accuracy", max_trials=10); tuner.search(x, y, epochs=20, ...)
    search = tune(x, y, hypermodel=build, objective="val_accuracy", max_trials=1 if options.quick else 10,
                  epochs=1 if options.quick else 20)  # fmt: skip
    print(search)
    search.best_model.summary()


if __name__ == "__main__":
    main()
