"""The part of a network between its input and its head: each body is a list of Keras layers."""

from collections.abc import Callable

import keras

from recipes.bodies.cnn import cnn
from recipes.bodies.lenet import lenet
from recipes.bodies.mlp import mlp
from recipes.bodies.sequence import sequence

BODIES: dict[str, Callable[..., list[keras.Layer]]] = {"mlp": mlp, "cnn": cnn, "lenet": lenet, "sequence": sequence}
OF_IMAGES = ("cnn", "lenet")  # those that convolve over height and width
