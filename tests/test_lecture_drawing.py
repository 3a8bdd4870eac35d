"""Any network as the slides draw theirs: what is drawn and where, and what is left out, read from the artists."""

import runpy
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, refused
from keras import layers
from matplotlib.colors import to_hex

from recipes import build_autoencoder, build_model
from recipes.lecture.networks.calls import calls_of
from recipes.lecture.networks.drawing import draw_network
from recipes.lecture.networks.layers import COLOURS
from recipes.lecture.networks.layout import place
from recipes.plots import plot_network
from recipes.plots.style import TRAIN, VALIDATION, new_figure


def artists(ax, kind):
    """The artists whose gid begins with this word, by the numbers behind it."""
    found = [*ax.patches, *ax.collections, *ax.lines, *ax.texts]
    named = [(str(artist.get_gid()).split(), artist) for artist in found]
    return {tuple(map(int, words[1:])): artist for words, artist in named if words[0] == kind}


def texts(ax, place):
    """What stands below a layer, line by line."""
    below = [text for text in ax.texts if str(text.get_gid()).endswith(f" {place}") and "in" not in text.get_gid()[:2]]
    return [text.get_text() for text in sorted(below, key=lambda text: -text.get_position()[1])]


def places_of(drawing):
    return {layer.title: place for place, layer in enumerate(drawing.layers)}


@pytest.fixture(scope="module")
def slide():
    return build_model("binary", input_shape=(3,), units=(4, 3), dropout=0.1, seed=0)


@pytest.fixture(scope="module")
def mobile_net():
    return keras.applications.MobileNetV2(weights=None, input_shape=(64, 64, 3))


@pytest.fixture(scope="module")
def two_inputs():
    """Numbers and a picture, a nested network of convolutions, two outputs."""
    age, image = keras.Input((4,), name="age"), keras.Input((8, 8, 3), name="image")
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(6, 3, activation="relu", name="conv"), layers.MaxPooling2D(name="pool"),
         layers.Flatten(), layers.Dense(5, name="code")], name="encoder")  # fmt: skip
    both = layers.Concatenate(name="both")([layers.Dense(3, "tanh", name="short")(age), encoder(image)])
    hidden = layers.Dense(4, "relu", kernel_regularizer="l2", name="hidden")(both)
    ends = [layers.Dense(1, "sigmoid", name="ill")(hidden), layers.Dense(3, "softmax", name="ward")(hidden)]
    return keras.Model([age, image], ends, name="two")


class Own(keras.Model):
    """A class that joins its layers in its own way, with a weight beside them."""

    def __init__(self):
        super().__init__(name="own")
        self.first = layers.Dense(3, "relu", name="first")
        self.last = layers.Dense(1, name="last")
        self.scale = self.add_weight(shape=(7,), name="scale")

    def call(self, x):
        return self.last(self.first(x)) + self.last(self.first(-x))


