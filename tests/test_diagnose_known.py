"""Every verdict on curves whose cause is known by formula, for runs of 10 to 10,000 epochs."""

import re
import warnings

import numpy as np
import pytest

from recipes import diagnose
from recipes.diagnosis import rules
from recipes.diagnosis.curves import scatter_of

LENGTHS = (10, 20, 50, 100, 300, 1_000, 3_000, 10_000)
CHANCE = 0.69


def over(epochs):
    return np.arange(1, epochs + 1) / epochs  # time, 1 at the end


def noisy(curve, scale, seed):
    return curve + np.random.default_rng(seed).normal(scale=scale, size=len(curve))


def settled(t, level, rate=12.0):
    return level + (0.75 - level) * np.exp(-rate * t)


def history(kind, epochs, seed=0):
    """The curves of a kind, as long as asked for."""
    t = over(epochs)
    flat = 0.70 + 0 * t
    loss, val_loss = {
        "still_learning": (0.75 - 0.4 * t, 0.75 - 0.35 * t),
        "converged": (settled(t, 0.30), settled(t, 0.33)),
        "overfitting": (0.7 * np.exp(-4 * t) + 0.02, 0.45 + 1.6 * (t - 0.4) ** 2),
        "memorised_noise": (0.7 * np.exp(-6 * t), 0.70 + 0.9 * t),
        "worse_than_chance": (flat - 0.01, flat),
        "diverging": (0.5 + 2 * t**2, 0.5 + 2.5 * t**2),
    }[kind]
    return {"loss": noisy(loss, 0.002, seed), "val_loss": noisy(val_loss, 0.004, seed + 1000)}


@pytest.mark.parametrize("epochs", LENGTHS)
@pytest.mark.parametrize(
    "kind", ["still_learning", "converged", "overfitting", "memorised_noise", "worse_than_chance", "diverging"]
)
@pytest.mark.slow_but("-10]", "-30]", "-100]", "-300]", "-1000]", "-10000]")
def test_the_verdict_whatever_the_number_of_epochs(kind, epochs):
    for seed in range(3):
        finding = diagnose(history(kind, epochs, seed), chance=CHANCE)[0]
        assert finding.rule == kind, finding
        assert 0 < finding.confidence <= 1
        first, last = finding.epochs
        assert 1 <= first <= last == epochs


@pytest.mark.parametrize("epochs", LENGTHS)
def test_overfitting_begins_where_the_validation_turned(epochs):
    for seed in range(5):
        finding = diagnose(history("overfitting", epochs, seed), chance=CHANCE)[0]
        assert finding.epochs[0] == pytest.approx(0.4 * epochs, abs=max(1, 0.08 * epochs))
        assert f"near epoch {finding.epochs[0]}" in finding.fix


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("kind", ["still_learning", "converged", "overfitting", "worse_than_chance"])
def test_the_unit_of_the_loss_does_not_matter(kind, scale):
    curves = {name: curve * scale for name, curve in history(kind, 60).items()}
    assert diagnose(curves, chance=CHANCE * scale)[0].rule == kind


def test_more_epochs_bring_what_the_curve_promises():
    """The interval holds the value that the formula has after as many epochs again."""
    epochs, inside = 80, 0
    rates = np.linspace(0.5, 2.5, 20)
    for seed, rate in enumerate(rates):
        curves = [noisy(0.3 + 0.4 * np.exp(-rate * over(epochs)), 0.002, seed + k) for k in (0, 500)]
        finding = diagnose({"loss": curves[0], "val_loss": curves[1]}, chance=CHANCE)[0]
        if finding.rule != "still_learning":
            continue
        low, high = (float(word.rstrip(").")) for word in finding.message.split("between ")[1].split(" and "))
        assert low < high
        inside += low <= 0.3 + 0.4 * np.exp(-2 * rate) <= high
    assert inside >= 12


def test_nan_and_its_epoch():
    finding = diagnose({"loss": [1.0, 0.9, np.inf, np.nan]})[0]
    assert (finding.rule, finding.epochs, finding.confidence) == ("nan", (3, 3), 1.0)


