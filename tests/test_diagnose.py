"""Verdicts on curves whose cause is known: made by formula, and made by training."""

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused

from cheatsheet import Finding
from recipes import build_model, diagnose, fit, load_data

EPOCHS = np.arange(1, 101)


def noisy(curve, scale, seed=0):
    return (curve + np.random.default_rng(seed).normal(scale=scale, size=len(curve))).tolist()


def flat(seed=0, level=0.3):
    return noisy(level + np.exp(-EPOCHS / 8), 0.005, seed)


def falling(seed=0):
    return noisy(1 - 0.006 * EPOCHS, 0.005, seed)


def overfit(seed=0):
    return noisy(0.4 + np.exp(-EPOCHS / 8) + 0.003 * EPOCHS, 0.01, seed)


RULES = {
    "still_learning": {"loss": falling(), "val_loss": falling(1)},
    "converged": {"loss": flat(), "val_loss": flat(1, 0.31)},
    "overfitting": {"loss": noisy(np.exp(-EPOCHS / 15), 0.002), "val_loss": overfit()},
    "diverging": {"loss": noisy(1 + 0.05 * EPOCHS, 0.05), "val_loss": noisy(1 + 0.05 * EPOCHS, 0.1)},
    "nan": {"loss": [1.0, 0.9, float("nan")], "val_loss": [1.0, 1.0, 1.0]},
    "validation_below_training": {"loss": flat(level=0.5), "val_loss": flat(1, 0.4)},
    "too_short": {"loss": [1.0, 0.9]},
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_found_and_the_others_are_not(rule):
    rules = {finding.rule for finding in diagnose(RULES[rule])}
    assert rules == ({rule, "converged"} if rule == "validation_below_training" else {rule})


@pytest.mark.parametrize("seed", range(25))
def test_no_false_alarm_on_flat_or_falling_curves(seed):
    assert diagnose({"loss": flat(seed), "val_loss": flat(seed + 100)})[0].rule == "converged"
    assert diagnose({"loss": falling(seed), "val_loss": falling(seed + 100)})[0].rule == "still_learning"


@pytest.mark.parametrize("seed", range(25))
def test_overfitting_is_found_at_its_turn(seed):
    (finding,) = diagnose({"loss": noisy(np.exp(-EPOCHS / 15), 0.002, seed), "val_loss": overfit(seed)})
    assert finding.rule == "overfitting"
    assert 15 <= finding.epochs[0] <= 55  # d/dt (exp(-t/8) + 0.003 t) = 0 at t = 30, in a shallow valley


def test_jumps_are_no_divergence():
    loss = np.array(flat())
    loss[[30, 55, 80]] += 0.4
    assert diagnose({"loss": loss.tolist()})[0].rule == "converged"


def test_worse_than_chance_is_an_error_once_flat_and_a_warning_while_falling():
    stuck = diagnose({"loss": noisy(np.full(50, 0.6931), 1e-4)}, chance=float(np.log(2)))
    assert next((finding.rule, finding.severity) for finding in stuck) == ("worse_than_chance", "error")
    early = diagnose({"loss": noisy(3 - 0.01 * EPOCHS, 0.001)}, chance=0.69)
    assert {(finding.rule, finding.severity) for finding in early} == {
        ("worse_than_chance", "warning"),
        ("still_learning", "warning"),
    }


def test_a_loss_that_may_be_negative():
    poisson = -2 + np.exp(-EPOCHS / 8)
    assert diagnose({"loss": noisy(poisson, 1e-3)}, chance=-1.0, least=-2.5)[0].rule == "converged"
    assert diagnose({"loss": noisy(poisson, 1e-3)}, chance=-3.0, least=-4.0)[0].rule == "worse_than_chance"


def test_chance_is_measured_against_the_least_loss_that_can_be():
    """Counts around 1000: a model with R2 0.98 leads by 0.2 % of the loss, which is 80 % of all that can be gained."""
    assert diagnose({"loss": noisy(np.full(50, -6048.0), 0.1)}, chance=-6035.0, least=-6051.0)[0].rule == "converged"


def test_the_whole_finding():
    assert diagnose({"loss": [1.0, 0.8, 0.6, 0.4, 0.2]}) == [
        Finding(
            rule="still_learning",
            severity="warning",
            epochs=(1, 5),
            message="loss was still falling when training stopped: from 1 to 0.2 over the last 5 epochs.",
            fix="train for more epochs, or raise learning_rate",
        )
    ]


# The lecture's own verdicts, on curves with the printed shape: rows 3 and 5 of the autoencoder's table.
def test_the_lectures_rows():
    slow = np.linspace(0.0935, 0.0654, 80)
    assert diagnose({"loss": slow.tolist(), "val_loss": (slow + 1e-4).tolist()})[0].rule == "still_learning"
    quick = 0.0043 + 0.06 * np.exp(-np.arange(30) / 2.5)
    assert diagnose({"loss": quick.tolist(), "val_loss": quick.tolist()})[0].rule == "converged"


class TestTrained:
    """Real runs whose cause is known."""

    @pytest.mark.slow
    def test_random_labels_are_overfitted(self, rng):
        x, y = rng.normal(size=(200, 20)), rng.integers(0, 2, 200)
        model = build_model("binary", input_shape=(20,), units=(128, 64), learning_rate=3e-3, seed=0)
        rules = {finding.rule for finding in fit(model, x, y, epochs=60, validation_split=0.3).findings}
        assert {"overfitting", "worse_than_chance"} <= rules

    def test_far_too_high_a_rate_is_an_error(self):
        data = load_data("diabetes")
        model = build_model("regression", input_shape=(10,), optimizer="sgd", learning_rate=10.0, seed=0)
        assert fit(model, data.x, data.y, epochs=6).findings[0].rule in ("nan", "diverging")

    def test_far_too_low_a_rate_is_still_learning(self):
        data = load_data("wine")
        model = build_model(x=data.x, y=data.y, learning_rate=1e-4, seed=0)
        assert fit(model, data.x, data.y, epochs=20, validation_split=0.2).findings[0].rule == "still_learning"

    def test_dropout_puts_validation_below_training(self):
        data = load_data("digits")
        model = build_model(x=data.x, y=data.y, body="mlp", dropout=0.5, units=(64,), seed=0)
        rules = {finding.rule for finding in fit(model, data.x, data.y, epochs=15, validation_split=0.2).findings}
        assert "validation_below_training" in rules
        assert "overfitting" not in rules

    def test_keras_own_history_will_do(self):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        history = model.fit(np.ones((8, 1)), np.ones((8, 1)), epochs=3, verbose=0)
        assert diagnose(history) == diagnose(history.history)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (
            {"val_loss": [1.0]},
            "A history needs the key 'loss'. Received: ['val_loss']. Pass run.history, what model.fit returned, or the "
            "path of the file that CSVLogger wrote.",
        ),
        (
            3,
            "A history needs the key 'loss'. Received: int. Pass run.history, what model.fit returned, or the path of "
            "the file that CSVLogger wrote.",
        ),
        (
            {"loss": [1.0, 0.5, 0.4], "val_loss": [1.0, 0.9]},
            "loss has 3 epochs, but val_loss has 2. Expected one value per epoch in each, or of val_loss one in every "
            "so many (validation_freq).",
        ),
        ({"loss": []}, "loss has shape (0,). Expected one value per epoch, and at least one epoch."),
    ],
)
def test_refusals(history, message):
    with refused(message):
        diagnose(history)


