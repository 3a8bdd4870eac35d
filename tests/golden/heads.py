"""Programs whose last layer does not go with the loss, or cannot give the target."""

import keras
import numpy as np
from keras import Input, Model, Sequential, layers, losses
from keras.layers import Activation, Conv2D, Dense, Reshape, Softmax, TimeDistributed

from .program import program
from .samples import (
    classes,
    fractions,
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

# --- one output under a softmax: always 1.0 ------------------------------------------------------------------------


@program("keras #18909")
def softmax_over_one():
    """Two classes from one softmax unit: the loss falls, every prediction is 1.0."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1, "softmax"))  # wrong: error softmax_over_one
    # right: model.add(Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, x, y


@program()
def softmax_over_one_as_a_layer():
    """The same in the functional style, the activation a layer of its own, y a column of float64."""
    x, y = two_classes()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    logit = Dense(1)(hidden)
    outputs = Activation("softmax")(logit)  # wrong: error softmax_over_one
    # right: outputs = Activation("sigmoid")(logit)
    model = Model(inputs, outputs)
    model.compile("adam", losses.BinaryCrossentropy())
    return model, x, y.reshape(-1, 1).astype("float64")


@program()
def softmax_over_one_not_built():
    """The same before the model has seen its input's shape."""
    x, y = two_classes()
    model = Sequential([Dense(8, "relu"), Dense(1)])
    model.add(Softmax())  # wrong: error softmax_over_one
    # right: model.add(Activation("sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program()
def softmax_over_one_in_a_regression():
    """One number from a softmax: the answer is always 1.0."""
    x, y = numbers()
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1, activation=keras.activations.softmax))  # wrong: error softmax_over_one
    # right: model.add(Dense(1))
    model.compile("rmsprop", "mse")
    return model, x, y


@program()
def softmax_over_one_per_pixel():
    """A mask of one channel under a softmax over the channels."""
    x, y = masks(num_classes=2)
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, padding="same", activation="relu")])
    model.add(Conv2D(1, 1, activation="softmax"))  # wrong: error softmax_over_one
    # right: model.add(Conv2D(1, 1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y[..., None]


@program()
def softmax_over_one_per_step():
    """One yes or no for each step of a series."""
    x, _ = series()
    y = (x[:, :, :1] > 0).astype("int64")
    model = Sequential([Input((12, 2)), layers.LSTM(6, return_sequences=True)])
    model.add(TimeDistributed(Dense(1, "softmax")))  # wrong: error softmax_over_one
    # right: model.add(TimeDistributed(Dense(1, "sigmoid")))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program()
def softmax_over_one_behind_a_backbone():
    """The head stands behind a model within the model."""
    x, y = grey_images()
    backbone = Sequential([Input((8, 8, 1)), layers.Rescaling(1 / 255), Conv2D(4, 3, activation="relu")], name="body")
    inputs = Input((8, 8, 1))
    features = layers.GlobalAveragePooling2D()(backbone(inputs))
    outputs = Dense(1, "softmax")(features)  # wrong: error softmax_over_one
    # right: outputs = Dense(1, "sigmoid")(features)
    model = Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy")
    return model, x, (y == 2).astype("float32")


# --- fewer outputs than classes ------------------------------------------------------------------------------------


@program("SO 50079585")
def one_sigmoid_for_three_classes():
    """Labels 0, 1, 2 under one sigmoid: class 2 is a probability of 2."""
    x, y = classes(3)
    units, activation, loss = 1, "sigmoid", "binary_crossentropy"  # wrong: error fewer_outputs_than_classes
    # right: units, activation, loss = 3, "softmax", "sparse_categorical_crossentropy"
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(units, activation)])
    model.compile("adam", loss)
    return model, x, y


@program("keras #14046")
def three_classes_for_a_yes_or_no():
    """The model is meant for one class against the rest, y still has all three."""
    x, species = classes(3)
    y = species  # wrong: error fewer_outputs_than_classes
    # right: y = (species == 2).astype("int64")
    inputs = Input((4,))
    model = Model(inputs, Dense(1, "sigmoid")(Dense(8, "relu")(inputs)))
    model.compile("adam", losses.BinaryCrossentropy(), metrics=["accuracy"])
    return model, x, y.reshape(-1, 1)


