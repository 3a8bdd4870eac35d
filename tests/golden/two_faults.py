"""Programs with two faults that have nothing to do with each other: both are to be found."""

import numpy as np
from keras import Input, Model, Sequential, layers, losses, optimizers
from keras.layers import Conv2D, Dense, Dropout

from .program import program
from .samples import classes, grey_images, masks, numbers, one_hot, points, series, several_labels, texts, two_classes


@program("keras #18909, SO 48594888")
def softmax_over_one_and_large_columns():
    x, y = two_classes()
    x *= 5000  # wrong: warning unscaled_x
    # right: x *= 1
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1, "softmax"))  # wrong: error softmax_over_one
    # right: model.add(Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("keras-hub #1008, TF #8484", fit="raises")
def logits_and_labels_from_one():
    x, labels = classes(3)
    first = 1  # wrong: error label_range
    # right: first = 0
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3)])
    loss = losses.SparseCategoricalCrossentropy()  # wrong: error logits_taken_for_probabilities
    # right: loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model, x, labels + first


@program("SO 53640858, SO 48221692", fit="nan")
def gaps_and_relu_head():
    x, y = numbers()
    x[3] = np.nan  # wrong: error not_finite
    # right: x[3] = 0
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    outputs = Dense(1, "relu")(hidden)  # wrong: error unreachable_target
    # right: outputs = Dense(1)(hidden)
    model = Model(inputs, outputs)
    model.compile("adam", "mse")
    return model, x, y


@program("SO 51930566, UMLAUT")
def sigmoids_and_a_rate_of_ten():
    x, labels = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, "sigmoid"))  # wrong: error sigmoid_with_categorical_crossentropy
    # right: model.add(Dense(3, "softmax"))
    rate = 10.0  # wrong: warning learning_rate
    # right: rate = 0.001
    model.compile(optimizers.Adam(rate), "categorical_crossentropy")
    return model, x, one_hot(labels)


@program("keras #18909, SO 48221692")
def each_of_two_outputs_has_its_fault():
    x, change = numbers()
    _, sold = two_classes()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    first = Dense(1, "relu", name="change")(hidden)  # wrong: error unreachable_target
    # right: first = Dense(1, name="change")(hidden)
    second = Dense(1, "softmax", name="sold")(hidden)  # wrong: error softmax_over_one
    # right: second = Dense(1, "sigmoid", name="sold")(hidden)
    model = Model(inputs, [first, second])
    model.compile("adam", {"change": "mse", "sold": "binary_crossentropy"})
    return model, x, [change, sold]


@program("SO 44322611, NeuraLint")
def binary_crossentropy_and_no_nonlinearity():
    x, labels = classes(3)
    hidden = "linear"  # wrong: warning no_nonlinearity
    # right: hidden = "tanh"
    model = Sequential([Dense(16, hidden), Dense(16, hidden), Dense(3, "softmax")])
    model.compile("adam", "binary_crossentropy")  # wrong: error softmax_with_binary_crossentropy
    # right: model.compile("adam", "categorical_crossentropy")
    return model, x, one_hot(labels)


@program("keras #12047, UMLAUT", fit="raises")
def text_labels_and_dropout():
    x, y = texts()
    names = np.array(["bad", "good"])  # wrong: error text_labels
    # right: names = np.array([0, 1])
    model = Sequential([layers.Embedding(2000, 8), layers.LSTM(8)])
    model.add(Dropout(0.97))  # wrong: warning dropout_rate
    # right: model.add(Dropout(0.3))
    model.add(Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, names[y]


@program("SO 39525358, SO 47352366", fit="silent|nan")
def bytes_and_tanh_head():
    images, labels = grey_images()
    inputs = Input((8, 8, 1))
    scaled = inputs  # wrong: warning unscaled_x
    # right: scaled = layers.Rescaling(1 / 255)(inputs)
    hidden = layers.Flatten()(Conv2D(4, 3, activation="relu")(scaled))
    outputs = Dense(1, "tanh")(hidden)  # wrong: error activation_outside_loss
    # right: outputs = Dense(1, "sigmoid")(hidden)
    model = Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy")
    return model, images, (labels == 1).astype("float32")


@program("SO 48775305, SO 52800582")
def prices_and_their_accuracy():
    x, score = numbers()
    scale = 50_000  # wrong: warning unscaled_y
    # right: scale = 1
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    metric = "accuracy"  # wrong: warning accuracy_of_numbers
    # right: metric = "mae"
    model.compile("adam", "mse", metrics=[metric])
    return model, x, scale * score


@program("keras #8346, keras-hub #1008")
def sorted_rows_and_a_logit():
    x, y = two_classes()
    order = np.argsort(y)  # wrong: error|warning ordered_rows
    # right: order = np.arange(len(y))
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1))  # wrong: error logits_taken_for_probabilities
    # right: model.add(Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, x[order], y[order], {"validation_split": 0.2}


