"""Grokking: the tables, the exactness of the fast step, the phases, and runs that survive being killed."""

import gc
import itertools
import json
import os
import re
import signal
import textwrap
import time
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import refused
from processes import MOST_SECONDS, RESTORE_CTRL_C, run_python

from recipes import clear_programs, grok
from recipes.cli import main
from recipes.grokking.crossentropy import crossentropies
from recipes.grokking.equations import COMMUTATIVE, MODULAR, OPERATIONS, equations, is_prime
from recipes.grokking.fourier import (
    circle_order,
    circle_plane,
    fourier_power,
    gini,
    joining_order,
    restricted_and_excluded_loss,
)
from recipes.grokking.grok import PRESETS
from recipes.grokking.memory import require_memory, run_bytes
from recipes.grokking.networks import MLP, ONE_LAYER, PAPER, Network, flops_per_example
from recipes.grokking.phases import Circumstances, findings, is_sustained, next_evaluation, phases
from recipes.grokking.step.fast_forward import Batch, logits
from recipes.grokking.step.optimizer import Optimizer, matrices_of, orthogonalised
from recipes.grokking.step.steps import Trainer
from recipes.plots import plot_embedding, plot_grokking
from recipes.plots.grokking import four_moments, moment_name
from recipes.running.memory import free_memory
from recipes.running.programs import PROGRAMS

SMALL = {
    "paper": Network(width=16, num_heads=2, hidden=24),
    "sinusoidal": Network(width=16, num_heads=4, hidden=24, positions="sinusoidal"),
    "one layer": Network(num_layers=1, width=16, num_heads=4, hidden=24, normalised=False),
    "three layers": Network(num_layers=3, width=8, num_heads=2, hidden=12),
    "mlp": Network("mlp", width=8, hidden=12),
}


class TestEquations:
    @pytest.mark.parametrize("operation", MODULAR)
    def test_every_equation_of_the_table_holds(self, operation):
        p = 11
        table = equations(operation, p)
        for x, y, z in zip(table.x.tolist(), table.y.tolist(), table.answer.tolist(), strict=True):
            if operation == "x/y" or (operation.startswith("x/y if") and y % 2):
                assert (z * y - x) % p == 0
            elif operation.startswith("x/y if"):
                assert (x - y - z) % p == 0
            else:
                assert (eval(operation.replace("^", "**").replace("xy", "x*y")) - z) % p == 0
        assert len(table.x) == p * p - p * operation.startswith("x/y")

    def test_s5_is_the_group_of_permutations(self):
        group = list(itertools.permutations(range(5)))
        number = {permutation: i for i, permutation in enumerate(group)}
        compose = lambda a, b: tuple(a[b[i]] for i in range(5))  # noqa: E731
        table = {name: equations(f"S5: {name}") for name in ("xy", "xyx^-1", "xyx")}
        rng = np.random.default_rng(0)
        for row in rng.integers(0, 14_400, 200):
            x, y = (group[column[row]] for column in (table["xy"].x, table["xy"].y))
            inverse = tuple(x.index(i) for i in range(5))
            assert table["xy"].answer[row] == number[compose(x, y)]
            assert table["xyx^-1"].answer[row] == number[compose(compose(x, y), inverse)]
            assert table["xyx"].answer[row] == number[compose(compose(x, y), x)]

    def test_the_division_is_a_partition_that_depends_on_the_seed(self):
        table = equations("x+y", 11, 0.3, seed=1)
        assert sorted([*table.train, *table.validation]) == list(range(121))
        assert len(table.train) == 36
        assert not np.array_equal(table.train, equations("x+y", 11, 0.3, seed=2).train)
        np.testing.assert_array_equal(table.train, equations("x+y", 11, 0.3, seed=1).train)

    def test_tokens(self):
        table = equations("x-y", 5)
        np.testing.assert_array_equal(table.tokens(np.array([7])), [[1, 5, 2, 6]])
        assert table.num_tokens == 7

    def test_mirrors(self):
        table = equations("x+y", 7, 0.5)
        train = {(table.x[i], table.y[i]) for i in table.train}
        expected = [(table.y[i], table.x[i]) in train for i in table.validation]
        np.testing.assert_array_equal(table.mirror_in_training(), expected)
        assert equations("x-y", 7).mirror_in_training() is None
        for operation in COMMUTATIVE:
            table = equations(operation, 7)
            square = table.answer.reshape(7, 7)
            np.testing.assert_array_equal(square, square.T)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"operation": "x%y"},
                f"Unknown operation. Received: operation='x%y'. Expected one of {', '.join(map(repr, OPERATIONS))}.",
            ),
            ({"p": 91}, "p must be a prime number of at least 3. Received: p=91. Expected 53, 97 or 113, say."),
            (
                {"train_fraction": 1.0},
                "train_fraction is a share of the 9,312 equations, between 0 and 1. "
                "Received: train_fraction=1.0, which leaves one side empty.",
            ),
        ],
    )
    def test_refusals(self, arguments, message):
        with refused(message):
            equations(**arguments)


