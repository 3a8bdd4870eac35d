"""Somebody else's files: a spreadsheet's CSV, a picture, and a CNN that this package did not build."""

import re
import runpy
import shutil
import sys

import cnns
import keras
import numpy as np
import pytest
from conftest import ROOT, refused
from PIL import Image
from scipy.signal import correlate2d

from recipes.lecture.own import read_labels, read_numbers, read_picture


@pytest.fixture
def start(tmp_path, monkeypatch, capsys):
    """Runs an example in a folder of its own, as a user does; gives what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        runpy.run_path(str(ROOT / f"examples/{name}.py"), run_name="__main__")
        said = capsys.readouterr().out
        for path in re.findall(r"^(?:figure|page): (.+)$", said, re.MULTILINE):
            assert (tmp_path / path).stat().st_size > 1000
            if path.endswith(".png"):
                assert np.ptp(np.asarray(Image.open(tmp_path / path).convert("L"))) > 100, "nothing is drawn"
        return said

    return run


@pytest.fixture
def photograph(tmp_path, rng):
    """A picture that is wider than the network's images, with a bright square in the middle, as PNG."""
    pixels = rng.integers(0, 90, (30, 44, 3)).astype(np.uint8)
    pixels[10:20, 17:27] = (250, 200, 20)
    Image.fromarray(pixels).save(tmp_path / "photograph.png")
    return pixels


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a nested CNN in plain Keras that takes bytes, trained a little and saved, and its data."""
    folder, rng = tmp_path_factory.mktemp("theirs"), np.random.default_rng(0)
    model = cnns.nested(channels=3, side=16, classes=3)
    x = rng.uniform(0, 255, (48, 16, 16, 3)).astype("float32")
    y = rng.integers(0, 3, 48)
    x[y == 1, 4:12, 4:12] = 255
    model.get_layer("scale").scale = 2 / 255
    model.fit(x, y, epochs=2, verbose=0)
    model.save(folder / "theirs.keras")
    np.savez(folder / "theirs.npz", x=x, y=y)
    return folder


@pytest.fixture
def theirs(saved, tmp_path):
    """The model, of which the files lie in the test's folder."""
    for path in saved.iterdir():
        shutil.copy(path, tmp_path)
    return keras.saving.load_model(saved / "theirs.keras")


PETS = "\ufeffweight (kg);height;kind\n" + "".join(
    f"{3 + i % 5};{20 + i % 7};cat\n;;\n{9 + i % 5};{40 + i % 11};dog\n" for i in range(20)
)