class TestBesideTheVerdict:
    def rules(self, history, **known):
        return [finding.rule for finding in diagnose(history, **known)]

    def test_a_rate_too_low_says_how_much(self):
        t = over(50)
        curves = {"loss": noisy(0.70 - 0.03 * t, 1e-4, 0), "val_loss": noisy(0.685 - 0.03 * t, 1e-4, 1)}
        found = {finding.rule: finding for finding in diagnose(curves, chance=CHANCE)}
        assert "rate_too_low" in found
        assert found["rate_too_low"].fix == "raise learning_rate (by 10), keeping the best (patience=...)"

    def test_a_rate_too_high_says_how_much(self):
        curves = {"loss": noisy(np.full(60, 0.5), 0.15, 0), "val_loss": noisy(np.full(60, 0.5), 0.15, 1)}
        found = {finding.rule: finding for finding in diagnose(curves, chance=CHANCE)}
        assert found["rate_too_high"].fix.startswith("lower learning_rate (by ")
        assert "rate_too_high" not in self.rules(history("converged", 60), chance=CHANCE)

    @pytest.mark.parametrize(
        "loss",
        [
            380 * np.exp(-0.25 * np.arange(8)) + 10,
            np.array([390.9, 288.5, 192.5, 131.8, 99.8, 78.5, 62.4, 50.3]),
            1e8 * np.exp(-1.5 * np.arange(10)),
        ],
    )
    def test_a_curve_that_falls_smoothly_does_not_scatter(self, loss):
        """However large its bend is against what there is to gain: it is still far above chance."""
        found = diagnose({"loss": loss, "val_loss": 1.05 * loss}, chance=17.0)
        assert {"worse_than_chance"} <= {finding.rule for finding in found} <= {"still_learning", "worse_than_chance"}
        assert "lower learning_rate" not in " ".join(finding.fix for finding in found)
        zigzag = loss * np.where(np.arange(len(loss)) % 2, 1.0, 0.2)
        assert "rate_too_high" in self.rules({"loss": zigzag, "val_loss": 1.05 * zigzag}, chance=17.0)

    def test_scatter_is_that_of_the_noise_where_nothing_falls(self):
        for seed in range(5):
            assert scatter_of(noisy(np.ones(3_000), 0.1, seed)) == pytest.approx(0.1, rel=0.1)
        assert scatter_of(np.exp(-np.arange(30) / 3)) == 0

    def test_no_two_findings_advise_to_raise_and_to_lower_the_rate(self):
        """Noise of any size upon falls, rises and plateaus, below and above chance."""
        rng, lowered, raised = np.random.default_rng(1), 0, 0
        for _ in range(400):
            t, scale = over(int(rng.choice([5, 8, 12, 30, 80]))), 10 ** rng.uniform(-4, 0)
            course = rng.choice([0.3, 1, 30]) * np.exp(-rng.uniform(0.02, 5) * np.maximum(t - rng.choice([0, 0.5]), 0))
            curves = {name: noisy(course, scale, rng.integers(1_000_000)) for name in ("loss", "val_loss")}
            spread = rng.choice([None, 0.01])
            fixes = " ".join(finding.fix for finding in diagnose(curves, chance=CHANCE, spread=spread))
            up = bool(re.search("(raise|higher) learning_rate", fixes))
            lowered, raised = lowered + ("lower learning_rate" in fixes), raised + up
            assert not (up and "lower learning_rate" in fixes), fixes
        assert min(lowered, raised) > 50

    def test_a_plateau_and_then_a_drop(self):
        t = over(100)
        curve = 0.69 / (1 + np.exp(60 * (t - 0.6))) + 0.01
        rules = self.rules({"loss": noisy(curve, 1e-3, 0), "val_loss": noisy(curve, 1e-3, 1)}, chance=CHANCE)
        assert "plateau_then_drop" in rules
        assert "plateau_then_drop" not in self.rules(history("converged", 100), chance=CHANCE)

    @pytest.mark.parametrize("epochs", [60, 1_000])
    def test_grokking_before_and_after(self, epochs):
        t = over(epochs)
        loss = 4.0 * np.exp(-60 * t) + 1e-3
        late = 1 / (1 + np.exp(60 * (t - 0.75)))
        val_loss = 4.0 + 3.0 * np.minimum(t / 0.2, 1)
        before = {"loss": noisy(loss, 1e-3, 0), "val_loss": noisy(val_loss, 0.02, 1)}
        assert self.rules(before, chance=4.0)[0] == "memorised_noise"
        assert self.rules(before, chance=4.0, regime="grokking")[0] == "memorised"
        after = {"loss": noisy(loss, 1e-3, 0), "val_loss": noisy(val_loss * late + 0.01, 0.002, 1)}
        assert "grokked" in self.rules(after, chance=4.0)
        assert "overfitting" not in self.rules(after, chance=4.0)

    def test_an_unknown_regime_is_refused(self):
        with pytest.raises(
            ValueError, match=r"^Unknown regime. Received: regime='groking'. Expected 'grokking' or None"
        ):
            diagnose({"loss": [1.0]}, regime="groking")


def test_without_chance_it_says_what_that_would_add():
    message = diagnose(history("converged", 60))[0].message
    assert "chance=" in message
    assert "chance=" not in diagnose(history("converged", 60), chance=CHANCE)[0].message


