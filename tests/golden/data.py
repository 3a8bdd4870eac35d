"""Programs whose rows are not fit to be trained on as they are."""

import keras
import numpy as np
import pandas as pd
from keras import Input, Model, Sequential, layers
from keras.layers import Conv2D, Dense

from .program import program
from .samples import classes, grey_images, numbers, points, series, texts, two_classes

# --- scales --------------------------------------------------------------------------------------------------------


@program("SO 39525358")
def bytes_as_inputs():
    """Pixels 0..255 straight into a dense layer."""
    images, y = grey_images()
    x = images.reshape(len(images), -1).astype("float32")
    x /= 1  # wrong: warning unscaled_x
    # right: x /= 255
    model = Sequential([Input((64,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("SO 39525358")
def bytes_as_inputs_of_a_convolution():
    """Images of uint8, and no layer that scales them."""
    x, y = grey_images()
    scale = layers.Rescaling(1.0)  # wrong: warning unscaled_x
    # right: scale = layers.Rescaling(1 / 255)
    model = Sequential([Input((8, 8, 1)), scale, Conv2D(4, 3, activation="relu"), layers.Flatten()])
    model.add(Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("SO 48594888")
def one_large_column():
    """An income in dollars beside an age in decades."""
    x, y = two_classes()
    x = x * [1, 1, 1, 20_000] + [0, 0, 0, 50_000]
    first = layers.Identity()  # wrong: warning unscaled_x
    # right: first = layers.BatchNormalization()
    model = Sequential([Input((4,)), first, Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("SO 48594888")
def large_table():
    """Measurements in their own units, in a table."""
    x, y = numbers()
    table = pd.DataFrame(x * 300 + 1000, columns=["a", "b", "c", "d"])
    x = table  # wrong: warning unscaled_x
    # right: x = (table - table.mean()) / table.std()
    model = Sequential([Dense(8, "tanh"), Dense(1)])
    model.compile("adam", "mse")
    return model, x, y


@program()
def large_numbers_in_one_of_two_inputs():
    """Texts as word numbers are no numbers; the year beside them is one."""
    tokens, y = texts()
    year = np.random.default_rng(0).integers(1950, 2020, size=(len(y), 1)).astype("float32")
    words, years = Input((10,)), Input((1,))
    text = layers.GlobalAveragePooling1D()(layers.Embedding(2000, 4)(words))
    age = years  # wrong: warning unscaled_x
    # right: age = layers.Normalization(mean=1985, variance=400)(years)
    hidden = Dense(8, "relu")(layers.Concatenate()([text, age]))
    model = Model([words, years], Dense(1, "sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy")
    return model, [tokens, year], y


@program("SO 39525358")
def large_numbers_into_a_nested_backbone():
    """The layer that scales would stand in the model within the model."""
    x, y = grey_images()
    scale = layers.Identity()  # wrong: warning unscaled_x
    # right: scale = layers.Rescaling(1 / 127.5, offset=-1)
    backbone = Sequential([Input((8, 8, 1)), scale, Conv2D(4, 3, activation="relu")], name="backbone")
    model = Sequential([Input((8, 8, 1)), backbone, layers.GlobalMaxPooling2D(), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x.astype("float64"), y


@program("SO 52800582")
def prices_as_targets():
    """Prices in dollars under a squared error: the loss begins at 4e10."""
    x, score = numbers()
    prices = 200_000 + 50_000 * score
    y = prices  # wrong: warning unscaled_y
    # right: y = (prices - prices.mean()) / prices.std()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse")
    return model, x, y


@program("SO 52800582")
def prices_in_one_of_two_outputs():
    """The same beside a class."""
    x, score = numbers()
    _, kind = classes(3)
    price = 200_000 + 50_000 * score  # wrong: warning unscaled_y
    # right: price = score
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, {"price": Dense(1)(hidden), "kind": Dense(3, "softmax")(hidden)})
    model.compile("adam", {"price": "mae", "kind": "sparse_categorical_crossentropy"})
    return model, x, {"price": price, "kind": kind}


# --- not numbers ---------------------------------------------------------------------------------------------------


@program("SO 53640858", fit="nan")
def gaps_in_x():
    """One missing value: every weight is NaN after one step."""
    x, y = two_classes()
    x[17, 2] = np.nan  # wrong: error not_finite
    # right: x[17, 2] = 0.0
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("SO 53640858", fit="nan")
def gaps_in_a_table():
    """The same in pandas."""
    x, y = numbers()
    table = pd.DataFrame(x, columns=["a", "b", "c", "d"])
    table.loc[3, "a"] = None
    x = table  # wrong: error not_finite
    # right: x = table.fillna(0)
    model = Sequential([Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse")
    return model, x, y


@program(fit="nan")
def gaps_in_y():
    """A target that was not measured."""
    x, y = numbers()
    y[5] = np.nan  # wrong: error not_finite
    # right: y[5] = 0.0
    inputs = Input((4,))
    model = Model(inputs, Dense(1)(Dense(8, "relu")(inputs)))
    model.compile("adam", "mse")
    return model, x, y


@program(fit="nan")
def logarithms_of_zero():
    """Minus infinity in one of two inputs."""
    x, y = two_classes()
    x_counts = np.random.default_rng(0).poisson(2.0, size=(len(x), 1))
    with np.errstate(divide="ignore"):
        logs = np.log(x_counts)  # wrong: error not_finite
        # right: logs = np.log(x_counts + 1)
    left, right = Input((4,)), Input((1,))
    hidden = Dense(8, "relu")(layers.Concatenate()([left, right]))
    model = Model([left, right], Dense(1, "sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy")
    return model, [x, logs], y


@program(fit="nan")
def sixteen_bits_that_overflow():
    """A half-precision number ends at 65504."""
    x, y = numbers()
    y = y * 1000 + 64_000
    with np.errstate(over="ignore"):
        y = y.astype("float16")  # wrong: error not_finite
        # right: y = ((y - y.mean()) / y.std()).astype("float16")
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse")
    return model, x, y


# --- rows ----------------------------------------------------------------------------------------------------------


def _by_label() -> tuple[np.ndarray, np.ndarray]:
    x, y = classes(3)
    order = np.argsort(y, kind="stable")
    return x[order], y[order]


@program("keras #8346")
def last_class_held_out():
    """Rows sorted by class: validation_split takes the end, where the class is that training never sees."""
    x, y = _by_label()
    options = {"validation_split": 0.3}  # wrong: error|warning ordered_rows
    # right: options = {}
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, y, options


@program("keras #6422, #20946")
def yes_after_no():
    """All the no, then all the yes."""
    x, y = two_classes()
    order = np.argsort(y)  # wrong: error|warning ordered_rows
    # right: order = np.random.default_rng(7).permutation(len(y))
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x[order], y[order], {"validation_split": 0.2}


@program()
def sorted_one_hot_rows():
    """The same with one column for each class."""
    x, labels = _by_label()
    y = np.eye(3)[labels]
    rows = np.arange(len(y))  # wrong: error|warning ordered_rows
    # right: rows = np.random.default_rng(7).permutation(len(y))
    inputs = Input((4,))
    model = Model(inputs, Dense(3, "softmax")(Dense(8, "relu")(inputs)))
    model.compile("adam", "categorical_crossentropy")
    return model, x[rows], y[rows], {"validation_split": 0.2}


@program("keras #8346")
def sorted_numbers():
    """A regression whose rows rise with y: the largest are held out."""
    x, y = numbers()
    order = np.argsort(y)  # wrong: error|warning ordered_rows
    # right: order = np.arange(len(y))
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse")
    return model, x[order], y[order], {"validation_split": 0.25}


@program(fit="raises")
def rows_of_another_width():
    """Five features where the model takes four."""
    x, y = numbers()
    columns = 5  # wrong: error input_shape
    # right: columns = 4
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse")
    return model, np.tile(x, 2)[:, :columns], y


@program(fit="raises")
def images_into_a_dense_layer():
    """Images where the model takes their pixels in a row."""
    images, y = grey_images()
    x = images / np.float32(255)  # wrong: error input_shape
    # right: x = images.reshape(len(images), -1) / np.float32(255)
    inputs = Input((64,))
    model = Model(inputs, Dense(3, "softmax")(Dense(8, "relu")(inputs)))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program(fit="raises")
def a_target_too_few():
    """One row was lost on the way."""
    x, y = series()
    last = -1  # wrong: error unequal_rows
    # right: last = None
    model = Sequential([Input((12, 2)), layers.GRU(6), Dense(1)])
    model.compile("adam", "mse")
    return model, x, y[:last]


@program(fit="raises")
def one_array_for_two_outputs():
    """Two outputs, one target."""
    x, kind = classes(3)
    _, price = numbers()
    targets = 1  # wrong: error other_parts
    # right: targets = 2
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, [Dense(3, "softmax", name="kind")(hidden), Dense(1, name="price")(hidden)])
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    return model, x, [kind, price][:targets]


@program(fit="raises")
def another_name_of_an_input():
    """A dict of inputs, one of which is called otherwise."""
    x, y = two_classes()
    more = points(2)
    left, right = Input((4,), name="left"), Input((2,), name="right")
    hidden = Dense(8, "relu")(layers.Concatenate()([left, right]))
    model = Model({"left": left, "right": right}, Dense(1, "sigmoid")(hidden))
    model.compile(keras.optimizers.Adam(), "binary_crossentropy")
    key = "rigth"  # wrong: error other_parts
    # right: key = "right"
    return model, {"left": x, key: more}, y