class TestExactness:
    """The fast step computes what the plain model does: in float64 to 1e-10, in float32 to 1e-5."""

    @staticmethod
    def plain(model, table, rows):
        """Logits, and the gradient of each weight, of the plain Keras model."""
        with tf.GradientTape() as tape:
            outputs = model(table.tokens(rows))
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(table.answer[rows], outputs)
            loss = tf.reduce_mean(loss)  # Keras' own loss would go through float32
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_weights])
        return np.asarray(outputs), [np.asarray(tf.convert_to_tensor(gradient)) for gradient in gradients]

    @staticmethod
    def trainer(network, table, dtype, **options):
        model = network.build(table.num_tokens, seed=1, dtype=dtype)
        options = {"batch_size": 32, "seed": 0, "jit_compile": False, **options}
        return Trainer(table, network, options.pop("optimizer", Optimizer()), model=model, **options)

    def compare(self, network, table, dtype, tolerance, size=40):
        trainer = self.trainer(network, table, dtype)
        state, chosen = trainer.start(), np.arange(len(table.train))[::7][:size]
        rows = table.train[chosen]
        outputs, gradients = self.plain(trainer.model, table, rows)
        np.testing.assert_allclose(
            trainer.outputs(state, rows), outputs, rtol=0, atol=tolerance * np.abs(outputs).max()
        )
        parts = trainer._split(trainer.gradient(state["weights"], tf.constant(chosen.astype(np.int32))))
        for (path, ours), theirs in zip(parts.items(), gradients, strict=True):
            # A gradient that cancels to nothing has only the rounding of its terms, so the largest of all is the scale.
            scale = max(np.abs(theirs).max(), 1e-3 * max(np.abs(gradient).max() for gradient in gradients))
            assert np.abs(ours.numpy() - theirs).max() <= tolerance * scale, path

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_every_operation(self, operation):
        self.compare(SMALL["paper"], equations(operation, 11), "float64", 1e-10)

    @pytest.mark.parametrize("name", SMALL)
    def test_every_network(self, name):
        self.compare(SMALL[name], equations("x/y", 11), "float64", 1e-10)
        self.compare(SMALL[name], equations("x/y", 11), "float32", 1e-5)

    @pytest.mark.slow
    @pytest.mark.parametrize("operation", OPERATIONS)
    @pytest.mark.parametrize("network", [PAPER, ONE_LAYER, MLP], ids=["paper", "one layer", "mlp"])
    def test_at_full_size(self, network, operation):
        table = equations(operation, 97)
        self.compare(network, table, "float64", 1e-10, size=512)
        self.compare(network, table, "float32", 1e-5, size=512)

    @pytest.mark.parametrize(
        ("name", "jit_compile"),
        [("one layer", True), *(pytest.param("paper", jit, marks=pytest.mark.slow) for jit in (False, True))],
    )
    def test_after_a_hundred_steps_of_keras_own_adamw(self, name, jit_compile):
        table = equations("x+y", 11, 0.6)  # 73 rows: two full batches and a rest of 9
        # Keras rounds the optimizer's constants to float32, so here they are numbers that it holds exactly.
        settings = {
            "learning_rate": 2**-10,
            "weight_decay": 1.0,
            "beta_1": 0.875,
            "beta_2": 1 - 2**-6,
            "epsilon": 2**-27,
        }
        exact_in_float32 = Optimizer(**settings, warm_up=0)
        trainer = self.trainer(SMALL[name], table, "float64", jit_compile=jit_compile, optimizer=exact_in_float32)
        state = trainer.steps(trainer.start(), 0, 100)

        plain = SMALL[name].build(table.num_tokens, seed=1, dtype="float64")
        optimizer = keras.optimizers.AdamW(**settings)
        optimizer.build(plain.trainable_weights)

        @tf.function
        def step(tokens, answers):
            with tf.GradientTape() as tape:
                outputs = plain(tokens)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(answers, outputs))
            gradients = tape.gradient(loss, [variable.value for variable in plain.trainable_weights])
            optimizer.apply([tf.convert_to_tensor(gradient) for gradient in gradients])  # the embedding's is sparse

        for number in range(100):
            epoch, within = divmod(number, 3)
            rows = table.train[trainer._order(epoch)[within * 32 : (within + 1) * 32]]
            step(tf.constant(table.tokens(rows)), tf.constant(table.answer[rows]))
        for ours, theirs in zip(trainer.finish(state).trainable_weights, plain.trainable_weights, strict=True):
            np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=1e-10)

    def test_the_rate_warms_up(self):
        optimizer = Optimizer(learning_rate=0.5, warm_up=4, weight_decay=1.0)
        state = {name: tf.ones(1, tf.float64) for name in ("weights", "momentum", "velocity")}
        still = {**state, "momentum": tf.zeros(1, tf.float64)}  # nothing but decay moves the weights
        rates = [
            1 - optimizer.update(still, tf.zeros(1, tf.float64), tf.constant(k))["weights"].numpy()[0] for k in range(6)
        ]
        np.testing.assert_allclose(rates, [0, 0.125, 0.25, 0.375, 0.5, 0.5])

    def test_the_paper_s_network_has_its_size(self):
        assert PAPER.build(99).count_params() == 420_096
        assert flops_per_example(PAPER, 97, 512, shared=False) * 512 == pytest.approx(4.87e9, rel=0.01)
        assert flops_per_example(PAPER, 97, 512, shared=True) * 512 == pytest.approx(1.92e9, rel=0.01)

    def test_grokfast_adds_the_slow_gradient(self):
        optimizer = Optimizer(grokfast=2.0, grokfast_decay=0.9, warm_up=0, weight_decay=0.0)
        state = {name: tf.zeros(3, tf.float64) for name in ("weights", "momentum", "velocity", "slow")}
        gradient = tf.constant([1.0, 2.0, 3.0], tf.float64)
        after = optimizer.update(state, gradient, tf.constant(0))
        np.testing.assert_allclose(after["slow"], 0.1 * gradient.numpy())
        np.testing.assert_allclose(after["momentum"], 0.1 * (gradient.numpy() * 1.2), rtol=1e-12)

    def test_muon_s_matrices_turn_and_the_rest_is_adamw_s(self, rng):
        singular = np.linalg.svd(orthogonalised(tf.constant(rng.normal(size=(24, 16)))).numpy(), compute_uv=False)
        assert 0.6 < singular.min() <= singular.max() < 1.3  # "about 1", as its authors say
        model = SMALL["paper"].build(13, seed=0)
        matrices = matrices_of(model.trainable_weights)
        assert [shape[1:] for shape in matrices[:6]] == [(16, 16)] * 4 + [(16, 24), (24, 16)]
        size = model.count_params()
        gradient = tf.constant(rng.normal(size=size))
        optimizer = Optimizer(muon=True, warm_up=0, weight_decay=0.0)
        state = {name: tf.zeros(size, tf.float64) for name in ("weights", "momentum", "velocity", "matrix_momentum")}
        moved = optimizer.update(state, gradient, tf.constant(0), matrices=matrices)["weights"].numpy()
        plain = Optimizer(warm_up=0, weight_decay=0.0).update(state, gradient, tf.constant(0))["weights"].numpy()
        start, rows, columns = matrices[4]
        expected = -1e-3 * 0.2 * np.sqrt(24) * orthogonalised(tf.reshape(gradient[start : start + 384], (16, 24)))
        np.testing.assert_allclose(moved[start : start + 384].reshape(rows, columns), expected, rtol=1e-3)
        others = np.ones(size, bool)
        for start, rows, columns in matrices:
            others[start : start + rows * columns] = False
        np.testing.assert_array_equal(moved[others], plain[others])
        assert grok(**QUICK, muon=True, max_steps=60).history["loss"][-1] < np.log(13)