@program(fit="raises")
def nine_outputs_for_ten_classes():
    """The last class has no output."""
    x, y = classes(10)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(9, "softmax"))  # wrong: error fewer_outputs_than_classes
    # right: model.add(Dense(10, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y.astype("uint8")


@program(fit="raises")
def two_logits_for_four_classes():
    """Likewise with logits."""
    x, y = classes(4)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(2))  # wrong: error fewer_outputs_than_classes
    # right: model.add(Dense(4))
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, x, y.astype("float64")


@program(fit="raises")
def one_sigmoid_under_a_sparse_crossentropy():
    """The loss for several outputs over one sigmoid: class 1 is out of range."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "sparse_categorical_crossentropy")  # wrong: error fewer_outputs_than_classes
    # right: model.compile("adam", "binary_crossentropy")
    return model, x, y


@program(fit="raises")
def fewer_tags_than_there_are():
    """A tagger: one label for each step of a text."""
    x, _ = texts(words=50)
    y = x % 5
    model = Sequential([layers.Embedding(50, 6), layers.GRU(6, return_sequences=True)])
    model.add(Dense(4, "softmax"))  # wrong: error fewer_outputs_than_classes
    # right: model.add(Dense(5, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program()
def one_sigmoid_for_three_classes_in_a_second_output():
    """Two outputs: the price is right, the kind has one sigmoid for three labels."""
    x, kind = classes(3)
    _, price = numbers()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    units, activation, loss = 1, "sigmoid", "binary_crossentropy"  # wrong: error fewer_outputs_than_classes
    # right: units, activation, loss = 3, "softmax", "sparse_categorical_crossentropy"
    model = Model(inputs, [Dense(1, name="price")(hidden), Dense(units, activation, name="kind")(hidden)])
    model.compile("adam", {"price": "mse", "kind": loss})
    return model, x, {"price": price, "kind": kind}


# --- a softmax under a binary crossentropy -------------------------------------------------------------------------


@program("SO 44322611, keras #3396")
def softmax_with_binary_crossentropy():
    """One class a row, one-hot, but the loss is for labels on their own: K sigmoids are trained, a softmax predicts."""
    x, labels = classes(3)
    y = one_hot(labels)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "binary_crossentropy")  # wrong: error softmax_with_binary_crossentropy
    # right: model.compile("adam", "categorical_crossentropy")
    return model, x, y


@program()
def two_softmax_units_with_binary_crossentropy():
    """Two classes as two columns; the two losses are no longer the same in Keras 3."""
    x, labels = two_classes()
    y = keras.utils.to_categorical(labels, 2)
    model = Sequential([Dense(8, "relu"), Dense(2), Activation("softmax")])
    model.compile("sgd", losses.BinaryCrossentropy())  # wrong: error softmax_with_binary_crossentropy
    # right: model.compile("sgd", losses.CategoricalCrossentropy())
    return model, x, y


@program()
def softmax_with_binary_crossentropy_on_images():
    """A convolutional classifier of bytes, labels one-hot in float64."""
    images, labels = grey_images()
    inputs = Input((8, 8, 1))
    hidden = Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(inputs))
    outputs = Dense(3, "softmax")(layers.Flatten()(hidden))
    model = Model(inputs, outputs)
    loss = "binary_crossentropy"  # wrong: error softmax_with_binary_crossentropy
    # right: loss = "categorical_crossentropy"
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model, images, np.eye(3)[labels]


@program()
def softmax_with_binary_crossentropy_in_a_list_of_losses():
    """Two outputs, the losses a list."""
    x, labels = classes(3)
    _, y = numbers()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, [Dense(3, "softmax", name="kind")(hidden), Dense(1, name="price")(hidden)])
    kind = losses.BinaryCrossentropy()  # wrong: error softmax_with_binary_crossentropy
    # right: kind = losses.CategoricalCrossentropy()
    model.compile("adam", [kind, "mae"])
    return model, x, [one_hot(labels), y]


# --- sigmoids under a categorical crossentropy ---------------------------------------------------------------------


@program("SO 51930566")
def sigmoid_with_categorical_crossentropy():
    """One class a row from K sigmoids: the loss is that of a softmax, predict() gives no distribution."""
    x, labels = classes(3)
    y = one_hot(labels)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, "sigmoid"))  # wrong: error sigmoid_with_categorical_crossentropy
    # right: model.add(Dense(3, "softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model, x, y


@program("SO 59278771")
def sigmoid_with_sparse_crossentropy():
    """The same with integer labels."""
    x, y = classes(3)
    inputs = Input((4,))
    logits = Dense(3)(Dense(8, "relu")(inputs))
    outputs = layers.Activation("sigmoid")(logits)  # wrong: error sigmoid_with_categorical_crossentropy
    # right: outputs = layers.Activation("softmax")(logits)
    model = Model(inputs, outputs)
    model.compile("adam", losses.SparseCategoricalCrossentropy())
    return model, x, y


@program()
def sigmoids_of_several_labels_with_categorical_crossentropy():
    """The head is right for labels on their own, the loss is not."""
    x, y = several_labels()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(4, "sigmoid")])
    model.compile("adam", "categorical_crossentropy")  # wrong: error sigmoid_with_categorical_crossentropy
    # right: model.compile("adam", "binary_crossentropy")
    return model, x, y


@program()
def sigmoid_with_categorical_crossentropy_per_pixel():
    """Three classes of pixels from three sigmoids."""
    x, labels = masks()
    y = one_hot(labels)
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, padding="same", activation="relu")])
    model.add(Conv2D(3, 1, activation="sigmoid"))  # wrong: error sigmoid_with_categorical_crossentropy
    # right: model.add(Conv2D(3, 1, activation="softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model, x, y


# --- logits under a loss that wants probabilities ------------------------------------------------------------------


@program("keras-hub #1008")
def logit_taken_for_a_probability():
    """A linear unit under the default binary crossentropy."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", "binary_crossentropy")  # wrong: error logits_taken_for_probabilities
    # right: model.compile("adam", losses.BinaryCrossentropy(from_logits=True))
    return model, x, y


