"""CNNs as others build them, in plain Keras: functional and nested, of a class of their own, by hand."""

import keras
import numpy as np
from keras import layers, ops

EDGE = np.array([[-1, 0, 1]] * 3, "float32")  # from dark at the left to light at the right


def edge_detector(channels=1):
    """One kernel that looks for an upright edge, in each channel alike."""
    model = keras.Sequential([keras.Input((8, 8, channels)), layers.Conv2D(1, 3, use_bias=False, name="edges")])
    model.set_weights([np.repeat(EDGE[:, :, None, None], channels, axis=2)])
    return model


def nested(channels=3, side=16, classes=4):
    """A functional model with a functional encoder of two branches within, batch normalisation and dropout."""
    image = keras.Input((side, side, channels), name="image")
    x = layers.Conv2D(6, 3, activation="relu", name="conv_a")(image)
    near = layers.Conv2D(4, 1, name="near")(x)
    far = layers.Conv2D(4, 3, padding="same", name="far")(x)
    x = layers.BatchNormalization(name="norm")(layers.Concatenate(name="both")([near, far]))
    encoder = keras.Model(image, layers.MaxPooling2D(name="pool")(ops.relu(x)), name="encoder")
    given = keras.Input((side, side, channels), name="given")
    x = layers.Dropout(0.5, name="drop")(encoder(layers.Rescaling(2.0, -1.0, name="scale")(given)))
    x = layers.Conv2D(8, 3, activation="relu", name="last")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    model = keras.Model(given, layers.Dense(classes, "softmax", name="head")(x), name="classifier")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Block(layers.Layer):
    """A layer of one's own that holds others."""

    def __init__(self, units):
        super().__init__()
        self.conv = layers.Conv2D(units, 3, name="conv")
        self.norm = layers.BatchNormalization(name="norm")

    def call(self, x, training=False):
        return ops.relu(self.norm(self.conv(x), training=training))


class Own(keras.Model):
    """A class of one's own, whose graph Keras does not know; one convolution is called twice."""

    def __init__(self):
        super().__init__(name="own")
        self.blocks = [Block(4), Block(5)]
        self.again = layers.Conv2D(5, 3, name="again")
        self.head = layers.Dense(1, "sigmoid", name="head")

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x, training=training)
        x = self.again(self.again(x))
        return self.head(ops.mean(x, axis=(1, 2)))


def own(channels=5, side=20):
    model = Own()
    model(np.zeros((1, side, side, channels), "float32"))
    return model


def state_of(model):
    """Everything that must stay: weights, seeds, flags, compile state, and what layers have of their own."""
    everything = [model, *model._flatten_layers(include_self=False)]
    return {
        "values": [v.numpy().copy() for v in model.variables],
        "trainable": [layer.trainable for layer in everything],
        "nodes": [len(layer._inbound_nodes) for layer in everything],
        "attributes": [sorted(layer.__dict__) for layer in everything],
        "activations": [getattr(layer, "activation", None) for layer in everything],
        "losses": len(model.losses),
        "optimizer": getattr(model, "optimizer", None),
    }


def same_state(a, b):
    np.testing.assert_equal(a, b)