def history(*rows):
    return {
        name: list(column)
        for name, column in zip(("step", "accuracy", "val_accuracy"), zip(*rows, strict=True), strict=True)
    }


def verdict(*rows, loss=1.0, **circumstances):
    """Severity, message and advice of a run with these evaluations."""
    of = {**history(*rows), "loss": [loss] * len(rows)}
    (finding,) = findings(of, phases(of), Circumstances(**circumstances))
    return finding.severity, finding.message, finding.fix


class TestVerdict:
    """Advice is given where it can help, and only there."""

    CONFUSED = ((0, 0.0, 0.0), (100, 0.5, 0.01))
    MEMORISED = ((0, 0.0, 0.0), (100, 1.0, 0.01))
    LEARNT = tuple((100 + 25 * i, 1.0, 1.0) for i in range(5))
    GO_ON = "go on: it was stopped with 900 steps left; "

    @pytest.mark.parametrize(
        ("rows", "circumstances", "fix"),
        [
            (MEMORISED, {}, "more steps, more weight_decay, or more train_fraction"),
            (MEMORISED, {"weight_decay": 0.0}, "more steps, more weight_decay, or more train_fraction"),
            (MEMORISED, {"weight_decay": 2.0}, "more steps or more train_fraction"),
            (MEMORISED, {"train_fraction": 0.95}, "more steps or more weight_decay"),
            (MEMORISED, {"train_fraction": 0.95, "weight_decay": 2.0}, "more steps"),
            (MEMORISED, {"steps_left": 900}, GO_ON + "with checkpoint='folder' the same call can go on"),
            (MEMORISED, {"steps_left": 900, "is_kept": True}, GO_ON + "the same call goes on from there"),
            (MEMORISED, {"has_rule": False}, ""),
            (MEMORISED, {"has_rule": False, "steps_left": 900}, ""),
            (MEMORISED, {"loss": float("nan")}, "a smaller learning_rate"),
            ((*MEMORISED, (110, 1.0, 0.995)), {}, "more steps, to see whether it stays there"),
            ((*MEMORISED, (110, 0.3, 0.01)), {}, "more steps or a smaller learning_rate"),
            ((*MEMORISED, (110, 0.3, 0.01)), {"weight_decay": 3.0},
             "more steps, a smaller learning_rate, or less weight_decay"),
            (CONFUSED, {}, "more steps or another learning_rate"),
            (CONFUSED, {"weight_decay": 3.0}, "more steps, another learning_rate, or less weight_decay"),
            (CONFUSED, {"steps_left": 900}, GO_ON + "with checkpoint='folder' the same call can go on"),
            (CONFUSED, {"has_rule": False}, "more steps or another learning_rate"),
            (CONFUSED, {"steps_left": 900, "loss": float("nan")}, "a smaller learning_rate"),
            (LEARNT, {}, "for the delay: a smaller train_fraction or less weight_decay"),
            (LEARNT, {"weight_decay": 0.0}, "for the delay: a smaller train_fraction"),
            (LEARNT, {"steps_left": 900}, "for the delay: a smaller train_fraction or less weight_decay"),
            (LEARNT, {"has_rule": False}, ""),
            (((10, 1.0, 0.0), *LEARNT), {}, ""),
        ],
    )  # fmt: skip
    def test_the_advice(self, rows, circumstances, fix):
        assert verdict(*rows, **circumstances)[2] == fix

    def test_random_answers_have_no_rule(self):
        no_rule = " The answers are random: they can be memorised, but there is no rule to find."
        assert verdict(*self.MEMORISED, has_rule=False) == (
            "info",
            "the training set was memorised at step 100, but at the end of 100 steps the validation accuracy is 1.0%."
            + no_rule,
            "",
        )
        severity, message, _ = verdict(*self.CONFUSED, has_rule=False)
        assert severity == "warning"
        assert message.endswith(no_rule)
        _, message, _ = verdict(*self.LEARNT, has_rule=False)
        assert message.endswith(no_rule + " So few validation equations were right by chance.")

    def test_what_was_memorised_may_be_lost_again(self):
        assert verdict(*self.MEMORISED, (110, 0.3, 0.01))[:2] == (
            "warning",
            "the training set was memorised at step 100, but at the end of 110 steps the training accuracy is back at "
            "30.0%, and the validation accuracy is 1.0%.",
        )

    def test_a_loss_that_is_no_number(self):
        assert verdict(*self.CONFUSED, loss=float("nan")) == (
            "error",
            "after 100 steps the training accuracy is 50.0%, the validation accuracy 1.0%. "
            "The loss is no number any more.",
            "a smaller learning_rate",
        )

    def test_a_run_knows_its_circumstances(self, tmp_path):
        random = grok(**{**QUICK, "operation": "random"}, max_steps=600, learning_rate=0.01, weight_decay=0.0)
        assert random.kind == "memorisation"
        assert random.findings[0].fix == ""
        assert "there is no rule to find" in random.verdict
        assert grok(**QUICK, max_steps=1).findings[0].fix == "more steps or another learning_rate"
        assert grok(**QUICK, max_steps=60, learning_rate=1e9).findings[0].fix == "a smaller learning_rate"

    @pytest.mark.usefixtures("interruptible")
    def test_an_interrupted_run_is_told_to_go_on(self, monkeypatch, tmp_path):
        steps = Trainer.steps

        def interrupted(self, state, first, last):
            os.kill(os.getpid(), signal.SIGINT)
            return steps(self, state, first, last)

        monkeypatch.setattr(Trainer, "steps", interrupted)
        run = grok(**QUICK, max_steps=1000, checkpoint=tmp_path)
        assert run.interrupted
        left = 1000 - run.steps
        assert run.findings[0].fix == f"go on: it was stopped with {left} steps left; the same call goes on from there"


