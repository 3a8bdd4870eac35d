"""Programs whose target is not what the loss takes it for."""

import keras
import numpy as np
import pandas as pd
from keras import Input, Model, Sequential, layers, losses
from keras.layers import Conv2D, Dense

from .program import program
from .samples import (
    classes,
    counts,
    fractions,
    grey_images,
    masks,
    numbers,
    one_hot,
    points,
    series,
    two_classes,
)

# --- another shape than the output's -------------------------------------------------------------------------------


@program(fit="raises")
def target_of_fewer_columns():
    """Five columns of labels, four outputs."""
    x, labels = classes(5)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(4, "softmax"))  # wrong: error target_shape
    # right: model.add(Dense(5, "softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model, x, one_hot(labels, 5)


@program(fit="raises")
def target_is_an_image():
    """An autoencoder of flat pixels, with the images themselves as target."""
    images, _ = grey_images()
    pixels = images / np.float32(255)
    x = pixels.reshape(len(pixels), -1)
    y = pixels  # wrong: error target_shape
    # right: y = x
    model = Sequential([Input((64,)), Dense(8, "relu"), Dense(64, "sigmoid")])
    model.compile("adam", "mse")
    return model, x, y


@program("keras #14627")
def stretched_over_three_outputs():
    """One number a row, three outputs: each is compared with it."""
    x, y = numbers()
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3))  # wrong: error stretched_target
    # right: model.add(Dense(1))
    model.compile("adam", "mse")
    return model, x, y.reshape(-1, 1)


@program("TF #37770")
def stretched_over_three_columns():
    """Three numbers a row, one output: it learns their mean."""
    x, y = numbers(3)
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    outputs = Dense(1)(hidden)  # wrong: error stretched_target
    # right: outputs = Dense(3)(hidden)
    model = Model(inputs, outputs)
    model.compile("adam", losses.MeanAbsoluteError())
    return model, x, y