@program()
def logits_taken_for_probabilities():
    """A head without its activation under the sparse crossentropy."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3))  # wrong: error logits_taken_for_probabilities
    # right: model.add(Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, y


@program()
def logits_taken_for_probabilities_by_an_object():
    """The loss's flag was forgotten; y is one-hot, the model is not built."""
    x, labels = classes(3)
    model = Sequential([Dense(8, "relu"), Dense(3, activation="linear")])
    loss = losses.CategoricalCrossentropy()  # wrong: error logits_taken_for_probabilities
    # right: loss = losses.CategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    return model, x, one_hot(labels)


@program()
def logits_of_several_labels_taken_for_probabilities():
    """Four labels on their own, from four linear units."""
    x, y = several_labels()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    outputs = Dense(4)(hidden)  # wrong: error logits_taken_for_probabilities
    # right: outputs = Dense(4, "sigmoid")(hidden)
    model = Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program()
def logits_of_pixels_taken_for_probabilities():
    """A segmentation whose last convolution has no activation."""
    x, y = masks()
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, padding="same", activation="relu"), Conv2D(3, 1)])
    model.compile("adam", losses.SparseCategoricalCrossentropy())  # wrong: error logits_taken_for_probabilities
    # right: model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, x, y


@program()
def logits_of_a_nested_head_taken_for_probabilities():
    """The last layer is in a model within the model."""
    x, y = classes(3)
    last = Dense(3)  # wrong: error logits_taken_for_probabilities
    # right: last = Dense(3, "softmax")
    body = Sequential([Input((4,)), Dense(8, "relu")], name="body")
    head = Sequential([Input((8,)), last], name="head")
    model = Sequential([Input((4,)), body, head])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program()