class TestSlide:
    def test_columns_of_3_and_4_and_3_and_1(self, slide):
        drawing = draw_network(slide)
        assert str(drawing) == (
            "mlp_binary: 6 layers, 35 parameters\n"
            "  1. input: 3 nodes\n"
            "  2. hidden_1: 4 nodes, relu, dropout 0.1, 3·4 + 4 = 16\n"
            "  3. hidden_2: 3 nodes, relu, dropout 0.1, 4·3 + 3 = 15\n"
            "  4. head: 1 node, sigmoid, 3·1 + 1 = 4"
        )
        nodes = artists(plot_network(slide), "node")
        by_column = [sorted(circle.center[1] for (i, _), circle in nodes.items() if i == column) for column in range(4)]
        assert [len(heights) for heights in by_column] == [3, 4, 3, 1]
        middles = [np.mean(heights) for heights in by_column]
        np.testing.assert_allclose(middles, middles[0], atol=1e-12)  # one line from input to output
        x = [nodes[column, 0].center[0] for column in range(4)]
        assert (np.diff(x) > 0).all()
        np.testing.assert_allclose(np.diff(x), x[1] - x[0])

    def test_each_line_is_a_weight(self, slide):
        ax = plot_network(slide)
        nodes, joins = artists(ax, "node"), artists(ax, "join")
        kernels = [layer.get_weights()[0] for layer in slide.layers if layer.weights]
        assert joins.keys() == {(0, 1), (1, 2), (2, 3)}
        sizes, widths = [], []
        for (source, target), lines in joins.items():
            kernel = kernels[source]
            assert len(lines.get_segments()) == kernel.size
            styles = zip(
                lines.get_segments(), lines.get_linewidths(), lines.get_colors(), lines.get_linestyles(), strict=True
            )
            for (i, j), ((start, end), width, colour, (_, dashes)) in zip(
                np.ndindex(kernel.shape), styles, strict=True
            ):
                assert start[1] == pytest.approx(nodes[source, i].center[1])
                assert end[1] == pytest.approx(nodes[target, j].center[1])
                assert to_hex(colour) == (TRAIN if kernel[i, j] >= 0 else VALIDATION)
                assert (dashes is not None) == (kernel[i, j] < 0)  # told apart without colour
                sizes.append(abs(kernel[i, j]))
                widths.append(width)
        order = np.argsort(sizes)
        assert (np.diff(np.array(widths)[order]) >= 0).all()
        assert np.corrcoef(sizes, widths)[0, 1] == pytest.approx(1)

    def test_what_stands_below(self, slide):
        ax = plot_network(slide)
        assert texts(ax, 1) == ["hidden_1", "4 nodes", "relu", "dropout 0.1", "3·4 + 4 = 16"]
        assert ax.get_title(loc="left").startswith("mlp_binary: 6 layers, 35 parameters\nlines: the wider")
        tops = [artists(ax, "title")[place,].get_position()[1] for place in range(4)]
        np.testing.assert_allclose(tops, tops[0])

    def test_the_drawing_keeps_no_hold_of_the_model(self, slide):
        drawing = draw_network(slide)
        before = drawing.joins[0].weights.copy()
        kernel = slide.get_layer("hidden_1").kernel
        value = kernel.numpy()
        kernel.assign(value + 1)
        np.testing.assert_array_equal(drawing.joins[0].weights, before)
        kernel.assign(value)


class TestTasks:
    @pytest.mark.parametrize(
        ("task", "options", "last"),
        [("regression", {}, ["1 node"]), ("multilabel", {"num_classes": 5}, ["5 nodes", "sigmoid"]),
         ("multiclass", {"num_classes": 10}, ["10 nodes", "softmax"]), ("quantile", {}, ["3 nodes"])],
    )  # fmt: skip
    def test_heads(self, task, options, last):
        model = build_model(task, input_shape=(6,), **options)
        layer = draw_network(model).layers[-1]
        assert [*layer.architecture] == last
        assert layer.parameters == model.get_layer("head").count_params()

    def test_a_model_that_has_not_seen_its_input(self):
        drawing = draw_network(build_model("binary"))
        assert [layer.architecture for layer in drawing.layers] == [
            ("not known yet",), ("64 nodes", "relu"), ("32 nodes", "relu"), ("1 node", "sigmoid")
        ]  # fmt: skip
        assert drawing.sentence == "mlp_binary: 4 layers, no parameters yet"
        assert all(join.weights is None for join in drawing.joins)
        assert plot_network(drawing) is not None

    def test_scales_are_told_below_what_they_scale(self, rng):
        model = build_model(x=rng.normal(size=(50, 4)), y=rng.normal(size=50) * 100, units=(5,))
        drawing = draw_network(model)
        assert [layer.architecture for layer in drawing.layers] == [
            ("4 nodes", "Normalization"), ("5 nodes", "relu"), ("1 node", "Rescaling")
        ]  # fmt: skip
        assert drawing.joins[0].weights.shape == (20,)


