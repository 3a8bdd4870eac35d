"""When it memorised, when it generalised, whether that is grokking, and what helps: from written-down histories."""

import pytest
from grokking import history

from recipes.grokking.phases import Circumstances, findings, is_sustained, next_evaluation, phases


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
        assert (found.generalised_at, found.kind) == (None, "generalising")
        assert not is_sustained(history(*rows))

    def test_most_of_the_validation_set_is_on_the_way(self):
        for last, kind in ((0.989, "generalising"), (0.5, "generalising"), (0.49, "memorisation")):
            assert phases(history((0, 0.0, 0.0), (100, 1.0, 0.1), (400, 1.0, last))).kind == kind

    def test_confusion(self):
        assert phases(history((0, 0.0, 0.0), (100, 0.5, 0.01))).kind == "confusion"

    def test_evaluations_grow_and_then_stay_close(self):
        assert next_evaluation({"step": []}) == 0
        assert next_evaluation(history((0, 0.0, 0.0))) == 10
        assert next_evaluation(history((1000, 1.0, 0.5))) == 1100
        assert next_evaluation(history((1000, 1.0, 0.99))) == 1025


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


def test_a_run_that_is_on_its_way_is_told_to_go_on():
    severity, message, fix = verdict((0, 0.0, 0.0), (583, 1.0, 0.1), (12_000, 1.0, 0.989))
    assert severity == "warning"
    assert message == (
        "the training set was memorised at step 583; at the end of 12,000 steps the validation accuracy is 98.9%, and "
        "99% has not been kept over 5 evaluations."
    )
    assert fix.startswith("more steps")
