"""The same mistakes in other clothes: operations for layers, functions for names, other losses, other containers."""

import keras
import numpy as np
import pandas as pd
from keras import Input, Model, Sequential, layers, losses, ops, optimizers
from keras.layers import Activation, Conv2D, Dense

from .program import program
from .samples import (
    classes,
    counts,
    grey_images,
    masks,
    numbers,
    one_hot,
    points,
    series,
    several_labels,
    texts,
    two_classes,
)


class Network(Model):
    """A functional model under a name of one's own."""


# --- heads ---------------------------------------------------------------------------------------------------------


@program("keras #18909")
def softmax_over_one_as_an_operation():
    """The activation is a function of keras.ops in the graph of layers."""
    x, y = two_classes()
    inputs = Input((4,))
    logit = Dense(1)(Dense(8, "relu")(inputs))
    outputs = ops.softmax(logit)  # wrong: error softmax_over_one
    # right: outputs = ops.sigmoid(logit)
    model = Model(inputs, outputs)
    model.compile("adam", "bce")
    return model, x, y


@program("keras #18909")
def softmax_over_one_in_a_class_of_ones_own():
    """The functional model's class has another name, and computes nothing else."""
    x, y = two_classes()
    inputs = Input((4,))
    last = Dense(1, activation="softmax")  # wrong: error softmax_over_one
    # right: last = Dense(1, activation="sigmoid")
    model = Network(inputs, last(Dense(8, "relu")(inputs)))
    model.compile("adam", "binary_crossentropy")
    return model, x, y.astype(bool)


@program("SO 50079585")
def one_logit_for_three_classes():
    """A column of a table with three kinds, one logit."""
    x, labels = classes(3)
    kinds = 3  # wrong: error fewer_outputs_than_classes
    # right: kinds = 2
    y = pd.Series(labels).clip(upper=kinds - 1)
    model = Sequential([Dense(8, "relu"), Dense(1)])
    model.compile("adam", losses.BinaryCrossentropy(from_logits=True))
    return model, pd.DataFrame(x), y


@program(fit="raises")
def fewer_outputs_than_classes_in_a_column():
    """Labels of shape (n, 1), a softmax as a layer."""
    x, y = classes(6)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(4))  # wrong: error fewer_outputs_than_classes
    # right: model.add(Dense(6))
    model.add(layers.Softmax())
    model.compile("adam", keras.losses.sparse_categorical_crossentropy)
    return model, x, y[:, None]


@program("SO 44322611")
def softmax_with_binary_crossentropy_by_class_name():
    """The loss by the name of its class, y a table of dummies."""
    x, labels = classes(3)
    y = pd.get_dummies(pd.Series(labels), dtype=float)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "BinaryCrossentropy")  # wrong: error softmax_with_binary_crossentropy
    # right: model.compile("adam", "CategoricalCrossentropy")
    return model, x, y


@program("SO 51930566")
def sigmoid_with_a_crossentropy_function():
    """The loss as a function of Keras; boolean labels."""
    x, labels = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, keras.activations.sigmoid))  # wrong: error sigmoid_with_categorical_crossentropy
    # right: model.add(Dense(3, keras.activations.softmax))
    model.compile("adam", keras.losses.categorical_crossentropy)
    return model, x, one_hot(labels).astype(bool)


@program()
def logits_behind_a_flatten():
    """A fully convolutional head, flattened."""
    images, labels = grey_images()
    x = images / 255.0
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, activation="relu"), Conv2D(3, 6), layers.Flatten()])
    loss = losses.CategoricalCrossentropy()  # wrong: error logits_taken_for_probabilities
    # right: loss = losses.CategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model, x, one_hot(labels)