class TestMoments:
    """Which four evaluations the figure shows, and what it calls them."""

    @staticmethod
    def shown(*rows):
        of = history(*rows)
        return [(of["step"][at], moment_name(of, at)) for at in four_moments(of)]

    def test_grokking(self):
        rows = [(0, 0, 0), (100, 1, 0), (200, 1, 0), (300, 1, 0), *((k, 1, 1) for k in range(400, 501, 25))]
        assert self.shown(*rows) == [
            (0, "start"), (100, "memorised"), (200, "not generalised yet"), (400, "generalised")
        ]  # fmt: skip

    def test_comprehension(self):
        learnt = [(k, 1, 1) for k in range(400, 501, 25)]
        together = [(0, 0, 0), (200, 0, 0), *learnt]
        assert self.shown(*together) == [(0, "start"), *[(400, "memorised, generalised")] * 3]
        backwards = [(0, 0, 0), *((k, 0, 1) for k in range(100, 201, 25)), (400, 1, 1)]
        assert self.shown(*backwards) == [
            (0, "start"), (100, "generalised"), (200, "not memorised yet"), (400, "memorised, end")
        ]  # fmt: skip
        never = [(0, 0, 0), *((k, 0.5, 1) for k in range(100, 201, 25)), (400, 0.5, 1)]
        assert self.shown(*never) == [
            (0, "start"), (100, "generalised"), (200, "not memorised"), (400, "end, not memorised")
        ]  # fmt: skip

    def test_memorisation(self):
        rows = [(0, 0, 0), (50, 0.5, 0), (100, 1, 0), (200, 1, 0), (400, 1, 0)]
        assert self.shown(*rows) == [
            (0, "start"), (100, "memorised"), (200, "not generalised"), (400, "end, not generalised")
        ]  # fmt: skip

    def test_confusion(self):
        rows = [(0, 0, 0), (10, 0, 0), (20, 0.1, 0), (30, 0.1, 0)]
        assert self.shown(*rows) == [
            (0, "start"), (10, "not memorised"), (20, "not memorised"), (30, "end, not memorised")
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("accuracies", "names"),
        [
            ((0, 0), ["start", "start", "start", "end, not memorised"]),
            ((0, 1), ["start", "memorised, end", "memorised, end", "memorised, end"]),
            ((1, 1), ["start, memorised", "start, memorised", "end, not generalised", "end, not generalised"]),
            ((0,), ["start"] * 4),
        ],
    )
    def test_the_shortest_runs(self, accuracies, names):
        shown = self.shown(*((step, accuracy, 0.0) for step, accuracy in enumerate(accuracies)))
        assert [name for _, name in shown] == names

    def test_the_titles_of_the_figure(self):
        run = grok(**QUICK, max_steps=60)
        assert run.kind == "confusion"
        titles = [ax.get_title().split("\n")[0] for ax in plot_grokking(run)[1:]]
        assert titles == [
            "start: step 0", "not memorised: step 20", "not memorised: step 40", "end, not memorised: step 60"
        ]  # fmt: skip


