"""`distinct` is `np.unique`, whatever the dtype and however far the values lie apart."""

import numpy as np
import pytest

from cheatsheet.common.arrays import distinct

DTYPES = ("bool", "int8", "uint8", "int16", "int64", "uint64", "float16", "float32", "float64", "U5")


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_unique(dtype):
    rng = np.random.default_rng(DTYPES.index(dtype))
    for _ in range(200):
        number = rng.integers(1, 50)
        values = rng.integers(-128, 128, number) * rng.choice([1, 10**3, 10**9, 2**40])
        if rng.random() < 0.3:
            values = rng.normal(size=number) * rng.choice([1e-3, 1.0, 1e5])
        with np.errstate(all="ignore"):
            array = values.astype(dtype)
        if dtype == "uint64" and rng.random() < 0.3:
            array = array + np.uint64(2**63)
        if dtype == "int64" and rng.random() < 0.3:
            array = np.iinfo(dtype).min + rng.integers(0, 100, number)
        if dtype.startswith("float") and rng.random() < 0.3:
            array[0] = rng.choice([np.nan, np.inf, -np.inf])
        expected, times = np.unique(array, return_counts=True)
        found, counts = distinct(array)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(counts, times)