def logits_taken_for_probabilities_in_one_of_two_outputs():
    """Two outputs named in dicts; one is a logit."""
    x, y = two_classes()
    _, price = numbers()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    sold = Dense(1, name="sold")(hidden)  # wrong: error logits_taken_for_probabilities
    # right: sold = Dense(1, "sigmoid", name="sold")(hidden)
    model = Model(inputs, {"sold": sold, "price": Dense(1, name="price")(hidden)})
    model.compile("adam", {"sold": "binary_crossentropy", "price": "mse"})
    return model, x, {"sold": y, "price": price}


# --- metrics that read another kind of output ----------------------------------------------------------------------


@program()
def accuracy_of_a_logit():
    """Keras' accuracy counts an output above 0.5 as a yes, and a logit is one above 0."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    metrics = ["accuracy"]  # wrong: warning metric_threshold
    # right: metrics = [keras.metrics.BinaryAccuracy(threshold=0.0)]
    model.compile("adam", losses.BinaryCrossentropy(from_logits=True), metrics=metrics)
    return model, x, y


@program()
def auc_of_logits():
    """The area under the curve of a logit, from thresholds between 0 and 1; the model is not built."""
    x, y = two_classes()
    model = Sequential([Dense(8, "relu"), Dense(1)])
    auc = keras.metrics.AUC()  # wrong: warning metric_threshold
    # right: auc = keras.metrics.AUC(from_logits=True)
    model.compile("adam", losses.BinaryFocalCrossentropy(from_logits=True), metrics=[auc])
    return model, x, y


# --- probabilities under a loss that wants logits ------------------------------------------------------------------


@program("keras #15271")
def softmax_taken_for_logits():
    """A softmax and from_logits=True: Keras sees through it here, and warns when the training begins."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, "softmax"))  # wrong: warning probabilities_taken_for_logits
    # right: model.add(Dense(3))
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, x, y


@program()
def sigmoid_taken_for_a_logit():
    """The same with one sigmoid."""
    x, y = two_classes()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    model = Model(inputs, Activation("sigmoid")(Dense(1)(hidden)))
    loss = losses.BinaryCrossentropy(from_logits=True)  # wrong: warning probabilities_taken_for_logits
    # right: loss = losses.BinaryCrossentropy(from_logits=False)
    model.compile("adam", loss)
    return model, x, y


@program()
def softmax_taken_for_logits_one_hot():
    """The same with one-hot labels, not built."""
    x, labels = classes(3)
    model = Sequential([Dense(8, "relu"), Dense(3, "softmax")])
    loss = losses.CategoricalCrossentropy(from_logits=True)  # wrong: warning probabilities_taken_for_logits
    # right: loss = losses.CategoricalCrossentropy()
    model.compile("adam", loss)
    return model, x, one_hot(labels)


@program()
def sigmoid_behind_a_reshape_taken_for_a_logit():
    """Where a layer stands between, Keras does not see through it: the loss squashes the probability once more."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid"), Reshape((1, 1))])
    loss = losses.BinaryCrossentropy(from_logits=True)  # wrong: error|warning probabilities_taken_for_logits
    # right: loss = losses.BinaryCrossentropy()
    model.compile("adam", loss)
    return model, x, y.reshape(-1, 1, 1)


# --- an activation whose range is not the loss's domain ------------------------------------------------------------


@program("SO 47352366", fit="nan")
def relu_with_crossentropy():
    """ReLU outputs as probabilities: a row of zeros is 0 / 0."""
    x, labels = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, "relu"))  # wrong: error activation_outside_loss
    # right: model.add(Dense(3, "softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model, x, one_hot(labels)


@program("SO 47352366")
def relu_with_sparse_crossentropy():
    """The same with integer labels, where nothing is divided and nobody is told."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, "relu"))  # wrong: error activation_outside_loss
    # right: model.add(Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, y