class TestBranches:
    def test_two_inputs_a_nested_network_and_two_outputs(self, two_inputs):
        drawing = draw_network(two_inputs)
        at = places_of(drawing)
        assert {title: drawing.layers[place].column for title, place in at.items()} == {
            "age": 0, "image": 0, "short": 1, "conv": 1, "pool": 2, "code": 3, "both": 4, "hidden": 5, "ill": 6,
            "ward": 6,
        }  # fmt: skip
        joins = {(join.source, join.target): join for join in drawing.joins}
        assert joins.keys() == {
            (at[a], at[b])
            for a, b in [("age", "short"), ("image", "conv"), ("conv", "pool"), ("pool", "code"), ("short", "both"),
                         ("code", "both"), ("both", "hidden"), ("hidden", "ill"), ("hidden", "ward")]
        }  # fmt: skip
        # A concatenation puts the second branch below the first.
        np.testing.assert_array_equal(joins[at["code"], at["both"]].pairs, [(i, i + 3) for i in range(5)])
        assert sum(layer.parameters for layer in drawing.layers) == two_inputs.count_params()
        assert drawing.layers[at["pool"]].architecture == ("3×3×6", "MaxPooling2D 2×2", "Flatten")

        ax = plot_network(drawing)
        path = artists(ax, "join")[at["short"], at["both"]].get_path()
        way = path.vertices[path.codes != path.CLOSEPOLY]
        code = [circle.center for (i, _), circle in artists(ax, "node").items() if i == at["code"]]
        beside = way[np.abs(way[:, 0] - code[0][0]) < 0.1]
        assert len(beside)
        assert beside[:, 1].min() > max(y for _, y in code)  # it passes above what lies between
        assert "kernel regulariser L2" in texts(ax, at["hidden"])

    def test_nothing_lies_on_anything_else(self, two_inputs, mobile_net):
        for model in (two_inputs, mobile_net, build_autoencoder("super_resolution", input_shape=(16, 16, 1), scale=2)):
            ax = plot_network(model)
            figure = ax.get_figure()
            figure.draw_without_rendering()
            frame = figure.bbox
            words = [text for text in ax.texts if not str(text.get_gid()).startswith("inside")]
            boxes = [text.get_window_extent() for text in words]
            boxes += [patch.get_window_extent() for patch in artists(ax, "node").values()]
            for i, box in enumerate(boxes):
                assert frame.x0 <= box.x0
                assert box.x1 <= frame.x1
                assert frame.y0 <= box.y0
                assert not any(_overlap(box, other) for other in boxes[i + 1 :])

    def test_two_towers_of_one_network_have_its_weights_once(self):
        tower = keras.Sequential([layers.Dense(3, name="a"), layers.Dense(2, name="b")], name="tower")
        left, right = keras.Input((4,)), keras.Input((4,))
        model = keras.Model([left, right], layers.Subtract(name="less")([tower(left), tower(right)]))
        drawing = draw_network(model)
        assert [layer.title for layer in drawing.layers].count("a") == 2
        assert [layer.architecture[-1] for layer in drawing.layers if layer.title == "b"] == [
            "2 nodes", "the same weights again"
        ]  # fmt: skip
        assert drawing.parameters == model.count_params() == 23
        assert len(drawing.joins) == 6

    def test_a_layer_that_reads_itself_stands_in_two_columns(self):
        x = keras.Input((4,))
        again = layers.Dense(4, name="again")
        drawing = draw_network(keras.Model(x, again(again(x))))
        assert [(layer.title, layer.column) for layer in drawing.layers] == [("input", 0), ("again", 1), ("again", 2)]
        np.testing.assert_array_equal(drawing.joins[0].weights, drawing.joins[1].weights)

    def test_an_activation_that_is_read_twice_keeps_its_column(self):
        """Told below the layer before it, it would be read where that is."""
        x = keras.Input((4,))
        linear = layers.Dense(4, name="linear")(x)
        model = keras.Model(x, layers.Add(name="sum")([linear, layers.Activation("tanh", name="bent")(linear)]))
        assert places_of(draw_network(model)).keys() == {"input", "linear", "bent", "sum"}

    def test_operations_without_a_layer(self):
        x = keras.Input((4,))
        model = keras.Model(x, keras.ops.mean(layers.Dense(3)(x) * 2.0, axis=-1, keepdims=True))
        assert [layer.kind for layer in draw_network(model).layers] == ["InputLayer", "Dense", "Multiply", "Mean"]