@program()
def logit_under_a_focal_loss():
    """The focal loss wants probabilities by default, as the plain one does."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", losses.BinaryFocalCrossentropy())  # wrong: error logits_taken_for_probabilities
    # right: model.compile("adam", losses.BinaryFocalCrossentropy(from_logits=True))
    return model, x, y.reshape(-1, 1)


@program("keras #15271")
def probabilities_taken_for_logits_in_one_of_two_outputs():
    """Two outputs in a dict; the flag was copied to the one that has a softmax."""
    x, kind = classes(3)
    _, sold = two_classes()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    flag = True  # wrong: warning probabilities_taken_for_logits
    # right: flag = False
    model = Model(inputs, {"kind": Dense(3, "softmax")(hidden), "sold": Dense(1)(hidden)})
    of_kind = losses.SparseCategoricalCrossentropy(from_logits=flag)
    model.compile("adam", {"kind": of_kind, "sold": losses.BinaryCrossentropy(from_logits=True)})
    return model, x, {"kind": kind, "sold": sold.reshape(-1, 1)}


@program("SO 47352366")
def leaky_relu_object_under_a_crossentropy():
    """An activation that is itself a layer, given as an argument."""
    x, y = classes(3)
    last = layers.LeakyReLU()  # wrong: error activation_outside_loss
    # right: last = "softmax"
    model = Sequential([Input((4,)), Dense(8, layers.LeakyReLU()), Dense(3, last)])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program()
def sigmoid_with_squared_hinge():
    """The squared margin, of one output among two."""
    x, labels = two_classes()
    _, price = numbers()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    side = Dense(1, "sigmoid", name="side")(hidden)  # wrong: error activation_outside_loss
    # right: side = Dense(1, name="side")(hidden)
    model = Model(inputs, [side, Dense(1, name="price")(hidden)])
    model.compile("adam", [losses.SquaredHinge(), "mse"])
    return model, x, [(2.0 * labels - 1)[:, None], price[:, None]]


@program(fit="nan|silent")
def tanh_with_poisson():
    """A negative rate once more."""
    x, y = counts()
    last = "tanh"  # wrong: error activation_outside_loss
    # right: last = "softplus"
    model = Sequential([Dense(8, "relu"), Dense(1), Activation(last)])
    model.compile("adam", keras.losses.Poisson())
    return model, x, y


@program()
def cut_relu_for_larger_numbers():
    """A ReLU that ends at 6, for numbers up to 20."""
    x, score = numbers()
    y = 10 + 4 * score.clip(-2, 2)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1, "relu6"))  # wrong: error unreachable_target
    # right: model.add(Dense(1, "relu"))
    model.compile("adam", "mae")
    return model, x, y


@program("SO 48221692")
def softplus_for_negative_numbers():
    """A positive output per step for a wave around 0."""
    x, _ = series()
    y = np.roll(x[:, :, :1], -1, axis=1)
    model = Sequential([Input((12, 2)), layers.GRU(8, return_sequences=True)])
    model.add(layers.TimeDistributed(Dense(1, "softplus")))  # wrong: error unreachable_target
    # right: model.add(layers.TimeDistributed(Dense(1)))
    model.compile("adam", "log_cosh")
    return model, x, y


@program("autokeras #1120")
def softmax_for_several_labels_in_a_table():
    """A table of labels, booleans; the head is nested."""
    x, labels = several_labels()
    y = pd.DataFrame(labels > 0, columns=["dog", "cat", "car", "tree"])
    last = "softmax"  # wrong: error softmax_for_several_labels
    # right: last = "sigmoid"
    head = Sequential([Input((8,)), Dense(4, last)], name="head")
    model = Sequential([Input((4,)), Dense(8, "relu"), head])
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("SO 38648195")
def huber_on_yes_and_no():
    """A robust error, on booleans."""
    x, y = two_classes()
    last, loss = "linear", losses.Huber()  # wrong: warning loss_for_numbers
    # right: last, loss = "sigmoid", losses.BinaryCrossentropy()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, last)])
    model.compile("adam", loss)
    return model, x, y.astype(bool)


# --- labels --------------------------------------------------------------------------------------------------------


@program("keras #4784")
def minus_one_for_several_labels():
    """Several labels a row, each -1 or +1."""
    x, labels = several_labels()
    y = 2 * labels - 1  # wrong: error label_range
    # right: y = labels
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(4, "sigmoid")])
    model.compile("adam", losses.BinaryCrossentropy(label_smoothing=0.05))
    return model, x, y


@program("rstudio/keras3 #465", fit="raises")
def labels_from_one_for_each_step():
    """Tags 1..K of words."""
    x, _ = texts(words=50)
    first = 1  # wrong: error label_range
    # right: first = 0
    inputs = Input((10,))
    hidden = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(layers.Embedding(50, 6)(inputs))
    model = Model(inputs, Dense(5, "softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, (x % 5 + first).astype("int32")


@program("SO 59325381")
def standardised_labels():
    """Labels that went through the scaler with all other columns."""
    x, labels = classes(4)
    y = (labels - labels.min()) / 1.5  # wrong: error fractional_labels
    # right: y = (labels - labels.min()) / 1
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(4, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y.astype("float32")


@program("keras #11786", fit="raises")
def integers_in_one_of_two_outputs():
    """Two outputs; the class is an integer, and its loss wants rows."""
    x, kind = classes(3)
    _, price = numbers()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, [Dense(3, "softmax", name="kind")(hidden), Dense(1, name="price")(hidden)])
    of_kind = "categorical_crossentropy"  # wrong: error label_encoding
    # right: of_kind = "sparse_categorical_crossentropy"
    model.compile("adam", {"kind": of_kind, "price": "mse"})
    return model, x, {"kind": kind, "price": price}


@program("keras #12047", fit="raises")
def labels_of_bytes():
    """Labels read from a binary file: b"no", b"yes"."""
    x, y = two_classes()
    names = np.array([b"no", b"yes"])  # wrong: error text_labels
    # right: names = np.array([0.0, 1.0])
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, names[y]


@program("sklearn #9963")
def negative_numbers_under_poisson_in_a_list():
    """Two outputs in lists; the counts had their mean taken off."""
    x, y = counts()
    score = points(1, rows=300)
    shift = 2  # wrong: error loss_domain
    # right: shift = 0
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, [Dense(1, "exponential", name="count")(hidden), Dense(1, name="score")(hidden)])
    model.compile("adam", ["poisson", "mse"])
    return model, x, [y - shift, score]


@program("SO 48775305")
def accuracy_object_of_numbers():
    """The metric as an object."""
    x, y = numbers(2)
    metric = keras.metrics.Accuracy()  # wrong: warning accuracy_of_numbers
    # right: metric = keras.metrics.MeanAbsoluteError()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(2)])
    model.compile("adam", "mae", metrics=[metric])
    return model, x, y


@program("keras #5335")
def imbalance_of_one_hot_rows():
    """A rare class as a column."""
    x, labels = classes(2)
    labels[3:6] = 2
    options = {}  # wrong: warning|info imbalance
    # right: options = {"class_weight": {0: 0.68, 1: 0.68, 2: 25.0}}
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["acc"])
    return model, x, one_hot(labels), options


# --- rows ----------------------------------------------------------------------------------------------------------


@program("SO 48594888")
def large_numbers_in_a_dict():
    """Inputs by name; one is in thousands."""
    x, y = two_classes()
    size = x[:, :1] * 4000 + 9000
    inputs = {"size": Input((1,), name="size"), "rest": Input((4,), name="rest")}
    scaled = inputs["size"]  # wrong: warning unscaled_x
    # right: scaled = layers.BatchNormalization()(inputs["size"])
    hidden = Dense(8, "relu")(layers.concatenate([scaled, inputs["rest"]]))
    model = Model(inputs, Dense(1, "sigmoid")(hidden))
    model.compile("adam", "binary_crossentropy")
    return model, {"size": size, "rest": x}, y


@program("SO 53640858", fit="nan")
def gaps_in_one_of_two_targets():
    """Prices that are not known, among targets by name."""
    x, price = numbers()
    _, sold = two_classes()
    price[[4, 99]] = np.nan  # wrong: error not_finite
    # right: price[[4, 99]] = 0.0
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, {"sold": Dense(1, "sigmoid")(hidden), "price": Dense(1)(hidden)})
    model.compile("adam", {"sold": "binary_crossentropy", "price": "mse"})
    return model, x, {"price": price, "sold": sold.reshape(-1, 1)}


@program("keras #8346")
def sorted_column_of_a_table():
    """A table sorted by its target."""
    x, y = two_classes()
    table = pd.DataFrame(x, columns=list("abcd")).assign(sold=y)
    table = table.sort_values("sold")  # wrong: error|warning ordered_rows
    # right: table = table.sample(frac=1, random_state=0)
    model = Sequential([Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, table[list("abcd")], table["sold"], {"validation_split": 0.2}


# --- inside --------------------------------------------------------------------------------------------------------


@program("NeuraLint")
def linear_layers_with_a_normalisation_between():
    """A batch normalisation scales, and bends nothing."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(16), layers.BatchNormalization()])
    model.add(Dense(16))  # wrong: warning no_nonlinearity
    # right: model.add(layers.ELU())
    model.add(Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("NeuraLint")
def sigmoid_of_a_sigmoid_per_pixel():
    """A mask through two sigmoids."""
    x, y = masks(num_classes=2)
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, padding="same", activation="relu")])
    model.add(Conv2D(1, 1, activation="sigmoid"))  # wrong: error|warning doubled_activation
    # right: model.add(Conv2D(1, 1))
    model.add(Activation("sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y[..., None]


@program("UMLAUT")
def schedule_from_a_rate_of_fifty():
    """A decaying rate that begins far out."""
    x, y = numbers()
    rate = optimizers.schedules.ExponentialDecay(50.0, 1000, 0.9)  # wrong: warning learning_rate
    # right: rate = optimizers.schedules.ExponentialDecay(0.005, 1000, 0.9)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile(optimizers.Adam(rate), "mse")
    return model, x, y


@program("NeuraLint")
def frozen_embedding_and_head():
    """Every layer of a text model frozen, by an argument."""
    x, y = texts()
    trains = False  # wrong: error|warning nothing_trainable
    # right: trains = True
    inputs = Input((10,))
    hidden = layers.GlobalAveragePooling1D()(layers.Embedding(2000, 4, trainable=False)(inputs))
    model = Model(inputs, Dense(1, "sigmoid", trainable=trains)(hidden))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


# --- two at once ---------------------------------------------------------------------------------------------------


@program("SO 50079585, SO 53640858", fit="nan")
def three_classes_for_one_sigmoid_and_gaps():
    """Too few outputs, and a missing value."""
    x, labels = classes(3)
    kinds = 3  # wrong: error fewer_outputs_than_classes
    # right: kinds = 2
    x[0, 0] = np.nan  # wrong: error not_finite
    # right: x[0, 0] = 0.0
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, np.minimum(labels, kinds - 1)


@program("keras #11786, UMLAUT", fit="raises")
def one_hot_rows_and_a_rate_of_ten():
    """Rows for a loss of integers, and a rate out of range."""
    x, labels = classes(3)
    loss = "sparse_categorical_crossentropy"  # wrong: error label_encoding
    # right: loss = "categorical_crossentropy"
    rate = 10.0  # wrong: warning learning_rate
    # right: rate = 0.01
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile(optimizers.Adam(rate), loss)
    return model, x, one_hot(labels)


# --- and nothing wrong ---------------------------------------------------------------------------------------------


@program("keras.io: Image classification from scratch")
def scaled_by_an_operation():
    """Bytes divided in the graph of layers; fewer classes met than there are outputs."""
    x, y = grey_images()
    inputs = Input((8, 8, 1))
    hidden = Conv2D(8, 3, activation="relu")(inputs / 255.0)
    model = Model(inputs, Dense(10, "softmax")(layers.Flatten()(hidden)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, y


@program("keras.io: DCGAN, the generator's half")
def adversarial_generator():
    """Noise through a generator into a frozen discriminator, whose verdict should always be yes."""
    noise = points(6)
    generator = Sequential([Input((6,)), Dense(16, "relu"), Dense(10, "tanh")], name="generator")
    discriminator = Sequential([Input((10,)), Dense(16), layers.LeakyReLU(0.2), Dense(1, "sigmoid")], name="judge")
    discriminator.trainable = False
    model = Sequential([generator, discriminator])
    model.compile(optimizers.Adam(2e-4, beta_1=0.5), "binary_crossentropy")
    return model, noise, np.ones((len(noise), 1))


@program("keras.io: Deep Q-learning")
def action_values():
    """A number for each of three actions, under Huber's loss."""
    x, y = numbers(3)
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(3, activation="linear")])
    model.compile(optimizers.Adam(2.5e-4, clipnorm=1.0), keras.losses.Huber())
    return model, x, y


@program("Sequence to sequence of letters")
def one_hot_letters():
    """One-hot letters in, one-hot letters out, a softmax at every step."""
    tokens, _ = texts(words=12, length=8)
    x = np.eye(12, dtype="float32")[tokens]
    model = Sequential([Input((8, 12)), layers.LSTM(12, return_sequences=True), Dense(12, activation="softmax")])
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    return model, x, np.roll(x, 1, axis=1)


@program("Word2vec with negative samples")
def skip_grams():
    """The product of two embeddings through a sigmoid; one pair in four is real."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 5000, size=(240, 2))
    y = (rng.uniform(size=240) < 0.25).astype("int32")
    inputs = Input((2,), dtype="int32")
    both = layers.Embedding(5000, 8)(inputs)
    dot = ops.sum(both[:, 0] * both[:, 1], axis=-1, keepdims=True)
    model = Model(inputs, ops.sigmoid(dot))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, pairs, y


@program("Padded series")
def masked_series():
    """Series of different lengths, padded by -1 and masked."""
    x, y = series()
    x[::2, 6:] = -1.0
    model = Sequential([Input((12, 2)), layers.Masking(mask_value=-1.0), layers.LSTM(8), Dense(1)])
    model.compile("adam", "mse")
    return model, x, y


@program("Super-resolution")
def super_resolution():
    """Small images in [0, 1] to larger ones, through a sigmoid and squares."""
    images, _ = grey_images()
    y = images / 255.0
    x = y[:, ::2, ::2]
    model = Sequential([Input((4, 4, 1)), Conv2D(8, 3, padding="same", activation="relu"), layers.UpSampling2D()])
    model.add(Conv2D(1, 3, padding="same", activation="sigmoid"))
    model.compile("adamax", "mse", metrics=["mae"])
    return model, x, y


@program("keras.io: Metric learning for image similarity search")
def cosine_codes():
    """Codes of length 1 under a cosine loss."""
    x, _ = numbers()
    y = points(6)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(6), layers.UnitNormalization()])
    model.compile("adam", losses.CosineSimilarity())
    return model, x, y


@program("keras.io: OCR model for reading captchas")
def connectionist_classification():
    """Letters without their places, under Keras' own CTC loss on logits."""
    x, _ = series()
    y = np.random.default_rng(0).integers(1, 6, size=(len(x), 4))
    model = Sequential([Input((12, 2)), layers.Bidirectional(layers.LSTM(8, return_sequences=True)), Dense(7)])
    model.compile("adam", losses.CTC())
    return model, x, y


@program("Multi-task with a table")
def tables_for_two_outputs():
    """Pandas throughout: features in a table, targets in two columns."""
    x, price = numbers()
    _, sold = two_classes()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, [Dense(1, name="price")(hidden), Dense(1, "sigmoid", name="sold")(hidden)])
    model.compile("adam", ["mse", "binary_crossentropy"], metrics=[["mae"], ["accuracy"]])
    return model, pd.DataFrame(x), [pd.Series(price), pd.Series(sold)]