class TestPhases:
    GROKKED = ((100, 1.0, 0.1), (400, 1.0, 0.99), *((400 + 25 * i, 1.0, 1.0) for i in range(1, 5)))

    def test_grokking(self):
        found = phases(history((0, 0.0, 0.0), *self.GROKKED))
        assert (found.memorised_at, found.generalised_at, found.delay_ratio, found.kind) == (100, 400, 4.0, "grokking")

    def test_a_ratio_below_three_is_no_grokking(self):
        found = phases(history((0, 0.0, 0.0), (150, 1.0, 0.1), *self.GROKKED[1:]))
        assert found.kind == "comprehension"
        assert found.delay_ratio == pytest.approx(2.67, abs=0.01)

    def test_a_passing_peak_does_not_count(self):
        rows = [(100, 1.0, 0.1), (400, 1.0, 1.0), (425, 1.0, 1.0), (450, 1.0, 0.9), (475, 1.0, 1.0)]
        found = phases(history(*rows))
        assert (found.generalised_at, found.kind) == (None, "memorisation")
        assert not is_sustained(history(*rows))

    def test_confusion(self):
        assert phases(history((0, 0.0, 0.0), (100, 0.5, 0.01))).kind == "confusion"

    def test_evaluations_grow_and_then_stay_close(self):
        assert next_evaluation({"step": []}) == 0
        assert next_evaluation(history((0, 0.0, 0.0))) == 10
        assert next_evaluation(history((1000, 1.0, 0.5))) == 1100
        assert next_evaluation(history((1000, 1.0, 0.99))) == 1025