@program("keras #14627, SO 48594888")
def stretched_and_large():
    x, y = numbers()
    table = x * 700  # wrong: warning unscaled_x
    # right: table = x * 1
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(2))  # wrong: error stretched_target
    # right: model.add(Dense(1))
    model.compile("adam", "mse")
    return model, table, y.reshape(-1, 1)


@program("autokeras #1120, NeuraLint")
def competing_labels_and_frozen_layers():
    x, y = several_labels()
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(4, "softmax"))  # wrong: error softmax_for_several_labels
    # right: model.add(Dense(4, "sigmoid"))
    model.trainable = False  # wrong: error|warning nothing_trainable
    # right: model.trainable = True
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("keras #4784, NeuraLint")
def minus_one_and_zero_kernels():
    x, labels = two_classes()
    y = 2 * labels - 1  # wrong: error label_range
    # right: y = labels
    start = "zeros"  # wrong: error|warning constant_initializer
    # right: start = "glorot_uniform"
    model = Sequential([Input((4,)), Dense(8, "relu", kernel_initializer=start), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("SO 59325381, NeuraLint")
def fractional_labels_and_two_softmaxes():
    x, labels = classes(3)
    y = labels / 2  # wrong: error fractional_labels
    # right: y = labels
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.add(layers.Softmax())  # wrong: error|warning doubled_activation
    # right: model.add(layers.Identity())
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("keras #15271, SO 53640858", fit="nan")
def gaps_and_probabilities_taken_for_logits():
    x, y = masks(num_classes=2)
    x[0, 0, 0] = np.inf  # wrong: error not_finite
    # right: x[0, 0, 0] = 1.0
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, padding="same", activation="relu")])
    model.add(Conv2D(1, 1, activation="sigmoid"))  # wrong: warning probabilities_taken_for_logits
    # right: model.add(Conv2D(1, 1))
    model.compile("adam", losses.BinaryCrossentropy(from_logits=True))
    return model, x, y[..., None]


@program("keras #5335, SO 48594888")
def imbalance_and_large_columns():
    x = points()
    y = (x[:, 0] > np.sort(x[:, 0])[-5]).astype("int64")
    x = x * 2000  # wrong: warning unscaled_x
    # right: x = x * 1
    options = {}  # wrong: warning|info imbalance
    # right: options = {"class_weight": {0: 0.51, 1: 30.0}}
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, x, y, options


@program("keras #1917", fit="raises")
def a_lost_row_and_a_divergence_of_sigmoids():
    x, labels = classes(3)
    last = -1  # wrong: error unequal_rows
    # right: last = None
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, "sigmoid"))  # wrong: error sigmoid_with_kl_divergence
    # right: model.add(Dense(3, "softmax"))
    model.compile("adam", "kl_divergence")
    return model, x, one_hot(labels)[:last]


@program("SO 33969059, UMLAUT")
def bounded_forecast_and_a_rate_of_nothing():
    x, y = series()
    model = Sequential([Input((12, 2)), layers.LSTM(8)])
    model.add(Dense(1, "tanh"))  # wrong: error unreachable_target
    # right: model.add(Dense(1))
    optimizer = optimizers.Adam(1e-12)  # wrong: warning learning_rate
    # right: optimizer = optimizers.Adam(1e-3)
    model.compile(optimizer, "mse")
    return model, x, y