def test_a_loss_that_ends_at_nothing():
    assert diagnose({"loss": [1, 0.5, 0.3, 0.2, 0.12, 0, 0, 0, 0, 0]})[0].rule in ("converged", "still_learning")


def test_jumps_are_named_and_no_bad_sign(rng):
    loss = 1 / np.arange(1, 61) + 0.5
    rough = loss * (1 + 0.1 * rng.standard_normal(60))
    finding = next(finding for finding in diagnose({"loss": rough}) if finding.rule == "jumps")
    assert finding.severity == "info"
    assert "jumps" not in {finding.rule for finding in diagnose({"loss": loss})}


def test_posterior_collapse_needs_both_a_narrow_output_and_a_loss_near_chance():
    flat = {"loss": [0.09, 0.08, 0.07, *[0.0665] * 10]}
    assert diagnose(flat, chance=0.0667, spread=0.03)[0].rule == "posterior_collapse"
    assert "3.0% of what the data vary" in diagnose(flat, chance=0.0667, spread=0.03)[0].message
    for other in ({"chance": 0.0667, "spread": 0.5}, {"chance": 0.2, "spread": None}, {"chance": 0.04, "spread": 0.03}):
        assert "posterior_collapse" not in {finding.rule for finding in diagnose(flat, **other)}