@program("TF #37770")
def stretched_over_a_table():
    """The same with a table of another library."""
    x, y = numbers(3)
    columns = ["a", "b", "c"]  # wrong: error stretched_target
    # right: columns = ["a"]
    model = Sequential([Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse")
    return model, pd.DataFrame(x), pd.DataFrame(y, columns=["a", "b", "c"])[columns]


@program()
def stretched_over_every_step():
    """A forecast of one number, from a recurrent layer that still gives one for each step."""
    x, y = series()
    last = layers.LSTM(6, return_sequences=True)  # wrong: error stretched_target
    # right: last = layers.LSTM(6)
    model = Sequential([Input((12, 2)), last, Dense(1)])
    model.compile("adam", "mse")
    return model, x, y.reshape(-1, 1)


# --- labels outside what the loss takes ----------------------------------------------------------------------------


@program("TF #8484, rstudio/keras3 #465", fit="raises")
def labels_from_one():
    """Classes 1..K under K outputs: the last is out of range."""
    x, labels = classes(3)
    y = labels + 1  # wrong: error label_range
    # right: y = labels
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("TF #126005", fit="raises")
def labels_that_are_names():
    """Numbers that name classes, not count them."""
    x, labels = classes(3)
    y = np.array([10, 20, 30])[labels]  # wrong: error label_range
    # right: y = labels
    inputs = Input((4,))
    model = Model(inputs, Dense(3)(Dense(8, "relu")(inputs)))
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, x, y.astype("float32")


@program("keras #4784")
def minus_one_under_binary_crossentropy():
    """Classes -1 and +1: a negative probability, and an accuracy of 0."""
    x, labels = two_classes()
    y = 2 * labels - 1  # wrong: error label_range
    # right: y = labels
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, x, y


@program("keras #13926")
def minus_one_under_a_logit():
    """The same under logits; a hinge is what takes -1 and +1."""
    x, labels = two_classes()
    y = 2.0 * labels - 1
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", losses.BinaryCrossentropy(from_logits=True))  # wrong: error label_range
    # right: model.compile("adam", losses.Hinge())
    return model, x, y


@program()
def one_and_two_under_binary_crossentropy():
    """Classes 1 and 2, in a column of a table."""
    x, labels = two_classes()
    first = 1  # wrong: error label_range
    # right: first = 0
    y = pd.Series(labels + first, name="sold")
    model = Sequential([Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, pd.DataFrame(x), y


@program()
def bytes_under_binary_crossentropy():
    """A mask as it was read from a file: 0 and 255."""
    x, labels = masks(num_classes=2)
    bright = 255  # wrong: error label_range
    # right: bright = 1
    y = (bright * labels[..., None]).astype("uint8")
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, padding="same", activation="relu")])
    model.add(Conv2D(1, 1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("SO 52441877")
def standardised_pixels_under_binary_crossentropy():
    """An autoencoder with a sigmoid, of values that go below 0 and above 1."""
    images, _ = grey_images()
    pixels = images.reshape(len(images), -1) / np.float32(255)
    x = (pixels - 0.5) / 0.25  # wrong: error label_range
    # right: x = pixels
    model = Sequential([Input((64,)), Dense(8, "relu"), Dense(64, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, x


@program(fit="raises")
def unlabelled_pixels():
    """Pixels of no class are numbered 255, and the loss was not told."""
    x, labels = masks()
    y = labels.astype("uint8")
    y[:, 0] = 255
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, padding="same", activation="relu")])
    model.add(Conv2D(3, 1, activation="softmax"))
    loss = losses.SparseCategoricalCrossentropy()  # wrong: error label_range
    # right: loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    model.compile("adam", loss)
    return model, x, y


@program("SO 59325381")
def labels_scaled_like_pixels():
    """Labels divided along with the images: cut to whole numbers, all are class 0."""
    images, labels = grey_images()
    x = images / np.float32(255)
    y = labels / 255  # wrong: error fractional_labels
    # right: y = labels
    model = Sequential([Input((8, 8, 1)), layers.Flatten(), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, y


@program("SO 59325381")
def labels_of_half_classes():
    """Grades in halves: 0, 0.5, 1, 1.5, ..., of which a half is lost."""
    x, grades = classes(6)
    half = 2  # wrong: error fractional_labels
    # right: half = 1
    inputs = Input((4,))
    model = Model(inputs, Dense(6)(Dense(8, "relu")(inputs)))
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, x, grades / half


# --- integers for one-hot rows, and the reverse --------------------------------------------------------------------


@program("keras #11786", fit="raises")
def integers_under_categorical_crossentropy():
    """Class numbers where the loss wants one column for each class."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy")  # wrong: error label_encoding
    # right: model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("keras #11786", fit="raises")
def a_column_of_integers_under_categorical_crossentropy():
    """The same with logits and y of shape (n, 1)."""
    x, labels = classes(3)
    y = labels.reshape(-1, 1)  # wrong: error label_encoding
    # right: y = keras.utils.to_categorical(labels, 3)
    inputs = Input((4,))
    model = Model(inputs, Dense(3)(Dense(8, "relu")(inputs)))
    model.compile("adam", losses.CategoricalCrossentropy(from_logits=True))
    return model, x, y


@program("keras #11786", fit="raises")
def one_hot_under_sparse_crossentropy():
    """One column for each class where the loss wants class numbers."""
    x, labels = classes(3)
    model = Sequential([Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")  # wrong: error label_encoding
    # right: model.compile("adam", "categorical_crossentropy")
    return model, x, one_hot(labels)


@program(fit="raises")
def dummies_under_sparse_crossentropy():
    """The same from pandas' get_dummies."""
    x, labels = classes(3)
    names = pd.Series(np.array(["cat", "dog", "fox"])[labels])
    y = pd.get_dummies(names)  # wrong: error label_encoding
    # right: y = names.astype("category").cat.codes
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", losses.SparseCategoricalCrossentropy())
    return model, x, y


@program(fit="raises")
def one_hot_pixels_under_sparse_crossentropy():
    """The same for every pixel."""
    x, labels = masks()
    y = one_hot(labels)  # wrong: error label_encoding
    # right: y = labels
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, padding="same", activation="relu")])
    model.add(Conv2D(3, 1, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


# --- text ----------------------------------------------------------------------------------------------------------


@program("keras #12047", fit="raises")
def text_labels():
    """The names of classes, as they stand in the file."""
    x, labels = classes(3)
    names = np.array(["cat", "dog", "fox"])[labels]
    y = names  # wrong: error text_labels
    # right: y = np.unique(names, return_inverse=True)[1]
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("keras #12047", fit="raises")
def text_labels_as_objects():
    """Yes and no in words, in an array of Python objects."""
    x, labels = two_classes()
    names = np.array(["no", "yes"], dtype=object)  # wrong: error text_labels
    # right: names = np.array([0, 1])
    inputs = Input((4,))
    model = Model(inputs, Dense(1, "sigmoid")(Dense(8, "relu")(inputs)))
    model.compile("adam", "binary_crossentropy")
    return model, x, names[labels]


@program(fit="raises")
def text_labels_in_a_table():
    """A column of pandas, whose dtype is object or text."""
    x, labels = classes(3)
    names = pd.Series(np.array(["setosa", "versicolor", "virginica"])[labels])
    y = names  # wrong: error text_labels
    # right: y = pd.factorize(names)[0]
    model = Sequential([Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, pd.DataFrame(x), y


# --- outside what the loss is defined on ---------------------------------------------------------------------------


@program()
def negative_numbers_under_poisson():
    """Changes of a count are no counts."""
    x, y = counts()
    change = y.mean()  # wrong: error loss_domain
    # right: change = 0
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "softplus")])
    model.compile("adam", "poisson")
    return model, x, y - change


@program("sklearn #9963")
def negative_numbers_under_logarithms():
    """A squared logarithmic error takes every negative target for 0."""
    x, score = numbers()
    y = score  # wrong: error loss_domain
    # right: y = np.exp(score)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "softplus")])
    model.compile("adam", "mean_squared_logarithmic_error")
    return model, x, y


@program()
def rows_that_are_no_distributions():
    """A divergence of distributions, of rows that sum to 100 percent."""
    x, labels = classes(3)
    whole = 100  # wrong: error loss_domain
    # right: whole = 1
    y = whole * (0.05 + 0.85 * one_hot(labels))
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "kl_divergence")
    return model, x, y


@program()
def zeros_under_percentages():
    """A percentage of 0 is as large as one likes: the zeros are all that is learnt."""
    x, y = counts()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "softplus")])
    model.compile("adam", "mape")  # wrong: error|warning loss_domain
    # right: model.compile("adam", "poisson")
    return model, x, y


