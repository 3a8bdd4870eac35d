"""Parameters layer by layer and hyperparameters by group, of the lecture's network and of others."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import refused
from keras import layers
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from recipes import build_autoencoder, build_model
from recipes.lecture.networks.drawing import draw_network
from recipes.lecture.networks.layers import COLOURS, require_model
from recipes.lecture.networks.parameters import count_parameters, hyperparameters
from recipes.plots import plot_choices, plot_hyperparameters, plot_parameters
from recipes.plots.style import POINTS, new_figure


@pytest.fixture(scope="module")
def slide():
    return build_model("binary", input_shape=(3,), units=(4, 3), dropout=0.1, learning_rate=0.002)


@pytest.fixture(scope="module")
def branched():
    """A nested, partly frozen model with a layer that is used twice, two outputs and a schedule."""
    image = keras.Input((8, 8, 3))
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, kernel_regularizer="l2", name="conv"),
         layers.BatchNormalization(name="norm"), layers.Activation("relu", name="act"),
         layers.MaxPooling2D(name="pool"), layers.Flatten()], name="encoder")  # fmt: skip
    shared = layers.Dense(5, name="shared")
    code = encoder(image)
    both = layers.Add(name="join")([shared(code), shared(layers.Dropout(0.2, name="drop")(code))])
    model = keras.Model(image, [layers.Dense(2, "softmax", name="a")(both), layers.Dense(1, name="b")(both)])
    encoder.get_layer("conv").trainable = False
    rate = keras.optimizers.schedules.CosineDecay(0.1, 100)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), {"a": "categorical_crossentropy", "b": "mse"})
    return model


class Own(keras.Model):
    """A class of one's own with a weight beside its layers."""

    def __init__(self):
        super().__init__(name="own")
        self.dense = layers.Dense(3, name="dense")
        self.scale = self.add_weight(shape=(7,), name="scale")

    def call(self, x):
        return self.dense(x)


class Wrapped(keras.Model):
    """A class of one's own that calls one of its parts `model`, as a `Run` does."""

    def __init__(self):
        super().__init__(name="wrapped")
        self.model = keras.Sequential([layers.Dense(3, name="inner")])
        self.last = layers.Dense(1, name="last")

    def call(self, x):
        return self.last(self.model(x))


def test_a_model_that_has_a_part_called_model_is_taken_whole():
    wrapped = Wrapped()
    wrapped(np.zeros((1, 2)))
    assert require_model(wrapped, "test") is wrapped
    assert require_model(SimpleNamespace(model=wrapped), "test") is wrapped  # as of a Run
    assert count_parameters(wrapped).total == (2 * 3 + 3) + (3 * 1 + 1)
    assert draw_network(wrapped).name == "wrapped"