@program("SO 47352366")
def tanh_with_binary_crossentropy():
    """A negative probability."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1, activation="tanh"))  # wrong: error activation_outside_loss
    # right: model.add(Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program()
def relu_layer_with_binary_crossentropy():
    """The ReLU is a layer of its own."""
    x, y = two_classes()
    inputs = Input((4,))
    logit = Dense(1)(Dense(8, "relu")(inputs))
    outputs = layers.ReLU()(logit)  # wrong: error activation_outside_loss
    # right: outputs = Activation("sigmoid")(logit)
    model = Model(inputs, outputs)
    model.compile("adam", losses.BinaryCrossentropy())
    return model, x, y


@program()
def tanh_with_categorical_crossentropy():
    """One-hot labels under a head that goes from -1 to 1."""
    x, labels = classes(3)
    model = Sequential([Dense(8, "relu")])
    model.add(Dense(3, "tanh"))  # wrong: error activation_outside_loss
    # right: model.add(Dense(3, "softmax"))
    model.compile("adam", "categorical_crossentropy")
    return model, x, one_hot(labels)


@program()
def elu_with_sparse_crossentropy():
    """The hidden layers' activation, copied to the last one."""
    x, y = classes(3)
    last = "elu"  # wrong: error activation_outside_loss
    # right: last = "softmax"
    model = Sequential([Input((4,)), Dense(8, "elu"), Dense(8, "elu"), Dense(3, last)])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program()
def sigmoid_with_hinge():
    """The margin asks for -1, and a sigmoid ends at 0: every sign is +."""
    x, labels = two_classes()
    y = 2.0 * labels - 1
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1, "sigmoid"))  # wrong: error activation_outside_loss
    # right: model.add(Dense(1, "tanh"))
    model.compile("adam", "hinge")
    return model, x, y


@program("keras #1917")
def sigmoid_with_kl_divergence():
    """The lecture slide's own row: every output can run to 1 and the loss to 0."""
    x, labels = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, "sigmoid"))  # wrong: error sigmoid_with_kl_divergence
    # right: model.add(Dense(3, "softmax"))
    model.compile("adam", "kl_divergence")
    return model, x, one_hot(labels)


@program("keras #1917")
def linear_with_kl_divergence():
    """Distributions from a linear head: outputs of 1 and more cost nothing."""
    x, labels = classes(3)
    y = 0.1 + 0.7 * one_hot(labels)
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    outputs = Dense(3)(hidden)  # wrong: error activation_outside_loss
    # right: outputs = Dense(3, "softmax")(hidden)
    model = Model(inputs, outputs)
    model.compile("adam", losses.KLDivergence())
    return model, x, y


@program(fit="nan")
def linear_with_poisson():
    """A rate that may be negative, of which the loss takes the logarithm."""
    rng = np.random.default_rng(0)
    x = points()
    y = rng.poisson(np.exp(0.5 * x[:, 0]))
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1))  # wrong: error activation_outside_loss
    # right: model.add(Dense(1, "softplus"))
    model.compile("adam", "poisson")
    return model, x, y


# --- numbers that the last activation cannot give ------------------------------------------------------------------


@program("SO 48221692, keras-tuner README")
def relu_for_negative_numbers():
    """A regression behind a ReLU, half of whose targets are negative."""
    x, y = numbers()
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(1, activation="relu"))  # wrong: error unreachable_target
    # right: model.add(Dense(1))
    model.compile("adam", "mse")
    return model, x, y


@program("SO 33969059")
def sigmoid_for_large_numbers():
    """Ages in years from a sigmoid."""
    x, score = numbers()
    y = (score - score.min()) * 2
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    outputs = Dense(1, "sigmoid")(hidden)  # wrong: error unreachable_target
    # right: outputs = Dense(1, "softplus")(hidden)
    model = Model(inputs, outputs)
    model.compile("adam", "mean_absolute_error")
    return model, x, y


@program("SO 48251943")
def tanh_for_standardised_numbers():
    """Standardised is not between -1 and 1."""
    x, y = numbers()
    model = Sequential([Dense(8, "tanh"), Dense(1)])
    model.add(Activation("tanh"))  # wrong: error unreachable_target
    # right: model.add(Activation("linear"))
    model.compile("sgd", losses.Huber())
    return model, x, y.astype("float64")


@program("keras #3687")
def softmax_for_several_numbers():
    """Three numbers a row from a softmax."""
    x, y = numbers(3)
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(3, "softmax"))  # wrong: error unreachable_target
    # right: model.add(Dense(3))
    model.compile("adam", "mse")
    return model, x, y