# --- metrics, balance, shape of numbers ----------------------------------------------------------------------------


@program("SO 48775305")
def accuracy_of_numbers():
    """The share of rows in which a number is hit exactly: 0.0."""
    x, y = numbers()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse", metrics=["accuracy"])  # wrong: warning accuracy_of_numbers
    # right: model.compile("adam", "mse", metrics=["mae"])
    return model, x, y


@program("SO 48775305")
def accuracy_of_numbers_by_output():
    """The same where metrics are given by output."""
    x, price = numbers()
    _, sold = two_classes()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, [Dense(1, name="price")(hidden), Dense(1, "sigmoid", name="sold")(hidden)])
    metrics = {"price": ["accuracy"], "sold": ["accuracy"]}  # wrong: warning accuracy_of_numbers
    # right: metrics = {"price": ["mae"], "sold": ["accuracy"]}
    model.compile("adam", {"price": "mse", "sold": "binary_crossentropy"}, metrics=metrics)
    return model, x, {"price": price, "sold": sold}


@program("keras #5335")
def imbalance():
    """One row in sixty is a yes: always no is right in 98 percent."""
    x = points()
    y = (x[:, 0] > np.sort(x[:, 0])[-5]).astype("int64")
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    options = {}  # wrong: warning|info imbalance
    # right: options = {"class_weight": {0: 0.51, 1: 30.0}}
    return model, x, y, options


@program("keras #5335")
def imbalance_of_several_classes():
    """The third class is met four times."""
    x, labels = classes(2)
    y = labels.copy()
    y[:4] = 2
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {}  # wrong: warning|info imbalance
    # right: options = {"class_weight": {0: 0.68, 1: 0.68, 2: 20.0}}
    return model, x, y, options


@program()
def counts_by_squares():
    """Counts of events under a squared error."""
    x, y = counts()
    last, loss = None, "mse"  # wrong: info counts_by_squares
    # right: last, loss = "softplus", "poisson"
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, last)])
    model.compile("adam", loss)
    return model, x, y


@program()
def skewed_target():
    """Sizes over three orders of magnitude under a squared error."""
    x, score = numbers()
    y = np.exp(2 * score) / 10
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "softplus")])
    model.compile("adam", "mse")  # wrong: info skewed_target
    # right: model.compile("adam", "msle")
    return model, x, y


@program(fit="raises")
def missing_target():
    """A compiled loss, and nothing to compare with."""
    x, y = fractions()
    y = None  # wrong: info missing_target
    # right: y = y.astype("float64")
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", keras.losses.MeanSquaredError())
    return model, x, y


@program(fit="raises")
def missing_target_of_an_autoencoder():
    """The target is the input, which Keras must be told."""
    x = points()
    y = None  # wrong: info missing_target
    # right: y = x
    model = Sequential([Input((4,)), Dense(3, "tanh"), Dense(4)])
    model.compile("adam", "mse")
    return model, x, y


# --- metrics and weights of classes --------------------------------------------------------------------------------


@program(fit="raises")
def recall_of_numbered_classes():
    """A metric that reads one-hot rows, beside a loss that reads the number of the class."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    watched = ["recall"]  # wrong: error unfit_metric
    # right: watched = ["accuracy"]
    model.compile("adam", "sparse_categorical_crossentropy", metrics=watched)
    return model, x, y


@program()
def weight_of_a_class_that_is_not_there():
    """Classes numbered from 0, weights from 1: the last one is never applied."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    options = {"class_weight": {1: 1.0, 2: 2.0, 3: 3.0}}  # wrong: error|warning class_weight
    # right: options = {"class_weight": {0: 1.0, 1: 2.0, 2: 3.0}}
    return model, x, y, options


# --- labels that begin at 1 ----------------------------------------------------------------------------------------


@program(fit="raises")
def rows_of_labels_from_one():
    """to_categorical of 1..3 has a column for 0 too, which is empty."""
    x, labels = classes(3)
    model = Sequential([Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy")
    y = keras.utils.to_categorical(labels + 1)  # wrong: error empty_columns
    # right: y = keras.utils.to_categorical(labels)
    return model, x, y


@program()
def an_output_for_no_class():
    """Labels 1..3 and four outputs, so that the loss takes them: the first is for nothing."""
    x, labels = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(4, "softmax"))  # wrong: info|warning empty_class
    # right: labels, _ = labels - 1, model.add(Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, labels + 1
