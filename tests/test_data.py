"""Data sets: what is in them, where they come from, and what happens when they are not there."""

import numpy as np
import pytest
from conftest import refused

from recipes import load_data
from recipes.datasets import cut_tiles


@pytest.mark.parametrize(
    ("name", "shape", "task", "num_classes"),
    [
        ("breast_cancer", (569, 30), "binary", 2),
        ("wine", (178, 13), "multiclass", 3),
        ("iris", (150, 4), "multiclass", 3),
        ("diabetes", (442, 10), "regression", 0),
        ("digits", (1797, 8, 8, 1), "multiclass", 10),
    ],
)
def test_offline_sets(name, shape, task, num_classes):
    data = load_data(name)
    x, y = data
    assert x.shape == shape
    assert x.dtype == np.float32
    assert len(y) == len(x)
    assert data.task == task
    assert len(data.class_names) == num_classes
    assert data.units
    if x.ndim == 2:
        assert len(data.feature_names) == shape[1]


def test_digits_are_scaled_to_the_unit_interval():
    x = load_data("digits").x
    assert (x.min(), x.max()) == (0, 1)


def test_photographs_and_their_tiles():
    data = load_data("photographs")
    assert data.x.shape == (2, 427, 640, 3)
    assert (data.x.dtype, data.x.min(), data.x.max()) == (np.float32, 0, 1)
    assert data.class_names == ("china", "flower")
    tiles = cut_tiles(data.x, 64)
    assert tiles.shape == (2 * 6 * 10, 64, 64, 3)
    np.testing.assert_array_equal(tiles[11], data.x[0, 64:128, 64:128])
    np.testing.assert_array_equal(tiles[60], data.x[1, :64, :64])
    assert cut_tiles(data.x, 64, step=32).shape[0] == 2 * 12 * 19
    with refused(
        "images have shape (2, 427, 640, 3). Expected (n, height, width, channels) with sides of at least size=500."
    ):
        cut_tiles(data.x, 500)
    with refused("size must be a whole number of at least 1. Received: size=True."):
        cut_tiles(data.x, True)
    with refused("step must be a whole number of at least 1. Received: step=0."):
        cut_tiles(data.x, 64, step=0)


def test_diabetes_comes_in_raw_units():
    age = load_data("diabetes").x[:, 0]
    assert (age.min(), age.max()) == (19, 79)  # years


def test_the_real_mnist(mnist_folder):
    data = load_data("mnist")
    assert data.x.shape == (60000, 28, 28, 1)
    assert data.x_test.shape == (10000, 28, 28, 1)
    assert (data.x.dtype, data.x.min(), data.x.max()) == (np.float32, 0, 1)
    np.testing.assert_array_equal(np.bincount(data.y_test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])


def write_npz(folder, **changes):
    arrays = {
        "x_train": np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28),
        "y_train": np.array([0, 1, 2]),
        "x_test": np.zeros((2, 28, 28), np.uint8),
        "y_test": np.array([3, 4]),
    }
    np.savez(folder / "mnist.npz", **{**arrays, **changes})


def test_a_file_in_a_folder(tmp_path, monkeypatch):
    write_npz(tmp_path)
    given = load_data("mnist", folder=tmp_path, scale=False)
    assert given.x.dtype == np.uint8
    assert given.x[0, 0, 5, 0] == 5
    monkeypatch.setenv("RECIPES_DATA", str(tmp_path))
    np.testing.assert_allclose(load_data("mnist").x * 255, given.x, atol=1e-4)


def test_a_missing_file_says_where_to_put_it(tmp_path):
    with refused(
        f"There is no {tmp_path / 'mnist.npz'}. Put mnist.npz there (keys x_train, y_train, x_test, y_test, as in "
        "keras.datasets), or unset RECIPES_DATA to let Keras download it.",
        FileNotFoundError,
    ):
        load_data("mnist", folder=tmp_path)


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "mnist.npz"
    write_npz(tmp_path)
    whole = path.read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"mnist\.npz cannot be read as a data set"):
            load_data("mnist", folder=tmp_path)
    write_npz(tmp_path, x_train=np.zeros((3, 32, 32), np.uint8))
    with pytest.raises(ValueError, match=r"Expected \(n, 28, 28\) uint8"):
        load_data("mnist", folder=tmp_path)


def test_pickled_files_are_refused(tmp_path):
    write_npz(tmp_path, y_train=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="cannot be read as a data set"):
        load_data("mnist", folder=tmp_path)


def test_an_unknown_name():
    with refused(
        "Unknown data set. Received: name='mnst'. Expected one of breast_cancer, wine, iris, diabetes, digits, "
        "photographs, mnist, fashion_mnist."
    ):
        load_data("mnst")
