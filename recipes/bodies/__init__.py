"""The part of a network between its input and its head: each body is a list of Keras layers."""

from recipes.bodies.cnn import cnn
from recipes.bodies.mlp import mlp
from recipes.bodies.sequence import sequence

BODIES = {"mlp": mlp, "cnn": cnn, "sequence": sequence}
