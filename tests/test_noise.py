"""What is asked of the numbers behind dropout and noise under XLA: uniform, independent, and of their place alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

from recipes import fit
from recipes.training.engines.tensorflow import program
from recipes.training.engines.tensorflow.noise import hashed_noise, normal, random_bits, uniform


def words(seed, step):
    return tf.constant([seed, step], tf.uint32)


def numbers(seed=1, step=0, shape=(512, 256)):
    return uniform(words(seed, step), shape).numpy()


def correlation(a, b):
    """In standard errors of that of independent numbers."""
    return abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) * np.sqrt(a.size)


class TestNumbers:
    @pytest.mark.parametrize("seed", [0, 1, 2, 12345, 2**31, 2**32 - 1])
    def test_they_are_uniform(self, seed):
        found = numbers(seed)
        assert 0 <= found.min() < 1e-3
        assert 1 - 1e-3 < found.max() < 1
        counts = np.bincount((found.ravel() * 1024).astype(int), minlength=1024)
        assert stats.chisquare(counts).pvalue > 1e-4
        for axis in (0, 1):  # in every row and in every unit
            means = found.mean(axis=axis)
            assert abs(means - 0.5).max() < 6 / np.sqrt(12 * found.shape[axis])

    def test_every_bit_is_one_half_of_the_time(self):
        bits = random_bits(words(7, 3), (2048, 128)).numpy()
        for place in range(32):
            share = (bits >> place & 1).mean()
            assert abs(share - 0.5) < 5 / (2 * np.sqrt(bits.size)), place

    @pytest.mark.parametrize(
        "other",
        [{"seed": 2}, {"seed": 1 + 2**16}, {"seed": 0}, {"step": 1}, {"step": 2**16}, {"step": 2**31},
         {"seed": 0, "step": 1}],
        ids=str,
    )  # fmt: skip
    def test_seeds_layers_and_steps_are_independent(self, other):
        """A layer has the seed of its own generator, whose second word counts the steps."""
        assert correlation(numbers(), numbers(**other)) < 4.5
        ours, theirs = numbers() < 0.3, numbers(**other) < 0.3
        assert abs((ours & theirs).mean() - 0.09) < 5 * np.sqrt(0.09 * 0.91 / ours.size)

    def test_the_two_words_are_not_exchangeable(self):
        assert correlation(numbers(3, 9), numbers(9, 3)) < 4.5

    @pytest.mark.parametrize("shift", [1, 2, 3, 16, 64, 128])
    def test_rows_and_units_are_independent(self, shift):
        found = numbers()
        assert correlation(found[shift:], found[:-shift]) < 4.5
        assert correlation(found[:, shift:], found[:, :-shift]) < 4.5
        assert correlation(found[shift:, shift:], found[:-shift, :-shift]) < 4.5
        assert correlation(found[shift:, :-shift], found[:-shift, shift:]) < 4.5

    def test_all_pairs_of_rows_and_of_units_are_uncorrelated(self):
        found = numbers(shape=(400, 400)) - 0.5
        for matrix in (found, found.T):
            r = np.corrcoef(matrix)[np.triu_indices(400, 1)] * np.sqrt(400)
            assert abs(r.mean()) < 0.02
            assert abs(r.std() - 1) < 0.02
            assert abs(r).max() < 6

    def test_the_first_steps_of_one_place_are_a_sequence_without_pattern(self):
        @tf.function(jit_compile=True)
        def sequence(words):
            return tf.map_fn(lambda word: uniform(word, (3, 5)), words, fn_output_signature=tf.float32)

        steps = sequence(tf.constant([[5, step] for step in range(2000)], tf.uint32)).numpy()
        for lag in (1, 2, 7):
            assert correlation(steps[lag:], steps[:-lag]) < 4.5
        assert stats.kstest(steps[:, 1, 2], "uniform").pvalue > 1e-3

    def test_a_number_depends_on_its_place_alone(self):
        whole = numbers(shape=(64, 32))
        np.testing.assert_array_equal(numbers(shape=(10, 7)), whole[:10, :7])
        image = numbers(shape=(6, 5, 4, 3))
        np.testing.assert_array_equal(numbers(shape=(2, 4, 3, 2)), image[:2, :4, :3, :2])

    def test_the_same_inside_and_outside_xla(self):
        inside = tf.function(lambda w: uniform(w, (32, 16)), jit_compile=True)(words(3, 4))
        np.testing.assert_array_equal(inside.numpy(), numbers(3, 4, (32, 16)))

    def test_normal_numbers_are_normal(self):
        found = normal(words(1, 1), (1000, 200)).numpy().ravel()
        assert np.isfinite(found).all()
        assert stats.kstest(found, "norm").pvalue > 1e-3
        assert abs(stats.kurtosis(found)) < 0.06


class TestLayers:
    """Under `hashed_noise` Keras' layers do what they say, by their own rates."""

    x = np.ones((400, 6, 6, 8), dtype="float32")

    def output(self, layer, x=None, training=True):
        x = self.x if x is None else x
        model = keras.Sequential([keras.Input(x.shape[1:]), layer])
        with hashed_noise(model):
            return model(x, training=training).numpy()

    @pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
    def test_the_kept_share_and_their_scale(self, rate):
        found = self.output(layers.Dropout(rate, seed=3))
        kept = found != 0
        assert abs(kept.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / kept.size)
        np.testing.assert_allclose(found[kept], 1 / (1 - rate), rtol=1e-6)

    def test_noise_shapes(self):
        found = self.output(layers.Dropout(0.5, noise_shape=(None, 1, 1, 8), seed=3))
        assert (found == found[:, :1, :1]).all()
        spatial = self.output(layers.SpatialDropout2D(0.5, seed=3))
        assert (spatial == spatial[:, :1, :1]).all()
        assert abs((spatial != 0).mean() - 0.5) < 0.05

    def test_gaussian_layers(self):
        noise = self.output(layers.GaussianNoise(0.3, seed=3)) - 1
        assert abs(noise.std() - 0.3) < 0.005
        dropout = self.output(layers.GaussianDropout(0.2, seed=3))
        assert abs(dropout.mean() - 1) < 0.01
        assert abs(dropout.std() - np.sqrt(0.25)) < 0.01

    def test_alpha_dropout_keeps_mean_and_variance(self, rng):
        found = self.output(layers.AlphaDropout(0.2, seed=3), rng.normal(size=(4000, 50)).astype("float32"))
        assert abs(found.mean()) < 0.02
        assert abs(found.std() - 1) < 0.02

    def test_nothing_is_drawn_outside_training_and_all_is_put_back(self):
        layer = layers.Dropout(0.5, seed=3)
        np.testing.assert_array_equal(self.output(layer, training=False), self.x)
        assert "call" not in vars(layer)
        np.testing.assert_array_equal(layer.seed_generator.state.numpy()[1], 0)

    def test_each_step_draws_anew(self):
        layer = layers.Dropout(0.5, seed=3)
        assert (self.output(layer) != self.output(layer)).mean() > 0.4


def test_a_run_through_xla_repeats_itself_and_its_seeds_matter(monkeypatch, rng):
    monkeypatch.setattr(program, "XLA_PAYS_AFTER_STEPS", 0)
    x = rng.normal(size=(96, 8)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")

    def losses(seed):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((8,)), layers.Dense(32, "relu"), layers.Dropout(0.5, seed=seed),
                                  layers.Dense(1, "sigmoid")])  # fmt: skip
        model.compile("adam", "binary_crossentropy")
        run = fit(model, x, y, epochs=3, verbose=0)
        assert run.engine.how.startswith("XLA")
        return run.history["loss"]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)