class TestFourier:
    def test_a_circle_is_found(self, rng):
        table = equations("x+y", 53)
        angle = 2 * np.pi * 7 * np.arange(53) / 53
        directions, _ = np.linalg.qr(rng.normal(size=(16, 2)))
        embedding = np.zeros((55, 16))
        embedding[:53] = np.stack([np.cos(angle), np.sin(angle)], 1) @ directions.T
        order = circle_order(table)
        power = fourier_power(embedding, order)
        assert power[6] == pytest.approx(1)
        assert gini(power) == pytest.approx(1 - 1 / 26)
        plane, frequency = circle_plane(embedding, order)
        assert frequency == 7
        radius = np.linalg.norm(embedding[:53] @ plane, axis=1)
        np.testing.assert_allclose(radius, radius[0])
        rim = joining_order(order, 7)
        steps = np.linalg.norm(np.diff(embedding[rim], axis=0), axis=1)
        np.testing.assert_allclose(steps, steps[0])  # neighbours on the rim

    def test_division_has_its_circle_in_the_discrete_logarithm(self):
        order = circle_order(equations("x/y", 11))
        assert sorted(order) == list(range(1, 11))
        ratios = {int(b) * pow(int(a), -1, 11) % 11 for a, b in itertools.pairwise(order)}
        assert len(ratios) == 1  # each is the one before times the same number
        assert circle_order(equations("S5: xy")) is None

    def test_gini(self):
        assert gini(np.ones(10)) == pytest.approx(0)
        assert gini(np.array([0, 0, 0, 1.0])) == pytest.approx(0.75)

    @pytest.mark.parametrize("operation", ["x+y", "x-y", "x*y", "x/y"])
    def test_restricted_and_excluded_loss_of_waves(self, operation):
        """A network that computes with five waves has all it knows in them."""
        p = 23
        table = equations(operation, p)
        order = circle_order(table)
        place, n = np.argsort(order) if len(order) == p else np.append(0, np.argsort(order)), len(order)
        turn = 2 * np.pi * (place[table.answer][:, None] - place[np.arange(p)]) / n
        waves = sum(np.cos(k * turn) for k in (1, 3, 4, 7, 9))
        restricted, excluded = restricted_and_excluded_loss(table, 5 * waves)
        assert restricted < 0.02
        assert excluded == pytest.approx(np.log(n), rel=1e-6)
        answers = np.random.default_rng(0).permutation(table.answer)  # memory alone: right where it was trained
        answers[table.train] = table.answer[table.train]
        restricted, _ = restricted_and_excluded_loss(table, np.where(np.arange(p) == answers[:, None], 20.0, 0.0))
        assert restricted > 0.3

    def test_restricted_loss_is_that_of_the_two_dimensional_transform(self, rng):
        """Nanda's own way: transform over x and over y, and keep the waves of x + y at the strongest frequencies."""
        p, num_frequencies = 11, 2
        table = equations("x+y", p)
        logits = rng.normal(size=(p * p, p + 2)) + 3 * np.cos(
            2 * np.pi * 2 * (table.answer[:, None] - np.arange(p + 2)) / p
        )
        cube = np.fft.fft2(logits[:, :p].reshape(p, p, p), axes=(0, 1))
        diagonal = cube[np.arange(p), np.arange(p)]  # (frequency, p): the same for x and for y
        power = [np.sum(np.abs(diagonal[[k, p - k]]) ** 2) for k in range(1, p // 2 + 1)]
        kept = np.zeros_like(cube)
        for k in 1 + np.argsort(power)[-num_frequencies:]:
            for sign in (k, p - k):
                kept[sign, sign] = cube[sign, sign]
        without = np.fft.ifft2(cube - kept, axes=(0, 1)).real.reshape(p * p, p)
        kept[0, 0] = cube[0, 0]
        alone = np.fft.ifft2(kept, axes=(0, 1)).real.reshape(p * p, p)

        def crossentropy(outputs, answers):
            return np.mean(np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(len(answers)), answers])

        found = restricted_and_excluded_loss(table, logits, num_frequencies)
        expected = (crossentropy(alone, table.answer), crossentropy(without[table.train], table.answer[table.train]))
        np.testing.assert_allclose(found, expected, rtol=1e-10)


QUICK = {"p": 11, "network": SMALL["mlp"], "batch_size": 24, "verbose": 0}  # compiles in a moment


FREE = 2e9  # bytes of memory that the tests say are free


class TestMemory:
    @pytest.fixture(autouse=True)
    def _little_memory(self, monkeypatch):
        monkeypatch.setattr("recipes.grokking.memory.free_memory", lambda: FREE)
        monkeypatch.setattr("recipes.grokking.equations.free_memory", lambda: FREE)

    @staticmethod
    def needed(p, operation="x+y", network=MLP):
        return run_bytes(operation, p, 0.5, network, 512, 30_000)

    @pytest.fixture
    def no_table(self, monkeypatch):
        def made(*arguments):
            raise AssertionError("a table was made before its size was looked at")

        monkeypatch.setattr("recipes.grokking.equations._modulo", made)
        monkeypatch.setattr("recipes.grokking.equations._of_permutations", made)

    @pytest.mark.parametrize("preset", PRESETS)
    @pytest.mark.parametrize("p", [None, 97, 113])
    def test_presets_and_usual_tables_fit(self, preset, p):
        plan = PRESETS[preset]
        for operation in (plan.operation, "S5: xy"):
            arguments = (operation, p or plan.p, 0.5, plan.network, plan.batch_size, plan.max_steps)
            require_memory(*arguments)
            assert run_bytes(*arguments) < FREE / 2

    @pytest.mark.usefixtures("no_table")
    def test_a_table_too_large_is_refused_before_it_is_made(self):
        with refused(
            "x+y modulo p=9973 does not fit in the memory: evaluating its 99,460,729 equations takes about "
            "15,882.1 GB, and 2.0 GB are free. Expected p=479 at most."
        ):
            grok(p=9973, train_fraction=0.5)
        with refused(
            "The 99,460,729 equations take 6.4 GB of memory, and 2.0 GB are free. Received: p=9973. "
            "Expected a smaller p."
        ):
            equations("x+y", 9973)

    @pytest.mark.usefixtures("no_table")
    @pytest.mark.parametrize("operation", ["x+y", "x/y", "random"])
    @pytest.mark.parametrize("p", [1009, 9973, 99_991, 10**18])
    def test_the_p_that_would_fit_does(self, p, operation):
        with pytest.raises(ValueError, match=r"Expected p=(\d+) at most\.$") as caught:
            grok(operation=operation, p=p)
        fitting = int(str(caught.value).split("p=")[-1].split()[0])
        assert is_prime(fitting)
        require_memory(operation, fitting, 0.5, MLP, 64, 30_000)
        larger = next(q for q in range(fitting + 1, p) if is_prime(q))
        with pytest.raises(ValueError, match=f"p={larger} does not fit"):
            require_memory(operation, larger, 0.5, MLP, 64, 30_000)

    @pytest.mark.usefixtures("no_table")
    def test_where_no_p_would_fit(self, monkeypatch):
        monkeypatch.setattr("recipes.grokking.memory.free_memory", lambda: 1e8)
        mend = "Expected a smaller network or batch_size, or more free memory."
        for arguments in ({"operation": "S5: xy"}, {"p": 5}):
            with pytest.raises(ValueError, match=re.escape(mend)):
                grok(**arguments)

    @pytest.mark.parametrize("network", [MLP, ONE_LAYER, PAPER], ids=["mlp", "one layer", "paper"])
    def test_all_logits_and_their_float64_are_counted(self, network):
        for p in (53, 509, 9973):
            assert self.needed(p, network=network) >= p * p * (p + 2) * (4 + 8)
        assert self.needed(101) < self.needed(103) < self.needed(107)

    def test_wrong_arguments_are_told_apart_from_large_ones(self):
        with refused("p must be a prime number of at least 3. Received: p=91. Expected 53, 97 or 113, say."):
            grok(p=91)
        with refused("p must be a prime number of at least 3. Received: p=2.5. Expected 53, 97 or 113, say."):
            grok(p=2.5)

    def test_the_free_memory_is_a_number_of_bytes(self):
        assert 1e6 < free_memory() < 1e15


class TestCrossentropy:
    def test_it_is_minus_the_logarithm_of_the_share(self, rng):
        logits, answers = rng.normal(size=(20, 7)), rng.integers(0, 7, 20)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        for given in (logits, logits.astype("float32")):
            before = given.copy()
            expected = -np.log(shares[np.arange(20), answers])
            np.testing.assert_allclose(crossentropies(given, answers), expected, rtol=1e-5)
            np.testing.assert_array_equal(given, before)

    def test_losses_below_the_resolution_of_float32_are_kept(self):
        found = crossentropies(np.array([[25.0, 0.0]], "float32"), np.array([0]))
        np.testing.assert_allclose(found, np.exp(-25.0), rtol=1e-4)


class TestRun:
    def test_the_fields_of_a_run(self):
        run = grok(**QUICK, max_steps=60)
        assert run.steps == run.history["step"][-1] == 60
        assert set(run.history) == {
            "step", "loss", "accuracy", "val_loss", "val_accuracy", "weight_norm", "gini",
            "val_accuracy_mirrored", "val_accuracy_unmirrored", "restricted_loss", "excluded_loss",
        }  # fmt: skip
        assert {len(values) for values in run.history.values()} == {len(run.embeddings)}
        table = run.table
        right = run.model.predict(table.tokens(table.train), verbose=0).argmax(axis=1) == table.answer[table.train]
        assert run.history["accuracy"][-1] == pytest.approx(right.mean())
        assert run.history["loss"][0] == pytest.approx(np.log(13), rel=0.2)
        assert "confusion" in run.verdict or "memorisation" in run.verdict
        json.dumps(run.to_json())

    def test_the_same_seed_gives_the_same_run_and_another_another(self):
        first, second, other = (grok(**QUICK, max_steps=40, seed=seed) for seed in (0, 0, 1))
        assert first.history == second.history != other.history

    @pytest.mark.parametrize("operation", ["x+y", "x/y"])  # with and without a rest
    def test_a_run_in_parts_is_the_run_in_one(self, tmp_path, operation):
        options = {**QUICK, "operation": operation, "stop": False}
        whole = grok(**options, max_steps=300)
        for max_steps in (170, 300):
            part = grok(**options, max_steps=max_steps, checkpoint=tmp_path)
        assert part.history == whole.history
        for a, b in zip(whole.model.weights, part.model.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))

    def test_runs_that_differ_in_numbers_alone_compile_once(self):
        clear_programs()
        options = {**QUICK, "max_steps": 40}
        grok(**options)
        borrowed = grok(**options, learning_rate=0.01, weight_decay=0.3, seed=3)
        assert len(PROGRAMS) == 1
        clear_programs()
        assert grok(**options, learning_rate=0.01, weight_decay=0.3, seed=3).history == borrowed.history

    def test_the_model_ends_with_its_last_reference(self):
        run = grok(**QUICK, max_steps=20)
        left = weakref.ref(run.model)
        del run
        gc.collect()
        assert left() is None

    def test_numpy_s_numbers_will_do(self, tmp_path):
        run = grok(**{**QUICK, "p": np.int64(11)}, seed=np.int64(1), max_steps=np.int32(10), checkpoint=tmp_path)
        assert (
            json.loads(json.dumps(run.to_json(), allow_nan=False))["steps_per_second"] is None
        )  # nothing but compiling

    def test_another_run_is_refused(self, tmp_path):
        grok(**QUICK, max_steps=10, checkpoint=tmp_path)
        with pytest.raises(ValueError, match=r"another run: train_fraction was 0.5, now 0.4"):
            grok(**QUICK, max_steps=10, checkpoint=tmp_path, train_fraction=0.4)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"preset": "fast"}, "Unknown preset. Received: preset='fast'. Expected one of lecture, paper, figure1."),
            ({"max_steps": 0}, "max_steps must be a whole number of at least 1. Received: max_steps=0."),
            ({"weight_decay": -1.0}, "weight_decay must be at least 0. Received: weight_decay=-1.0."),
            ({"learning_rate": 0.0}, "learning_rate must be above 0. Received: learning_rate=0.0."),
        ],
    )
    def test_refusals(self, arguments, message):
        with refused(message):
            grok(**arguments)

    def test_ctrl_c_keeps_what_is_there(self):
        script = RESTORE_CTRL_C + textwrap.dedent("""
            import sys, threading, os, signal
            sys.path.insert(0, sys.argv[1])
            from test_grokking import QUICK
            from recipes import grok
            threading.Timer(3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            run = grok(**QUICK, stop=False, max_steps=10**8)
            print(run.interrupted, run.steps > 0, len(run.history["step"]) > 1)
        """)
        done = run_python("-c", script, os.path.dirname(__file__))
        assert done.stdout.split() == ["True"] * 3, done.stderr[-500:]

    def test_the_command_line(self, capsys, tmp_path):
        options = ["grok", "--p", "7", "--max-steps", "20", "--json", "--out", str(tmp_path)]
        assert main(options) == 0
        fields = json.loads(capsys.readouterr().out)
        assert fields["steps"] == 20
        assert fields["settings"]["p"] == 7
        assert (tmp_path / "grokking.png").stat().st_size > 10_000
        assert main(["grok", "--p", "8"]) == 2
        assert capsys.readouterr().err.startswith("recipes grok: p must be a prime number")

    def test_the_figure(self):
        run = grok(**QUICK, max_steps=60)
        axes = plot_grokking(run)
        assert len(axes) == 5
        np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), run.history["accuracy"])
        points = np.asarray(axes[4].collections[0].get_offsets())
        plane, _ = circle_plane(run.embeddings[-1], np.arange(11))
        np.testing.assert_allclose(points, run.embeddings[-1][:11] @ plane)
        with refused("S5: xy has no circle to draw. Expected an operation modulo p."):
            plot_embedding(grok(**{**QUICK, "operation": "S5: xy"}, max_steps=1), 0)