def settling(end=0.3, epochs=40, scatter=0.002):
    rng = np.random.default_rng(0)
    return end + 0.7 * np.exp(-np.arange(epochs) / 2.0) + rng.normal(0, scatter, epochs)


class TestTheWeightsThatWereKept:
    def test_the_verdict_is_about_them(self):
        loss = np.exp(-np.arange(40) / 5.0)
        val_loss = np.concatenate([np.linspace(0.7, 0.4, 20), np.linspace(0.41, 0.9, 20)])
        history = {"loss": loss, "val_loss": val_loss}
        assert diagnose(history)[0].rule == "overfitting"
        (finding,) = diagnose(history, kept=20, chance=0.69)
        assert finding.rule == "converged"
        assert finding.message == (
            "val_loss is 0.4 in epoch 20, whose weights the model has; the 20 epochs after it brought nothing better."
        )
        assert finding.epochs == (20, 40)
        assert diagnose(history, kept=40)[0].rule == "overfitting"

    def test_one_epoch_after_the_best_is_no_sign_of_an_end(self):
        """A curve that falls steadily up to its last epoch but one, whose weights are kept."""
        history = {"loss": falling(), "val_loss": [*falling(1)[:-1], 1.0]}
        kept = int(np.argmin(history["val_loss"])) + 1
        history = {name: values[: kept + 1] for name, values in history.items()}
        found = diagnose(history, kept=kept)
        assert found == diagnose({name: values[:kept] for name, values in history.items()})
        assert found[0].rule == "still_learning"
        sparse = {"loss": np.linspace(1, 0.1, 20), "val_loss": [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.25]}
        assert diagnose(sparse, kept=18)[0].rule == "still_learning"  # a validation in every second epoch
        lost = {"loss": [0.9, 0.5, 0.4, 0.3, 0.2, np.nan]}
        assert diagnose(lost, kept=5) == diagnose({"loss": lost["loss"][:5]})

    def test_those_of_several_networks(self):
        val_loss = np.r_[np.linspace(0.7, 0.3, 10), np.full(33, 0.3)]
        (finding,) = diagnose({"loss": val_loss, "val_loss": val_loss}, kept=[1, 5, 10], chance=0.69)
        assert (finding.rule, finding.epochs) == ("converged", (5, 43))
        assert finding.message == (
            "val_loss is 0.3 as the median of 3 networks, each with the weights of its best epoch (1 to 10); in up to "
            "43 epochs none of them became better after its own."
        )

    def test_they_may_be_no_better_than_chance(self):
        (finding,) = diagnose({"loss": np.ones(20), "val_loss": np.full(20, 0.7)}, kept=3, chance=0.69)
        assert finding.rule == "worse_than_chance"
        assert finding.message.startswith("val_loss is 0.7 in epoch 3, whose weights the model has: no better than")

    def test_what_became_nan_later_is_thrown_away(self):
        history = {"loss": [0.9, 0.5, 0.4, 0.4, 0.4, np.nan], "val_loss": [0.9, 0.5, 0.4, 0.5, 0.6, np.nan]}
        assert diagnose(history)[0].rule == "nan"
        assert diagnose(history, kept=3)[0].rule == "converged"


class TestTheLowestOfAFlatCurve:
    """A rise that is too small against what there was to gain to be overfitting, and is told all the same."""

    def curves(self, scatter=0.0):
        epochs = np.arange(1, 661)
        val_loss = np.where(epochs <= 72, 0.0048 + 0.7 * ((72 - epochs) / 72) ** 4, 0.0048)
        val_loss = val_loss + 0.01376 * np.clip((epochs - 72) / 588, 0, 1)
        return {"loss": 0.7 * np.exp(-epochs / 25), "val_loss": noisy(val_loss, scatter)}

    def test_it_is_said_with_what_keeps_it(self):
        (finding,) = diagnose(self.curves(), chance=0.693)
        assert finding.rule == "converged"
        assert finding.message == (
            "val_loss ended around 0.01703 (0.01856 in the last epoch). It was lowest at epoch 72 (0.0048), and has "
            "risen since by 1.8% of all that there was to gain, too little to be called overfitting."
        )
        assert finding.fix.startswith("keep the weights of that epoch (patience=..., ")

    def test_it_is_not_said_of_noise_of_a_curve_alone_and_of_weights_that_were_kept(self):
        told = [diagnose(self.curves(0.02), chance=0.693)[0], diagnose(self.curves(), chance=0.693, kept=72)[0]]
        told += [diagnose({"loss": self.curves()["val_loss"]}, chance=0.693)[0]]
        told += [diagnose({"loss": flat(k), "val_loss": flat(k + 50)}, chance=1.0)[0] for k in range(25)]
        curves = self.curves()
        curves["val_loss"][-1] = 0.004  # the last epoch is the best
        told += [diagnose(curves, chance=0.693)[0]]
        for finding in told:
            assert finding.rule == "converged"
            assert "lowest" not in finding.message + finding.fix