class TestImages:
    def test_maps_say_their_shape_and_shrink(self):
        model = build_model("multiclass", input_shape=(28, 28, 3), num_classes=10, body="cnn")
        ax = plot_network(model)
        assert [texts(ax, place)[1] for place in range(7)] == [
            "28×28×3", "28×28×32", "14×14×32", "14×14×64", "7×7×64", "64 nodes", "10 nodes"
        ]  # fmt: skip
        maps = artists(ax, "map")
        sides = [maps[place, 0].get_width() for place in range(5)]
        assert sides[0] == sides[1] > sides[2] == sides[3] > sides[4]
        assert sum(place == 0 for place, _ in maps) == 3  # a sheet for each colour
        assert len(artists(ax, "dots")) == 2  # three dots each, under one number

    def test_the_autoencoders_two_models_are_named_above_their_columns(self):
        model = build_autoencoder(preset="notebook-16")
        ax = plot_network(model)
        drawing = draw_network(model)
        assert [layer.size for layer in drawing.layers] == [784, 128, 64, 32, 16, 32, 64, 128, 784]
        assert drawing.parameters == 223_456  # the course notebook's number
        spans = {line.get_gid(): line.get_xdata() for line in ax.lines if str(line.get_gid()).startswith("group")}
        assert spans.keys() == {"group encoder", "group decoder"}
        assert max(spans["group encoder"]) < min(spans["group decoder"])
        assert {"encoder", "decoder"} <= {text.get_text() for text in ax.texts}

    def test_an_image_that_comes_out_is_drawn_as_one(self):
        drawing = draw_network(build_autoencoder("conv", input_shape=(28, 28, 1), latent=16))
        assert drawing.layers[0].look == drawing.layers[-1].look == "maps"
        assert drawing.layers[-1].shape == (28, 28, 1)