@pytest.mark.slow
class TestClaims:
    @pytest.mark.parametrize(
        ("p", "network"), [(53, "MLP"), (307, "MLP"), (307, "ONE_LAYER"), (97, "PAPER"), (307, "PAPER")]
    )
    def test_a_run_takes_the_memory_that_was_counted(self, p, network):
        script = textwrap.dedent("""
            import resource, sys
            from recipes.grokking import networks as network
            from recipes.grokking.memory import run_bytes
            from recipes.grokking.grok import grok

            p, chosen = int(sys.argv[1]), getattr(network, sys.argv[2])
            with open("/proc/self/statm") as file:
                before = int(file.read().split()[1]) * resource.getpagesize()
            grok(p=p, network=chosen, max_steps=3, verbose=0)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
            print(peak / run_bytes("x+y", p, 0.5, chosen, 64, 3))
        """)
        done = run_python("-c", script, str(p), network)
        assert 0.5 < float(done.stdout) < 2, done.stderr[-500:]

    def test_killed_at_any_moment_it_ends_with_the_same_bits(self, tmp_path, start_python):
        script = textwrap.dedent("""
            import hashlib, json, sys
            import numpy as np
            from recipes import grok
            run = grok("lecture", max_steps=10_000, stop=False, verbose=0, checkpoint=sys.argv[1])
            print(hashlib.sha256(b"".join(np.asarray(w).tobytes() for w in run.model.weights)).hexdigest(),
                  hashlib.sha256(json.dumps(run.history).encode()).hexdigest())
        """)

        def start(folder):
            return start_python("-c", script, tmp_path / folder)

        whole = start("whole").communicate(timeout=MOST_SECONDS)[0]
        rng = np.random.default_rng(0)
        for seconds in rng.uniform(5, 14, 5):
            process = start("killed")
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=MOST_SECONDS)
        assert start("killed").communicate(timeout=MOST_SECONDS)[0] == whole != ""

    def test_random_labels_are_never_called_grokking(self):
        kinds = {grok("lecture", operation="random", seed=s, max_steps=3000, verbose=0).kind for s in range(20)}
        assert kinds <= {"memorisation", "confusion"}

    def test_a_short_run_without_decay_is_not_called_grokking(self):
        kinds = {grok("lecture", weight_decay=0.0, seed=s, max_steps=3000, verbose=0).kind for s in range(3)}
        assert kinds <= {"memorisation", "confusion"}


def test_batches_and_positions_are_shared():
    """Half as many columns as the plain model has rows: 2p + 2n after the first attention, n in the last layer."""
    network, table = SMALL["paper"], equations("x+y", 11)
    model = network.build(table.num_tokens, 0)
    weights = {variable.path: variable.value for variable in model.weights}
    x, y = (tf.constant(column[:5]) for column in (table.x, table.y))
    outputs = logits(network, weights, Batch(x, y, 11))
    assert outputs.shape == (13, 5)
    np.testing.assert_allclose(outputs.numpy().T, np.asarray(model(table.tokens(np.arange(5)))), atol=1e-5)
