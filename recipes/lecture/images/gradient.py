"""The gradient of a number with respect to an image, for which Keras has no function: the home of TensorFlow here.

Keras' own trainers take it from `tf.GradientTape` too. Eager, so that nothing is compiled and kept.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def with_gradient(function: Callable[[Any], Any], images: np.ndarray) -> tuple[float, np.ndarray]:
    """Compute a number from images, and how it changes with each pixel.

    Args:
        function: Takes a tensor of the images' shape, gives a scalar; may run a Keras model.
        images: float32, of any shape.

    Returns:
        The number, and its gradient of the images' shape; 0 where nothing depends on them.
    """
    import tensorflow as tf

    tensor = tf.convert_to_tensor(images)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(tensor)
        value = function(tensor)
    gradient = tape.gradient(value, tensor, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return float(value), gradient.numpy()