def test_strange_curves_are_judged_without_a_word_from_numpy():
    curves = [np.zeros(30), np.full(30, 1e300), np.full(30, -5.0), np.r_[1e30, np.ones(29)], np.full(7, 1e-320)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for loss in curves:
            for val_loss in (None, *curves):
                if val_loss is None or len(val_loss) == len(loss):
                    for chance in (None, 0.0, 1.0):
                        found = diagnose({"loss": loss, "val_loss": val_loss}, chance=chance)
                        assert found[0].confidence is None or 0 <= found[0].confidence <= 1


class TestStillLearning:
    """Whatever the curve: what is said to fall has fallen, and what more epochs bring is less than there is today."""

    def told(self, finding):
        """Read off the message: the curve that fell, from what to what, where the watched one is, and will be."""
        said = re.fullmatch(
            r"(\w+) was still falling when training stopped: from (\S+) to (\S+) over the last [\d,]+ epochs"
            r"(?: \(medians of \d+ values\))?\."
            r"(?: After [\d,]+ more epochs \w+(?:, now (\S+),)? would be about (\S+) \(in 8 of 10 .*\))?\.?",
            finding.message,
        )
        name, start, end, now, then = said.groups()
        return name, *(None if one is None else float(one) for one in (start, end, now or end, then))

    def check(self, curves, **known):
        found = [finding for finding in diagnose(curves, **known) if finding.rule == "still_learning"]
        for finding in found:
            name, start, end, now, then = self.told(finding)
            assert start > end, finding
            assert then is None or then < now, finding
            assert then is None or then < curves.get("val_loss", curves["loss"])[-1] + 5e-4 * abs(then), finding
            first, last = finding.epochs
            level = max(3, round(last / 10)) if "medians" in finding.message else 1
            assert start == pytest.approx(np.median(curves[name][first - 1 :][:level]), rel=1e-3)
            assert end == pytest.approx(np.median(curves[name][-level:]), rel=1e-3)
        return len(found)

    @pytest.mark.parametrize("validated", [True, False])
    def test_its_numbers_bear_it_out_on_any_curve(self, validated):
        """Noise of any size upon falls, plateaus and rises; losses of either sign."""
        rng, called = np.random.default_rng(0), 0
        for _ in range(300):
            epochs = int(rng.choice([5, 9, 10, 14, 25, 40, 90]))
            t, shift = over(epochs), rng.choice([0.0, 0.0, -3.0])
            scale = 10 ** rng.uniform(-4, -0.5)
            curves = {
                name: noisy(0.3 + 0.4 * np.exp(-rng.uniform(0.2, 9) * t) + rng.choice([0, 0, 0.2]) * t**2, scale,
                            rng.integers(1_000_000)) + shift
                for name in ("loss", "val_loss")[: 1 + validated]
            }  # fmt: skip
            called += self.check(curves, **rng.choice([{}, {"chance": CHANCE + shift}]))
        assert called > 60

    def test_a_flat_validation_with_a_lucky_last_epoch_has_arrived(self):
        val_loss = [13, 11, 10, 9.6, 9.5, 9.4, 9.6, 9.7, 9.5, 9.4, 9.7, 9.8, 9.8, 9.75, 9.7, 9.6, 9.5, 9.6, 9.7, 9.5,
                    9.529, 9.6, 9.7, 9.6, 9.29]  # fmt: skip
        finding = diagnose({"loss": np.linspace(15, 8.6, 25), "val_loss": val_loss})[0]
        assert (finding.rule, finding.fix) == ("converged", "")

    def test_a_loss_that_rose_in_the_end_is_not_called_falling(self):
        """Over the last five epochs it rose, from -4.027 to -4.024; what may be told is the fall over ten."""
        loss = [-3.146, -3.276, -3.378, -3.477, -3.565, -3.625, -3.676, -3.731, -3.792, -3.836, -3.863, -3.884, -3.932,
                -3.932, -3.961, -4.027, -4.062, -4.029, -4.041, -4.024]  # fmt: skip
        (finding,) = (one for one in diagnose({"loss": loss}, chance=-2.5) if one.rule == "still_learning")
        assert self.told(finding)[:3] == ("loss", -3.863, -4.024)
        assert finding.epochs == (11, 20)

    def test_a_loss_below_zero_may_fall_further_than_it_has(self):
        """No least is known, so a steady fall is foretold to go on, and not to end where it is best by now."""
        for loss in (-3 - 1.05 * over(25), 2 - 1.05 * over(25)):
            finding = diagnose({"loss": loss})[0]
            assert finding.rule == "still_learning"
            *_, now, then = self.told(finding)
            assert now - 2 * 1.05 < then < now - 0.2

    def test_numbers_that_differ_late_are_written_until_they_do(self):
        assert rules.told_apart([0.300012, 0.3, 0.29]) == ["0.30001", "0.3", "0.29"]
        assert self.check({"loss": 5 + 1e-5 * np.linspace(1, 0, 40)}, least=5 - 1e-5)