class TestLarge:
    def test_a_wide_layer_shows_its_first_and_last_nodes(self):
        model = build_model("multiclass", input_shape=(100,), units=(50,), num_classes=3)
        drawing = draw_network(model)
        assert drawing.layers[0].shown == (0, 1, 2, 3, 97, 98, 99)
        kernel = model.get_layer("hidden_1").get_weights()[0]
        join = drawing.joins[0]
        np.testing.assert_array_equal(join.weights, kernel[join.pairs[:, 0], join.pairs[:, 1]])
        assert {*join.pairs[:, 1].tolist()} == {0, 1, 2, 3, 47, 48, 49}
        ax = plot_network(model, most_nodes=4)
        assert [number for place, number in artists(ax, "node") if place == 0] == [0, 1, 99]
        heights = sorted(line.get_ydata()[0] for line in ax.lines if line.get_gid() == "dots 0")
        nodes = artists(ax, "node")
        assert nodes[0, 1].center[1] > heights[2] > heights[0] > nodes[0, 99].center[1]

    def test_mobile_net_is_a_row_of_stages(self, mobile_net):
        drawing = draw_network(mobile_net)
        assert drawing.num_columns == 8
        assert [layer.shape for layer in drawing.layers[:6]] == [
            (64, 64, 3), (32, 32, 96), (16, 16, 144), (8, 8, 192), (4, 4, 576), (2, 2, 1280)
        ]  # fmt: skip
        assert sum(len(layer.names) for layer in drawing.layers) == len(mobile_net.layers)
        assert drawing.parameters == mobile_net.count_params() == 3_538_984
        ax = plot_network(drawing)
        assert [text.get_text() for text in ax.texts if "inside" in str(text.get_gid())] == ["..."] * 5
        assert texts(ax, 1) == ["12 layers", "32×32×96", "3 Conv2D", "DepthwiseConv2D", "3,904 parameters"]

    def test_a_backbone_within_a_model(self, mobile_net):
        base = keras.Model(mobile_net.inputs, mobile_net.get_layer("out_relu").output, name="base")
        image = keras.Input((64, 64, 3))
        pooled = layers.GlobalAveragePooling2D()(base(image))
        model = keras.Model(image, layers.Dense(2, "softmax", name="head")(pooled))
        drawing = draw_network(model)
        assert drawing.num_columns == 8
        assert drawing.parameters == model.count_params()
        assert drawing.layers[-1].equation == "1280·2 + 2 = 2,562"

    @pytest.mark.parametrize("most", [4, 7, 12])
    def test_a_deep_network_leaves_its_middle_out(self, most):
        widths = [5 + k % 3 for k in range(30)]
        model = keras.Sequential([keras.Input((4,)), *[layers.Dense(width) for width in widths]])
        drawing = draw_network(model, most_columns=most)
        assert drawing.num_columns == most
        folded = [layer for layer in drawing.layers if layer.is_folded]
        assert [layer.title for layer in folded] == [f"{31 - most + 1} layers"]
        assert drawing.parameters == model.count_params()

    def test_shortcuts_are_folded_with_what_they_go_around(self):
        image = x = keras.Input((8, 8, 4))
        for _ in range(6):
            inner = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
            x = layers.Add()([x, layers.Conv2D(4, 3, padding="same")(inner)])
        model = keras.Model(image, layers.Conv2D(1, 1, name="head")(x))
        whole = draw_network(model, most_columns=30)
        assert (whole.num_columns, len(whole.joins)) == (20, 25)
        short = draw_network(model, most_columns=5)
        assert [layer.title for layer in short.layers] == ["input", "18 layers", "head"]
        assert short.layers[1].architecture == ("8×8×4", "12 Conv2D", "6 Add")

    def test_many_inputs_are_folded_too(self):
        inputs = [keras.Input((1,), name=f"column_{k}") for k in range(20)]
        codes = [layers.Flatten()(layers.Embedding(10, 4)(column)) for column in inputs]
        model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()(codes)))
        drawing = draw_network(model)
        first = [layer.title for layer in drawing.layers if layer.column == 0]
        assert first == ["column_0", "column_1", "16 inputs", "column_18", "column_19"]
        assert drawing.parameters == model.count_params() == 20 * 40 + 81
        assert plot_network(drawing) is not None

    def test_as_deep_as_keras_itself_can_be(self):
        x = end = keras.Input((2,))
        for _ in range(800):  # Keras takes a frame of Python's stack for each, of which there are 1,000
            end = layers.Activation("tanh")(end)
        assert len(calls_of(keras.Model(x, end)).calls) == 801


class TestUnknown:
    def test_a_class_of_ones_own_has_boxes_and_no_joins(self):
        model = Own()
        model(np.zeros((2, 4)))
        drawing = draw_network(model)
        assert drawing.sentence == (
            "own: 2 layers, 26 parameters; its class joins them in its own way, which is not known"
        )
        assert drawing.parameters == model.count_params()
        assert [(layer.title, layer.look, layer.architecture) for layer in drawing.layers] == [
            ("first", "box", ("3 nodes", "relu")), ("last", "box", ("1 node",))
        ]  # fmt: skip
        ax = plot_network(model)
        assert not artists(ax, "join")
        assert "which is not known" in ax.get_title(loc="left").replace("\n", " ")
        boxes = artists(ax, "box")
        assert boxes[0,].get_x() + boxes[0,].get_width() < boxes[1,].get_x()

    def test_one_within_another_model_is_a_box_with_its_joins(self):
        x = keras.Input((4,))
        model = keras.Model(x, layers.Dense(2, name="head")(Own()(x)))
        drawing = draw_network(model)
        assert [layer.title for layer in drawing.layers] == ["input", "own", "head"]
        assert drawing.layers[1].architecture[1:] == ("Own, of 2 layers",)
        assert [(join.source, join.target) for join in drawing.joins] == [(0, 1), (1, 2)]
        assert drawing.parameters == model.count_params()


