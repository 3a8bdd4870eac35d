"""What a program was traced with ends with it: nothing of a model stays, and the cache is bounded."""

import gc
import threading
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest
from engines import fit_by
from keras import layers
from pairs import net, trained, weights
from processes import run_python
from settings import X, Y

from recipes import clear_programs, fit
from recipes.running.programs import PROGRAMS, Programs


def own():
    """One that needs a program of its own, and whose class and functions hold on to what was around them."""
    held = []

    class Mine(layers.Layer):
        def call(self, x):
            return x if held else 2 * x

    model = net(Mine(), activation=lambda v: keras.ops.tanh(v) if held else v)
    held.append(model)
    return model


class TestNothingOfTheModelStays:
    @pytest.mark.parametrize("make", [net, own], ids=["shared", "own"])
    @pytest.mark.parametrize("engine", ["resident", "widened", "keras"])
    @pytest.mark.slow_but("resident-shared")
    def test_a_model_ends_with_its_last_reference(self, make, engine):
        model = make()
        run = fit_by(engine, model, X, Y, validation_split=0.2)
        run.predict(X[:3])
        run.evaluate(X[:5], Y[:5])
        left = [weakref.ref(model), weakref.ref(model.optimizer), weakref.ref(model.layers[0])]
        del model, run
        gc.collect()
        assert [reference() for reference in left] == [None] * 3

    def test_what_was_patched_while_tracing_is_put_back_when_tracing_raises(self, monkeypatch):
        class Breaks(layers.Layer):
            def call(self, x, training=False):
                if training and not keras.config.floatx() == "":
                    raise RuntimeError("no")
                return x

        monkeypatch.setattr("recipes.training.engines.tensorflow.program.MIXED_PAYS_AFTER_STEPS", 0)
        model = net(layers.Rescaling(2.0), layers.Dropout(0.3), Breaks())
        before = [dict(vars(part)) for part in (*model.layers, model.optimizer)]
        with pytest.raises(RuntimeError, match="no"):
            fit(model, X, Y, verbose=0)
        for part, attributes in zip((*model.layers, model.optimizer), before, strict=True):
            for name in ("call", "update_step", "activation", "scale"):
                assert vars(part).get(name) is attributes.get(name), name

    def test_two_threads_train_models_of_one_program_at_once(self):
        clear_programs()
        wanted = trained(net)
        found = []
        threads = [threading.Thread(target=lambda: found.append(trained_alone())) for _ in range(4)]
        models = [net() for _ in threads]

        def trained_alone():
            model = models.pop()
            fit(model, X, Y, epochs=2, batch_size=16, verbose=0)
            return weights(model)

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        assert len(found) == 4
        for one in found:
            np.testing.assert_array_equal(one, wanted)

    def test_the_cache_is_bounded_and_can_be_emptied(self):
        held = Programs(most=2)
        for key in "abc":
            held.put(key, key.upper())
        assert (held.get("a"), held.get("b"), held.get("c")) == (None, "B", "C")
        fit(net(), X, Y, verbose=0)
        model = own()
        fit(model, X, Y, verbose=0)
        clear_programs()
        assert len(PROGRAMS) == 0
        assert "compiled for this run" in fit(model, X, Y, verbose=0).engine.how


GROWTH = """
import gc, sys
import keras, numpy as np, tensorflow as tf
from recipes import fit
rng = np.random.default_rng(0)
x = rng.normal(size=(192, 8)).astype("float32")
y = (x[:, :1] > 0).astype("float32")
orders = tf.constant(np.stack([rng.permutation(192)] * 2).astype("int32"))

def model(i):
    made = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4 + i, "relu"), keras.layers.Dense(1, "sigmoid")])
    made.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return made

def bare(i):  # two epochs of Keras' own step, as one would write them by hand
    made, xs, ys = model(i), tf.constant(x), tf.constant(y)
    made.optimizer.build(made.trainable_variables)
    made.train_step((x[:32], y[:32]))

    @tf.function(autograph=False)
    def run(xs, ys, orders):
        def epoch(number):
            made.reset_metrics()
            a, b = tf.gather(xs, orders[number]), tf.gather(ys, orders[number])

            def step(start):
                made.train_step((a[start : start + 32], b[start : start + 32]))
                return start + 32

            tf.while_loop(lambda start: start < 192, step, [tf.constant(0)])
            return number + 1

        tf.while_loop(lambda number: number < 2, epoch, [tf.constant(0)])
        return made.get_metrics_result()

    run(xs, ys, orders)

def memory():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

once = bare if sys.argv[1] == "bare" else lambda i: fit(model(i), x, y, epochs=2, verbose=0)
for i in range(200):
    once(i)
    if i == 20:
        before = memory()
print(memory() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_two_hundred_architectures_leave_no_more_behind_than_bare_functions():
    """Some 2 MB of each compiled function stay with TensorFlow, whatever one does."""
    grown = {way: float(run_python("-c", GROWTH, way, timeout=900).stdout) for way in ("bare", "fit")}
    print(grown)
    assert grown["fit"] <= 1.1 * grown["bare"]
