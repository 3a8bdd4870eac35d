"""A seed gives the weights that it always gave, in every thread, and takes no numbers from anybody else."""

import random
import threading

import keras
import numpy as np
import pytest

from recipes import build_autoencoder, build_model
from recipes.seeds import seeded
from recipes.tuning.hypermodels import all_seeded

layers = keras.layers


def with_nested_models(width=3):
    first = layers.Dense(width)
    inner = keras.Sequential([keras.Input((width,)), layers.Dense(5), layers.Dropout(0.1)])
    chosen = layers.Dense(2, kernel_initializer=keras.initializers.HeNormal(seed=7))
    return [first, inner, chosen, layers.Dropout(0.2, seed=9), layers.GaussianNoise(0.1)]


def with_a_built_layer():
    first = layers.Dense(4)
    first.build((None, 4))
    return [first, layers.Dense(3)]


MAKERS = {
    "mlp": lambda seed: build_model("binary", input_shape=(4,), dropout=0.2, seed=seed),
    "cnn": lambda seed: build_model(
        "multiclass", input_shape=(8, 8, 1), num_classes=3, body="cnn", filters=(4, 8), units=(6, 5), seed=seed
    ),
    "nested models": lambda seed: build_model("binary", input_shape=(4,), body=with_nested_models, seed=seed),
    "a built layer": lambda seed: build_model("binary", input_shape=(4,), body=with_a_built_layer, seed=seed),
    "dense": lambda seed: build_autoencoder("dense", input_shape=(20,), units=(8, 6), latent=3, seed=seed),
    "denoising": lambda seed: build_autoencoder(
        "denoising", input_shape=(8, 8, 1), filters=(3, 4), latent=3, noise=0.2, seed=seed
    ),
    "super_resolution": lambda seed: build_autoencoder(
        "super_resolution", input_shape=(8, 8, 1), filters=(3, 4), latent=3, scale=2, seed=seed
    ),
    "notebook-16": lambda seed: build_autoencoder(preset="notebook-16", seed=seed),
}
# The first number of the first three matrices, and the states of dropout and noise, as they were when
# `random.seed(seed)` before the construction of the layers was what seeded them.
KNOWN = {
    ("mlp", 0): ([0.009317905, 0.079611301, -0.039777607], [413654000, 955892129]),
    ("mlp", 1): ([-0.143175453, 0.001221776, -0.267492831], [611178003, 861425549]),
    ("cnn", 0): ([0.011454254, -0.083541632, -0.122491121], [813847340, 451585302, 278009743]),
    ("cnn", 2**40): ([-0.336419433, 0.071655259, -0.043891519], [720003883, 458116667, 416322746]),
    ("nested models", 0): ([0.029041827, -0.306951523, -0.484733820], [813847340, 9, 955892129]),
    ("a built layer", 1): ([-0.417424530, 0.168982387, 0.005985498], []),
    ("dense", 0): ([0.014520913, -0.232033551, 0.260009407], []),
    ("denoising", 0): ([-0.144698352, 0.098274320, -0.095131904], [906691060]),
    ("super_resolution", 1): ([-0.196775824, 0.056327462, 0.001508206], []),
    ("notebook-16", 0): ([-0.028748646, 0.056293696, -0.077065647], []),
}  # fmt: skip


def values(model):
    return [np.asarray(variable) for variable in model.variables]


@pytest.mark.parametrize(("name", "seed"), KNOWN)
def test_a_seed_gives_the_numbers_that_it_always_gave(name, seed):
    weights = values(MAKERS[name](seed))
    first = [array.ravel()[0] for array in weights if array.dtype.kind == "f" and array.ndim > 1][:3]
    states = [int(array[0]) for array in weights if array.dtype.kind in "iu" and array.shape == (2,)]
    known, known_states = KNOWN[name, seed]
    np.testing.assert_allclose(first, known, atol=1e-7)
    assert states == known_states


def test_seeds_are_those_of_pythons_generator_in_the_order_of_construction():
    numbers = random.Random(5)
    with seeded(5):
        made = [layers.Dense(1), layers.Dropout(0.1), layers.Dense(1)]
    assert made[0].kernel_initializer.seed == numbers.randint(1, 10**9)
    assert int(made[1].seed_generator.state[0]) == numbers.randint(1, 10**9)
    assert made[2].kernel_initializer.seed == numbers.randint(1, 10**9)


def test_two_threads_build_what_each_would_build_alone():
    alone = {seed: values(MAKERS["nested models"](seed)) for seed in (0, 1)}
    met = threading.Barrier(2)
    found = {}

    def body():
        met.wait(timeout=60)  # the layers of both are constructed in turns
        made = []
        for _ in range(20):
            made.append(layers.Dense(3))
            met.wait(timeout=60)
        return made

    def build(seed):
        found[seed] = values(build_model("binary", input_shape=(4,), body=body, seed=seed))

    def run(target):
        threads = [threading.Thread(target=target, args=(seed,)) for seed in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    run(build)
    met = threading.Barrier(1)
    together, found = found, {}
    for seed in (0, 1):
        build(seed)
        for ours, theirs in zip(together[seed], found[seed], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    run(lambda seed: found.__setitem__(seed, values(MAKERS["nested models"](seed))))
    for seed in (0, 1):
        for ours, theirs in zip(found[seed], alone[seed], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_another_thread_gets_its_numbers_while_one_builds():
    random.seed(3)
    expected = [random.random() for _ in range(3)]
    random.seed(3)
    drawn = []

    def body():
        made = [layers.Dense(2)]
        thread = threading.Thread(target=lambda: drawn.extend(random.random() for _ in range(3)))
        thread.start()
        thread.join()
        return [*made, layers.Dense(2)]

    build_model("binary", input_shape=(4,), body=body, seed=0)
    assert drawn == expected


@pytest.mark.parametrize("end", ["well", "with an error"])
def test_the_global_generators_are_untouched_during_it_too(end):
    def states():
        return random.getstate(), [np.asarray(part).tolist() for part in np.random.get_state()]  # noqa: NPY002

    seen = []

    def body():
        seen.append(states())
        made = [layers.Dense(2), layers.Dropout(0.5)]
        seen.append(states())
        if end != "well":
            raise RuntimeError(end)
        return made

    before = states()
    if end == "well":
        build_model("binary", input_shape=(4,), body=body, seed=0)
    else:
        with pytest.raises(RuntimeError, match=end):
            build_model("binary", input_shape=(4,), body=body, seed=0)
    assert [*seen, states()] == [before] * 3


def test_without_a_seed_keras_own_are_as_they_were():
    keras.utils.set_random_seed(1)
    first = values(build_model("binary", input_shape=(4,), dropout=0.2))
    with seeded(None):
        keras.utils.set_random_seed(1)
        second = values(build_model("binary", input_shape=(4,), dropout=0.2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    random.seed(1)
    assert layers.Dense(1).kernel_initializer.seed == random.Random(1).randint(1, 10**9)


def test_a_users_own_code_gets_numbers_from_a_seed_and_gives_them_back():
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with all_seeded(7):
        drawn = random.random(), np.random.rand(), layers.Dense(1).kernel_initializer.seed  # noqa: NPY002
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    numbers = random.Random(7)
    expected = numbers.random(), np.random.RandomState(7).rand(), numbers.randint(1, 10**9)
    assert drawn == expected