class TestHistoriesAsTheyCome:
    def test_few_validations_are_told_apart_from_few_epochs(self):
        (finding,) = diagnose({"loss": [1, 0.5, 0.4, 0.3, 0.2, 0.1], "val_loss": [1, 0.6]})
        assert finding.rule == "too_short"
        assert finding.message == (
            "val_loss has 2 values, as with validation_freq=3, which cannot show how the curve ends; val_loss is 0.6 "
            "in epoch 6. Expected at least 5 values."
        )
        assert finding.fix == "train for at least 15 epochs, or validate more often (validation_freq=1)"
        for length in (4, 5, 7):
            with pytest.raises(ValueError, match=r"^loss has 6 epochs, but val_loss has "):
                diagnose({"loss": np.ones(6), "val_loss": np.ones(length)})

    def test_a_validation_now_and_then(self):
        loss, val_loss = settling(0.25), settling(0.3)
        dense = diagnose({"loss": loss, "val_loss": val_loss})
        sparse = diagnose({"loss": loss, "val_loss": val_loss[1::2]})
        assert [f.rule for f in sparse] == [f.rule for f in dense]
        rising = {"loss": 1 / np.arange(1, 41), "val_loss": np.r_[0.5, 0.3, np.linspace(0.32, 0.9, 18)]}
        (finding, *_) = diagnose(rising)
        assert finding.rule == "overfitting"
        assert finding.epochs == (4, 40)
        assert "lowest at epoch 4 (0.3) and ended at 0.9" in finding.message
        with pytest.raises(ValueError, match=r"or of val_loss one in every so many \(validation_freq\)"):
            diagnose({"loss": np.ones(10), "val_loss": np.ones(7)})

    def test_a_table(self, tmp_path):
        loss, val_loss = settling(0.25), settling(0.3)
        expected = [f.rule for f in diagnose({"loss": loss, "val_loss": val_loss})]
        frame = pd.DataFrame({"epoch": np.arange(40), "loss": loss, "val_loss": val_loss})
        assert [f.rule for f in diagnose(frame)] == expected
        frame.to_csv(tmp_path / "log.csv", index=False)
        frame.to_csv(tmp_path / "log.txt", index=False, sep=";")
        for path in (tmp_path / "log.csv", str(tmp_path / "log.csv"), tmp_path / "log.txt"):
            assert diagnose(path) == diagnose(frame)
        with pytest.raises(FileNotFoundError, match=r"none\.csv"):
            diagnose(tmp_path / "none.csv")
        frame.loc[::2, "val_loss"] = np.nan  # as CSVLogger writes a run with validation_freq=2
        assert [f.rule for f in diagnose(frame)] == expected


@pytest.mark.parametrize("epochs", [15, 20, 30, 60, 300])
def test_a_spike_at_the_end_is_no_overfitting(epochs):
    val_loss = settling(epochs=epochs)
    val_loss[-1] = 0.42
    assert diagnose({"loss": settling(0.25, epochs), "val_loss": val_loss})[0].rule != "overfitting"


def test_numbers_in_sentences_are_those_at_that_place():
    rng = np.random.default_rng(3)
    val_loss = 0.1 + 0.3 * np.linspace(-0.2, 1, 400) ** 2 + rng.normal(0, 0.01, 400)
    val_loss[13] = 0.02
    (finding, *_) = diagnose({"loss": np.linspace(0.5, 0.01, 400), "val_loss": val_loss})
    assert finding.rule == "overfitting"
    assert f"lowest at epoch 14 (0.02) and ended at {val_loss[-1]:.4g}" in finding.message
