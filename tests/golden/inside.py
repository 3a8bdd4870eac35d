"""Programs whose fault is inside: layers that do nothing, rates out of range, and what no tool can judge."""

import keras
from keras import Input, Model, Sequential, layers, losses, optimizers
from keras.layers import Activation, Conv2D, Dense, Dropout, Softmax

from .program import program
from .samples import classes, grey_images, numbers, one_hot, points, two_classes

# --- no non-linearity ----------------------------------------------------------------------------------------------


@program("NeuraLint")
def three_linear_layers():
    """Three matrices in a row are one matrix."""
    x, y = two_classes()
    hidden = None  # wrong: warning no_nonlinearity
    # right: hidden = "relu"
    model = Sequential([Input((4,)), Dense(16, hidden), Dense(16, hidden), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("NeuraLint")
def linear_layers_of_a_regression():
    """The functional style, with dropout between, which bends nothing."""
    x, y = numbers()
    inputs = Input((4,))
    wide = Dense(32)(inputs)
    wide = Dropout(0.1)(wide)  # wrong: warning no_nonlinearity
    # right: wide = Activation("gelu")(wide)
    model = Model(inputs, Dense(1)(wide))
    model.compile("adam", "mse")
    return model, x, y


@program("NeuraLint")
def linear_convolutions():
    """Convolutions without an activation, averaged: one convolution."""
    images, y = grey_images()
    x = images / 255.0
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3)])
    model.add(Conv2D(4, 3))  # wrong: warning no_nonlinearity
    # right: model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(Dense(8, "relu"))
    model.add(Dense(3, "softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


# --- an activation twice -------------------------------------------------------------------------------------------


@program("NeuraLint")
def softmax_of_a_softmax():
    """The head's own softmax, and a layer of it: no probability above e / (e + 2) = 0.58."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.add(Softmax())  # wrong: error|warning doubled_activation
    # right: model.add(layers.Identity())
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("NeuraLint")
def sigmoid_of_a_sigmoid():
    """Nothing below 0.5 comes out: always yes."""
    x, y = two_classes()
    inputs = Input((4,))
    probability = Dense(1, "sigmoid")(Dense(8, "relu")(inputs))
    outputs = Activation("sigmoid")(probability)  # wrong: error|warning doubled_activation
    # right: outputs = probability
    model = Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, x, y


@program()
def softmax_of_a_relu():
    """A logit that cannot be negative, where the activation was meant for the layer before."""
    x, labels = classes(3)
    model = Sequential([Dense(8, "relu")])
    model.add(Dense(3, "relu"))  # wrong: error|warning doubled_activation
    # right: model.add(Dense(3))
    model.add(Activation("softmax"))
    model.compile("adam", losses.CategoricalCrossentropy())
    return model, x, one_hot(labels)


# --- weights that cannot become different, or anything ------------------------------------------------------------


@program("NeuraLint")
def hidden_kernel_of_zeros():
    """ReLU units that begin at 0 have no gradient."""
    x, y = two_classes()
    start = "zeros"  # wrong: error|warning constant_initializer
    # right: start = "he_normal"
    model = Sequential([Input((4,)), Dense(8, "relu", kernel_initializer=start), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("NeuraLint")
def hidden_kernel_of_ones():
    """Filters that begin alike and are never told apart."""
    images, y = grey_images()
    x = images / 255.0
    inputs = Input((8, 8, 1))
    start = keras.initializers.Constant(0.1)  # wrong: error|warning constant_initializer
    # right: start = keras.initializers.GlorotUniform()
    hidden = Conv2D(4, 3, activation="tanh", kernel_initializer=start)(inputs)
    model = Model(inputs, Dense(3, "softmax", kernel_initializer="ones")(layers.Flatten()(hidden)))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("NeuraLint")
def nothing_trainable():
    """A backbone that was frozen after its head was put on."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    model.trainable = False  # wrong: error|warning nothing_trainable
    # right: model.trainable = True
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, x, y


@program("NeuraLint")
def every_layer_frozen():
    """The loop that freezes went on to the head."""
    x, y = numbers()
    body = Sequential([Input((4,)), Dense(8, "relu"), Dense(8, "relu")], name="body")
    model = Sequential([Input((4,)), body, Dense(1)])
    frozen = model.layers  # wrong: error|warning nothing_trainable
    # right: frozen = model.layers[:1]
    for layer in frozen:
        layer.trainable = False
    model.compile("adam", "mse")
    return model, x, y


# --- rates ---------------------------------------------------------------------------------------------------------


@program("UMLAUT")
def rate_of_one_for_adam():
    """A rate for plain gradient descent, kept when the optimizer was changed."""
    x, y = classes(3)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
    optimizer = optimizers.Adam(learning_rate=1.0)  # wrong: warning learning_rate
    # right: optimizer = optimizers.SGD(learning_rate=0.1)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model, x, y


@program("UMLAUT")
def rate_of_a_hundred_for_sgd():
    """A rate at which every step overshoots."""
    x, y = two_classes()
    rate = 100.0  # wrong: warning learning_rate
    # right: rate = 0.1
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile(optimizers.SGD(rate, momentum=0.9), "binary_crossentropy")
    return model, x, y


@program("UMLAUT")
def rate_of_next_to_nothing():
    """A rate below what float32 can add to a weight."""
    x, y = numbers()
    inputs = Input((4,))
    model = Model(inputs, Dense(1)(Dense(8, "relu")(inputs)))
    optimizer = optimizers.RMSprop(1e-10)  # wrong: warning learning_rate
    # right: optimizer = optimizers.RMSprop(1e-3)
    model.compile(optimizer, "mse")
    return model, x, y


@program("UMLAUT")
def dropout_of_nearly_all():
    """The share that is kept, where Keras wants the share that is dropped."""
    x, y = two_classes()
    model = Sequential([Input((4,)), Dense(32, "relu")])
    model.add(Dropout(0.95))  # wrong: warning dropout_rate
    # right: model.add(Dropout(0.05))
    model.add(Dense(1, "sigmoid"))
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program("UMLAUT")
def spatial_dropout_of_nearly_all():
    """The same with whole feature maps, inside a backbone."""
    images, y = grey_images()
    share = 0.9  # wrong: warning dropout_rate
    # right: share = 0.1
    body = Sequential([Input((8, 8, 1)), Conv2D(8, 3, activation="relu"), layers.SpatialDropout2D(share)])
    model = Sequential([Input((8, 8, 1)), body, layers.Flatten(), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, images / 255.0, y


# --- what nobody can judge from outside ----------------------------------------------------------------------------


def half_squared(y_true, y_pred):
    """A loss of one's own."""
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1) / 2


class Doubled(layers.Layer):
    """A layer of one's own."""

    def call(self, x):
        return 2 * x


@program()
def loss_of_ones_own():
    """A function as a loss, which may mean anything."""
    x, y = numbers()
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", half_squared)  # wrong: info not_judged
    # right: model.compile("adam", "mse")
    return model, x, y


@program()
def last_layer_of_ones_own():
    """A layer behind the head, which may give anything."""
    x, y = two_classes()
    inputs = Input((4,))
    hidden = Dense(8, "relu")(inputs)
    outputs = Doubled()(Dense(1)(hidden))  # wrong: info not_judged
    # right: outputs = Dense(1, "sigmoid")(hidden)
    model = Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy")
    return model, x, y


@program()
def same_layer_of_ones_own_thrice():
    """Said once, though it is met three times."""
    x = points()
    y = x[:, 0] - x[:, 1]
    middle = [Doubled() for _ in range(3)]  # wrong: info not_judged
    # right: middle = [layers.Rescaling(2.0) for _ in range(3)]
    model = Sequential([Input((4,)), Dense(8, "relu"), *middle, Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse")
    return model, x, y
