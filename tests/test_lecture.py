"""The lecture's worked examples, to the number."""

import keras
import numpy as np
import pytest

from recipes import build_model
from recipes.lecture.images.convolution import IMAGE, KERNEL


def test_convolution_relu_and_pooling():
    model = keras.Sequential(
        [
            keras.Input((5, 5, 1)),
            keras.layers.Conv2D(1, 3, use_bias=False, name="feature_map"),
            keras.layers.ReLU(name="relu"),
            keras.layers.MaxPooling2D(2, strides=1, name="pool"),
        ]
    )
    model.get_layer("feature_map").set_weights([KERNEL.reshape(3, 3, 1, 1)])
    outputs = keras.Model(model.inputs[0], [layer.output for layer in model.layers])
    feature_map, relu, pool = (np.asarray(part)[0, :, :, 0] for part in outputs(IMAGE.reshape(1, 5, 5, 1)))
    np.testing.assert_array_equal(feature_map, [[7, -3, 3], [-3, 5, -3], [3, -3, 7]])
    np.testing.assert_array_equal(relu, [[7, 0, 3], [0, 5, 0], [3, 0, 7]])
    np.testing.assert_array_equal(pool, [[7, 5], [5, 7]])


def test_three_inputs_hidden_four_and_three_one_output_have_35_parameters():
    model = build_model("binary", input_shape=(3,), units=(4, 3))
    assert [layer.count_params() for layer in model.layers if layer.weights] == [16, 15, 4]
    assert model.count_params() == 35


@pytest.mark.parametrize(("name", "threshold", "truth"), [("and", 2, [0, 0, 0, 1]), ("or", 1, [0, 1, 1, 1])])
def test_the_mcculloch_pitts_neuron_is_one_node(name, threshold, truth):
    """Fires where the sum of its inputs reaches the threshold: a linear model with weights 1, cut halfway below."""
    model = build_model("binary", input_shape=(2,), units=())
    model.get_layer("head").set_weights([np.ones((2, 1)), np.array([0.5 - threshold])])
    fires = model.predict(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), verbose=0)[:, 0] > 0.5
    np.testing.assert_array_equal(fires, truth)