class TestAxes:
    def test_letters_shrink_with_the_axes_and_nothing_else_is_touched(self, slide):
        figure = new_figure((6, 2))
        ax = figure.add_subplot()
        assert plot_network(slide, ax, title="mine") is ax
        large = plot_network(slide)
        size = [next(text.get_fontsize() for text in axes.texts) for axes in (ax, large)]
        assert size[0] < size[1]
        assert ax.get_title(loc="left") == "mine"
        assert ax.get_aspect() == large.get_aspect() == 1

    def test_the_colour_of_architecture(self, slide):
        node = artists(plot_network(slide), "node")[0, 0]
        assert to_hex(node.get_edgecolor()) == COLOURS["architecture"][0]

    def test_refusals(self, slide):
        with refused("most_nodes must be a whole number of at least 3. Received: most_nodes=2."):
            draw_network(slide, most_nodes=2)
        with refused("most_columns must be a whole number of at least 4. Received: most_columns=3."):
            plot_network(slide, most_columns=3)
        with refused(
            "draw_network takes a Keras model. Received: list. "
            "Pass the model itself; of a file, keras.saving.load_model(path).",
            TypeError,
        ):
            plot_network([1, 2])

    def test_the_example_draws_a_model_of_ones_own(self, tmp_path, monkeypatch, two_inputs, capsys):
        two_inputs.save(tmp_path / "mine.keras")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["parameters.py", "--model", "mine.keras"])
        runpy.run_path(str(ROOT / "examples/parameters.py"), run_name="__main__")
        assert (tmp_path / "figures/parameters.png").is_file()
        assert f"{two_inputs.count_params()} parameters" in capsys.readouterr().out


class TestLayout:
    def test_a_chain_is_straight(self):
        heights, bends = place([0, 1, 2], [(0, 1), (1, 2)], [(1, 1), (3, 3), (1, 1)], 0.5)
        np.testing.assert_allclose(heights, 0, atol=1e-12)
        assert bends == {(0, 1): [], (1, 2): []}

    def test_two_in_a_column_keep_their_distance(self):
        heights, _ = place([0, 1, 1, 2], [(0, 1), (0, 2), (1, 3), (2, 3)], [(1, 1)] * 4, 0.5)
        assert abs(heights[1] - heights[2]) == pytest.approx(2.5)
        assert heights[1] + heights[2] == pytest.approx(2 * heights[0])

    def test_branches_are_put_so_that_they_do_not_cross(self):
        """The second column is given upside down."""
        heights, _ = place([0, 0, 1, 1], [(0, 3), (1, 2)], [(1, 1)] * 4, 0.5)
        assert heights[0] == pytest.approx(heights[3])
        assert heights[1] == pytest.approx(heights[2])

    def test_a_line_past_a_layer_keeps_clear_of_it(self):
        heights, bends = place([0, 1, 2], [(0, 1), (1, 2), (0, 2)], [(1, 1)] * 3, 0.5)
        [(column, height)] = bends[0, 2]
        assert column == 1
        assert height >= heights[1] + 1 + 0.5


def _overlap(a, b):
    slack = 0.5  # of a dot
    return min(a.x1, b.x1) - max(a.x0, b.x0) > slack and min(a.y1, b.y1) - max(a.y0, b.y0) > slack