@program("SO 33969059")
def sigmoid_for_bytes():
    """An autoencoder whose input is scaled, and whose target is not."""
    images, _ = grey_images()
    x = images.reshape(len(images), -1) / np.float32(255)
    y = images.reshape(len(images), -1)  # wrong: error unreachable_target
    # right: y = x
    model = Sequential([Input((64,)), Dense(8, "relu"), Dense(64, "sigmoid")])
    model.compile("adam", "mse")
    return model, x, y


@program()
def relu_for_negative_numbers_in_one_of_two_outputs():
    """Two outputs, losses by name; the second is behind a ReLU."""
    x, y = numbers()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    change = Dense(1, "relu", name="change")(hidden)  # wrong: error unreachable_target
    # right: change = Dense(1, name="change")(hidden)
    model = Model(inputs, [Dense(1, "softplus", name="size")(hidden), change])
    model.compile("adam", {"size": "mse", "change": "mse"})
    return model, x, [abs(y), y]


@program()
def relu_for_a_series():
    """The next value of a wave around 0, from a ReLU behind an LSTM."""
    x, y = series()
    head = layers.Dense(1, "relu")  # wrong: error unreachable_target
    # right: head = layers.Dense(1)
    model = Sequential([Input((12, 2)), layers.LSTM(8), head])
    model.compile("adam", "mse")
    return model, x, y


# --- a softmax where a row has any number of labels ----------------------------------------------------------------


@program("autokeras #1120")
def softmax_for_several_labels():
    """Labels that do not exclude each other compete."""
    x, y = several_labels()
    model = Sequential([Input((4,)), Dense(8, "relu")])
    model.add(Dense(4, "softmax"))  # wrong: error softmax_for_several_labels
    # right: model.add(Dense(4, "sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("autokeras #1120")
def softmax_for_several_labels_with_categorical_crossentropy():
    """The same under the loss of a softmax."""
    x, y = several_labels()
    last, loss = "softmax", "categorical_crossentropy"  # wrong: error softmax_for_several_labels
    # right: last, loss = "sigmoid", "binary_crossentropy"
    inputs = Input((4,))
    model = Model(inputs, Dense(4, last)(Dense(8, "relu")(inputs)))
    model.compile("adam", loss)
    return model, x, y.astype("int64")


# --- the loss of numbers on classes --------------------------------------------------------------------------------


@program("SO 38648195")
def squared_error_on_yes_and_no():
    """A line through 0 and 1."""
    x, y = two_classes()
    last, loss = None, "mse"  # wrong: warning loss_for_numbers
    # right: last, loss = "sigmoid", "binary_crossentropy"
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, last)])
    model.compile("adam", loss)
    return model, x, y


@program("SO 34673164")
def squared_error_on_one_hot_rows():
    """A softmax trained by squares: slow where it is most wrong."""
    x, labels = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.compile("adam", "mean_squared_error")  # wrong: warning loss_for_numbers
    # right: model.compile("adam", "categorical_crossentropy")
    return model, x, one_hot(labels)


@program()
def absolute_error_on_one_hot_rows():
    """The same with absolute errors, whose best constant answer is no class at all."""
    x, labels = classes(3)
    inputs = Input((4,))
    model = Model(inputs, Dense(3, "softmax")(Dense(8, "relu")(inputs)))
    loss = losses.MeanAbsoluteError()  # wrong: warning loss_for_numbers
    # right: loss = losses.CategoricalCrossentropy()
    model.compile("adam", loss)
    return model, x, one_hot(labels)


@program()
def squared_error_behind_a_sigmoid():
    """Brier's score: it gives probabilities too, more slowly."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "mse")  # wrong: info loss_for_numbers
    # right: model.compile("adam", "binary_crossentropy")
    return model, x, y


@program()
def squared_error_on_shares_that_were_rounded():
    """Shares in [0, 1] are numbers, and go with squares; rounded they are classes."""
    x, shares = fractions()
    y = np.round(shares)  # wrong: info loss_for_numbers
    # right: y = shares
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "mse")
    return model, x, y