class TestParameters:
    def test_the_slides_network_has_16_and_15_and_4(self, slide):
        counted = count_parameters(slide)
        assert [layer.count for layer in counted.layers] == [16, 15, 4]
        assert [layer.equation for layer in counted.layers] == ["3·4 + 4 = 16", "4·3 + 3 = 15", "3·1 + 1 = 4"]
        assert str(counted) == (
            "hidden_1 (Dense): 3·4 + 4 = 16  (kernel, bias)\n"
            "hidden_2 (Dense): 4·3 + 3 = 15  (kernel, bias)\n"
            "head (Dense): 3·1 + 1 = 4  (kernel, bias)\n"
            "16 + 15 + 4 = 35 parameters"
        )
        assert "3·4 + 4 = 16" in counted._repr_html_()

    def test_a_nested_model_by_hand(self, branched):
        counted = count_parameters(branched)
        found = {layer.layer: (layer.equation, layer.trainable) for layer in counted.layers}
        assert found == {
            "encoder/conv": ("3·3·3·4 + 4 = 112", 0),
            "encoder/norm": ("4 + 4 + 4 + 4 = 16", 8),
            "shared": ("36·5 + 5 = 185", 185),  # once, though it is used twice
            "a": ("5·2 + 2 = 12", 12),
            "b": ("5·1 + 1 = 6", 6),
        }
        assert counted.sum == "112 + 16 + 185 + 12 + 6 = 331 parameters, 211 of them trained"

    def test_keras_counts_the_same_of_any_model(self, branched):
        text = keras.Input((20,))
        x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(layers.Embedding(50, 6)(text))
        x = layers.MultiHeadAttention(2, 3)(x, x)
        sequence = keras.Model(text, layers.TimeDistributed(layers.Dense(3))(x))
        own = Own()
        own(np.zeros((2, 4)))
        numbers = np.random.default_rng(0).normal(size=(20, 4))
        scaled = build_model(x=numbers, y=numbers[:, 0], units=(5,))
        autoencoder = build_autoencoder(preset="notebook-64")
        for model in (branched, sequence, own, scaled, autoencoder):
            counted = count_parameters(model)
            assert counted.total == model.count_params()
            assert counted.trainable == sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        assert count_parameters(autoencoder).total == 218_192  # the course notebook's number
        assert str(count_parameters(own)).splitlines()[1] == "own (Own): 7  (scale)"

    def test_without_parameters(self):
        model = keras.Sequential([keras.Input((4,)), layers.Activation("relu")])
        counted = count_parameters(model)
        assert str(counted) == "0 parameters"
        assert plot_parameters(counted).get_title(loc="left") == "0 parameters"

    def test_refusals(self):
        with refused(
            "The model 'own' has no weights yet, as it does not know its input. "
            "Build it: build_model(..., input_shape=...), model.build((None, ...)), or call it on some data."
        ):
            count_parameters(Own())
        with refused(
            "count_parameters takes a Keras model. Received: str. "
            "Pass the model itself; of a file, keras.saving.load_model(path).",
            TypeError,
        ):
            count_parameters("model.keras")

    def test_bars_are_as_long_as_the_numbers(self, slide, branched):
        ax = plot_parameters(count_parameters(slide))
        assert [bar.get_width() for bar in ax.patches] == [16, 15, 4]
        assert [text.get_text() for text in ax.texts] == ["3·4 + 4 = 16", "4·3 + 3 = 15", "3·1 + 1 = 4"]
        assert ax.get_title(loc="left") == "16 + 15 + 4 = 35 parameters"
        widths = [bar.get_width() for bar in plot_parameters(count_parameters(branched)).patches]
        assert widths == [0, 8, 185, 12, 6, 112, 8, 0, 0, 0]  # trained, then not trained