class TestTables:
    def test_a_spreadsheets_file_is_read(self, tmp_path):
        path = tmp_path / "pets.csv"
        path.write_text(PETS, encoding="utf-8")
        numbers = read_numbers(path, ["height", "weight (kg)"])
        assert numbers.shape == (40, 2)  # without the empty lines between
        np.testing.assert_array_equal(numbers[:3], [[20, 3], [40, 9], [21, 4]])
        np.testing.assert_array_equal(read_labels(path, "kind")[:3], ["cat", "dog", "cat"])

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_whatever_parts_its_columns(self, tmp_path, separator):
        path = tmp_path / "a.csv"
        path.write_text(f"x{separator} y \n1{separator} 2.5\n-3e2{separator}4\n")
        np.testing.assert_array_equal(read_numbers(path, ["x", "y"]), [[1, 2.5], [-300, 4]])

    def test_what_is_wrong_is_said_with_its_line(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text("length,width,kind\n1,2,a\n\n3,4.5.6,\n")
        with refused(
            f"{path} has no column 'lenght'. Its first line names length, width, kind. Did you mean 'length'?"
        ):
            read_numbers(path, ["lenght"])
        with refused(
            f"{path}, line 4, has '4.5.6' in the column 'width'. Expected a number such as 3.5. Mend it, or delete the "
            "line."
        ):
            read_numbers(path, ["length", "width"])
        with refused(f"{path}, line 4, has no 'kind'. Expected a class. Name it, or delete the line."):
            read_labels(path, "kind")
        path.write_text("a,b\n")
        with refused(f"{path} has no rows. Expected numbers below the names of its columns."):
            read_numbers(path, ["a"])
        path.write_text("")
        with refused(f"{path} has no column 'a'. Its first line names none."):
            read_numbers(path, ["a"])
        path.write_bytes(b"a,b\n1,\xff\n")
        with pytest.raises(ValueError, match=r"is no table: .* Expected a CSV file in UTF-8\.$"):
            read_numbers(path, ["a"])


class TestPictures:
    def test_a_picture_is_cut_to_the_networks_proportions_around_its_middle(self, tmp_path, photograph):
        whole = read_picture(tmp_path / "photograph.png", (None, None, 3))
        np.testing.assert_allclose(whole, photograph / 255, atol=1e-6)
        square = read_picture(tmp_path / "photograph.png", (30, 30, 3), white=255)
        np.testing.assert_array_equal(square, photograph[:, 7:37])
        assert read_picture(tmp_path / "photograph.png", (15, 15, 1)).shape == (15, 15, 1)

    def test_black_and_white_are_so_in_pictures_of_8_and_of_16_bits(self, tmp_path):
        for name, most in (("a.png", 255), ("b.png", 65535)):
            pixels = np.array([[0, most], [most, most // 5]], np.uint8 if most == 255 else np.uint16)
            Image.fromarray(pixels).save(tmp_path / name)
            found = read_picture(tmp_path / name, (None, None, 1))[..., 0]
            np.testing.assert_allclose(found, [[0, 1], [1, 0.2]], atol=1e-6)

    def test_arrays_are_taken_as_they_are_and_other_channels_want_one(self, tmp_path, photograph):
        values = np.arange(24.0).reshape(2, 3, 4)
        np.save(tmp_path / "a.npy", values)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.npy", (9, 9, 5), white=255), values)
        path = tmp_path / "photograph.png"
        with refused(
            f"{path} is a picture, and the model takes 5 channels. Expected a .npy file of (height, width, 5), as "
            "numpy.save writes it."
        ):
            read_picture(path, (9, 9, 5))


class TestExamples:
    def test_a_spreadsheet_for_the_perceptron(self, start, tmp_path):
        (tmp_path / "pets.csv").write_text(PETS, encoding="utf-8")
        said = start(
            "perceptron", "--csv", "pets.csv", "--columns", "weight (kg)", "height", "--label", "kind", "--quick"
        )
        assert "cat or dog from weight (kg) and height, 40 rows" in said
        assert "not_separable" not in said

    @pytest.mark.parametrize("name", ["perceptron", "batch_size", "occam", "descent"])
    def test_a_table_without_its_columns_is_refused(self, start, name, capsys):
        with pytest.raises(SystemExit):
            start(name, "--csv", "pets.csv", "--quick")
        assert "--csv goes with --columns" in capsys.readouterr().err

    @pytest.mark.slow
    def test_their_parameters_and_drawing(self, start, theirs):
        said = start("parameters", "--model", "theirs.keras")
        assert f"{theirs.count_params():,} parameters" in said
        assert re.search(r"encoder/far \(Conv2D\): 3·3·6·4 \+ 4 = 220", said)

    @pytest.mark.slow
    def test_the_loss_around_it(self, start, theirs, tmp_path):
        said = start("landscape", "--model", "theirs.keras", "--data", "theirs.npz", "--quick")
        data = np.load(tmp_path / "theirs.npz")
        loss = theirs.evaluate(data["x"], data["y"], verbose=0, return_dict=True)["loss"]
        assert float(re.search(r"([\d.]+) at the model", said)[1]) == pytest.approx(loss, rel=1e-3)

    def test_inside_it(self, start, theirs, photograph):
        arguments = ["--model", "theirs.keras", "--image", "photograph.png", "--bytes", "--layer", "far", "--unit", 1]
        said = start("inside_a_cnn", *arguments)
        image = read_picture("photograph.png", (16, 16, 3), white=255)
        probabilities = theirs.predict(image[None], verbose=0)[0]
        target, value = re.search(r"class (\d): probability ([\d.]+)", said).groups()
        assert int(target) == probabilities.argmax()
        assert float(value) == pytest.approx(probabilities.max(), rel=1e-3)
        kernel = theirs.get_layer("encoder").get_layer("conv_a").kernel.numpy()
        assert f"6 kernels of 3×3 over 3 channels, {kernel.min():.3g} to {kernel.max():.3g}" in said
        assert "unit 1 of encoder/far" in said
        assert said.count("figure: ") == 4

    @pytest.mark.slow
    def test_its_dream(self, start, theirs, photograph):
        arguments = [
            "--model",
            "theirs.keras",
            "--image",
            "photograph.png",
            "--bytes",
            "--layers",
            "last",
            "--units",
            2,
        ]
        said = start("deep_dream", *arguments)
        numbers = re.search(r"activation (\S+) before, (\S+) with noise of the same energy, (\S+) after", said).groups()
        before, noise, after = map(float, numbers)
        assert after > max(before, noise)
        assert "values 0 to 255" in said

    def test_a_picture_is_convolved_with_their_kernel(self, start, photograph):
        said = start("convolution", "--image", "photograph.png", "--kernel", "1 0 -1; 2 0 -2; 1 0 -1", "--quick")
        grey = read_picture("photograph.png", (None, None, 1))[..., 0].astype(float)
        expected = correlate2d(grey, [[1, 0, -1], [2, 0, -2], [1, 0, -1]], mode="valid")
        assert "30×44 image, 3×3 kernel, strides 1×1, valid: 28×42" in said
        first = said.split("feature map (28×42)\n")[1].split("\n")[0].split()
        np.testing.assert_allclose([float(value) for value in first], expected[0, : len(first)], rtol=1e-3, atol=1e-6)

    def test_their_dense_network_by_hand(self, start, tmp_path, rng):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dropout(0.1),
                                  keras.layers.Dense(3, "softmax")])  # fmt: skip
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.save(tmp_path / "dense.keras")
        row = rng.normal(size=4).round(2)
        said = start("backpropagation", "--model", "dense.keras", "--row", *row, "--target", 2)
        value = model.evaluate(row[None], np.array([2]), verbose=0)
        assert float(re.search(r"crossentropy L = ([\d.]+)", said)[1]) == pytest.approx(value, rel=1e-4)

    def test_images_under_other_names_are_refused_by_lenet(self, start, tmp_path):
        np.savez(tmp_path / "mine.npz", x=np.zeros(3))
        with pytest.raises(SystemExit, match=r"^mine\.npz has no x_test, x_train, y_test, y_train\. Expected x_train"):
            start("lenet", "--npz", "mine.npz")
        np.savez(
            tmp_path / "mine.npz", **dict.fromkeys(("x_train", "x_test"), np.zeros((3, 9, 9))), y_train=0, y_test=0
        )
        with pytest.raises(SystemExit, match=r"^mine\.npz has images of \(9, 9\)\. Expected 28 by 28 pixels, grey\.$"):
            start("lenet", "--npz", "mine.npz")