class TestHyperparameters:
    def test_the_slides_network(self, slide):
        chosen = hyperparameters(slide, epochs=20, batch_size=16)
        architecture = {(choice.where, choice.name): choice.value for choice in chosen["architecture"]}
        assert architecture["hidden_1", "nodes"] == "4"
        assert architecture["hidden_2", "activation"] == "relu"
        assert architecture["head", "activation"] == "sigmoid"
        assert architecture["head", "connectivity"] == "each node with all before it"
        assert [(choice.where, choice.name, choice.value) for choice in chosen["training"]] == [
            ("", "loss", "binary_crossentropy"), ("", "optimizer", "Adam"), ("", "learning rate", "0.002"),
            ("dropout_1", "dropout", "0.1"), ("dropout_2", "dropout", "0.1"), ("", "epochs", "20"),
            ("", "batch size", "16"),
        ]  # fmt: skip
        assert repr(chosen) == "<Hyperparameters: 10 of architecture, 7 of training>"

    def test_a_nested_model(self, branched):
        rows = {(c.where, c.name): c.value for c in hyperparameters(branched).choices}
        assert rows["", "layers"] == "10, of which 4 have nodes or filters"
        assert rows["encoder/conv", "connectivity"] == "Conv2D, windows of 3×3, step 1×1, valid"
        assert rows["encoder/pool", "connectivity"] == "MaxPooling2D, windows of 2×2, step 2×2, valid"
        assert rows["encoder/conv", "kernel regulariser"] == "L2 0.01"
        assert rows["encoder/conv", "trained"] == "no, frozen"
        assert rows["join", "connectivity"] == "Add of 2 branches"
        assert (rows["a", "loss"], rows["b", "loss"]) == ("categorical_crossentropy", "mean_squared_error")
        assert rows["", "learning rate"] == "0.1, then CosineDecay"
        assert rows["", "momentum"] == "0.9"
        assert rows["", "epochs"] == "chosen with fit"

    def test_wrapped_layers_tell_what_is_inside(self):
        inner = layers.Bidirectional(layers.LSTM(4, dropout=0.1), name="both")
        model = keras.Sequential([keras.Input((5, 2)), inner])
        rows = {(c.where, c.name): c.value for c in hyperparameters(model).choices}
        assert (rows["both", "nodes"], rows["both", "activation"], rows["both", "dropout"]) == ("4", "tanh", "0.1")
        assert rows["", "optimizer"] == "not compiled yet"

    def test_a_run_knows_its_epochs(self, slide):
        run = SimpleNamespace(model=slide, history={}, signature=None, epochs=7)
        assert {c.name: c.value for c in hyperparameters(run).choices}["epochs"] == "7"

    def test_refusals(self, slide):
        with refused("epochs must be a whole number of at least 1. Received: epochs=0."):
            hyperparameters(slide, epochs=0)
        with pytest.raises(TypeError, match=r"^hyperparameters takes a Keras model. Received: int."):
            hyperparameters(3)

    def test_the_table_has_the_lectures_two_colours(self, slide):
        chosen = hyperparameters(slide)
        ax = plot_hyperparameters(chosen)
        grounds = [bar.get_facecolor()[:3] for bar in ax.patches]
        green, red = (to_rgb(COLOURS[group][0]) for group in ("architecture", "training"))
        assert grounds == [green] * len(chosen["architecture"]) + [red] * len(chosen["training"])
        assert green[1] > max(green[0], green[2])
        assert red[0] > max(red[1], red[2])
        grey = [np.dot(colour, (0.2126, 0.7152, 0.0722)) for colour in (green, red)]
        assert grey[1] - grey[0] > 0.3  # told apart in print
        texts = [text.get_text() for text in ax.texts]
        assert {"architecture", "training", "hidden_1", "binary_crossentropy"} <= {*texts}
        assert COLOURS["training"][0] in chosen._repr_html_()

    def test_its_figure_has_the_network_above_the_table(self, slide):
        network, table = hyperparameters(slide).plot().axes
        nodes = [patch for patch in network.patches if str(patch.get_gid()).startswith("node")]
        assert len(nodes) == 3 + 4 + 3 + 1
        words = {text.get_text(): text for text in network.texts}
        assert to_rgb(words["relu"].get_color()) == to_rgb(COLOURS["architecture"][0])
        assert words["dropout 0.1"].get_bbox_patch().get_facecolor()[:3] == to_rgb(COLOURS["training"][0])
        assert "binary_crossentropy" in [text.get_text() for text in table.texts]

    def test_of_a_deep_network_the_table_says_what_it_leaves_out(self):
        model = keras.Sequential([keras.Input((2,)), *[layers.Dense(2, "relu", name=f"d{i}") for i in range(12)]])
        ax = plot_hyperparameters(hyperparameters(model))
        assert "17 more" in [text.get_text() for text in ax.texts]  # of 37 rows of architecture, 20 are shown

    @pytest.mark.parametrize("counts", [True, False])
    def test_no_words_lie_on_others_however_long_the_names_are(self, branched, counts):
        figure = plot_choices(hyperparameters(branched), count_parameters(branched) if counts else None)
        assert_no_overlap(figure, figure.axes[-1].texts)
        if counts:
            bars = figure.axes[1]
            legend = bars.get_legend()
            assert [bar.get_width() for bar in bars.containers[0]] == [layer.trainable for layer in
                                                                      count_parameters(branched).layers]  # fmt: skip
            assert_no_overlap(figure, [*bars.texts, bars.xaxis.label, *bars.get_yticklabels(), legend])

    def test_in_narrow_axes_the_letters_get_smaller(self, branched):
        figure = new_figure((5, 8))
        ax = plot_hyperparameters(hyperparameters(branched), figure.add_subplot())
        assert_no_overlap(figure, ax.texts)
        assert ax.texts[0].get_fontsize() < POINTS


def assert_no_overlap(figure, artists):
    """All of them lie within the figure, and none on another."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [
        artist.get_window_extent(renderer) for artist in artists if not isinstance(artist, Text) or artist.get_text()
    ]
    assert len(boxes) > 3
    for i, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert not [other for other in boxes[:i] if box.overlaps(other)]
