"""The golden suite against Keras itself: what `fit` does with wrong twins, how they fail, and that right ones train."""

import warnings

import golden
import keras
import numpy as np
import pytest

pytestmark = pytest.mark.slow
ALL = golden.PROGRAMS + golden.CORRECT
BY_NAME = {program.name: program for program in ALL}


def fit(case, epochs=1, eager=True):
    """Train as the program's author would and return the losses; eagerly, as a graph takes longer than an epoch."""
    case.model.run_eagerly = eager
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Keras says at run time is read by few, and not the claim
        run = case.model.fit(case.x, case.y, epochs=epochs, batch_size=32, verbose=0, **case.options)
    return run.history["loss"]


def way_of_fit(case):
    """Say what `fit` does with it: `"raises"`, `"nan"` or `"silent"`."""
    try:
        loss = fit(case)[-1]
    except Exception:  # each backend and version has its own
        return "raises"
    return "silent" if np.isfinite(loss) else "nan"


def trained(name, mended=False, epochs=30):
    """Train one twin at ten times Keras' rate for Adam; return its case, its losses and its predictions."""
    keras.utils.set_random_seed(0)
    case = BY_NAME[name].right() if mended else BY_NAME[name].build()
    case.model.optimizer.learning_rate = 0.01
    losses = fit(case, epochs, eager=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return case, losses, case.model.predict(case.x, verbose=0)


@pytest.mark.parametrize("program", golden.PROGRAMS, ids=lambda program: program.name)
def test_keras_does_with_the_wrong_twin_what_the_program_says(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of them Keras warns of as they are built
        case = program.build()
    assert way_of_fit(case) in program.fit.split("|")


@pytest.mark.parametrize("program", ALL, ids=lambda program: program.name)
def test_the_right_twin_trains(program):
    assert np.isfinite(fit(program.right())[-1])


def falls(losses):
    return losses[-1] < 0.95 * losses[0]


def accuracy(y, predictions):
    chosen = predictions.argmax(-1) if predictions.shape[-1] > 1 else (predictions[:, 0] > 0.5)
    return np.mean(chosen == np.ravel(y))


def test_one_softmax_learns_and_says_one():
    case, losses, predictions = trained("softmax_over_one")
    assert falls(losses)
    np.testing.assert_allclose(predictions, 1.0, atol=1e-6)
    assert accuracy(case.y, trained("softmax_over_one", mended=True)[2]) > 0.9


def test_sigmoids_under_a_categorical_crossentropy_report_a_softmax_and_predict_no_distribution():
    case, losses, predictions = trained("sigmoid_with_categorical_crossentropy")
    assert falls(losses)
    assert np.abs(predictions.sum(axis=1) - 1).max() > 0.1
    logits = np.log(predictions / (1 - predictions))
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    reported = case.model.evaluate(case.x, case.y, verbose=0)
    np.testing.assert_allclose(reported, -np.mean(np.log((softmax * case.y).sum(axis=1))), rtol=1e-3)


def test_a_softmax_under_a_binary_crossentropy_reports_sigmoids():
    case, losses, predictions = trained("softmax_with_binary_crossentropy")
    assert falls(losses)
    of_predictions = -np.mean(case.y * np.log(predictions) + (1 - case.y) * np.log(1 - predictions))
    assert abs(case.model.evaluate(case.x, case.y, verbose=0) - of_predictions) > 0.01


def test_one_sigmoid_never_says_the_third_class():
    case, losses, predictions = trained("one_sigmoid_for_three_classes")
    assert falls(losses)
    assert accuracy(case.y, predictions) < 0.7 < accuracy(case.y, trained("one_sigmoid_for_three_classes", True)[2])


def test_minus_one_is_learnt_without_ever_being_hit():
    case, losses, _ = trained("minus_one_under_binary_crossentropy")
    assert falls(losses)
    assert case.model.evaluate(case.x, case.y, verbose=0, return_dict=True)["accuracy"] < 0.5


def test_fractional_labels_are_all_class_0():
    _, losses, predictions = trained("labels_scaled_like_pixels")
    assert falls(losses)
    assert set(predictions.argmax(axis=1)) == {0}


def test_a_stretched_target_teaches_the_mean_of_its_columns():
    case, losses, predictions = trained("stretched_over_three_columns")
    assert falls(losses)
    assert predictions.shape == (len(case.x), 1)
    apart = np.abs(case.y - np.median(case.y, axis=1, keepdims=True)).mean()
    assert losses[-1] > apart > 0.1  # as one number a row cannot be three


def test_a_divergence_of_sigmoids_ends_with_every_output_at_one():
    _, losses, predictions = trained("sigmoid_with_kl_divergence")
    assert losses[-1] < 0.05
    assert np.median(predictions, axis=0).min() > 0.9


def test_logits_as_probabilities_leave_their_range_and_stay_behind():
    _, losses, predictions = trained("logit_taken_for_a_probability")
    assert falls(losses)
    assert predictions.min() < 0
    assert losses[-1] > 1.1 * trained("logit_taken_for_a_probability", mended=True)[1][-1]


def test_a_hidden_probability_never_falls_to_a_half():
    case, _, predictions = trained("sigmoid_of_a_sigmoid")
    assert predictions.min() >= 0.5
    assert accuracy(case.y, predictions) < 0.55 < 0.9 < accuracy(case.y, trained("sigmoid_of_a_sigmoid", True)[2])


def test_a_logit_behind_a_reshape_is_squashed_twice():
    _, losses, _ = trained("sigmoid_behind_a_reshape_taken_for_a_logit")
    right = trained("sigmoid_behind_a_reshape_taken_for_a_logit", True)[1]
    assert losses[-1] > right[-1] + 0.1  # not below ln 2 + ..., for a probability of 0 is a logit of 0


@pytest.mark.parametrize(
    "name", ["relu_for_negative_numbers", "sigmoid_for_large_numbers", "tanh_for_standardised_numbers"]
)
def test_a_bounded_head_stays_behind(name):
    _, losses, _ = trained(name)
    assert losses[-1] < losses[0]  # a ReLU may end with 0 everywhere, which is the mean of y and learns no more
    assert losses[-1] > 1.1 * trained(name, True)[1][-1]


def test_a_constant_kernel_keeps_its_units_alike():
    case, _, _ = trained("hidden_kernel_of_ones")
    kernel = case.model.layers[1].kernel.numpy()
    np.testing.assert_allclose(kernel, kernel[..., :1].repeat(4, axis=-1), atol=1e-3)
    case, _, _ = trained("hidden_kernel_of_zeros")
    assert not case.model.layers[0].kernel.numpy().any()


OUT_OF_RANGE = ["labels_from_one", "nine_outputs_for_ten_classes", "one_sigmoid_under_a_sparse_crossentropy",
                "unlabelled_pixels"]  # fmt: skip


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_labels_out_of_range_raise_on_a_cpu_and_are_nan_under_xla(name):
    case = BY_NAME[name].build()
    assert BY_NAME[name].fit == "raises"
    case.model.compile("adam", case.model.loss, jit_compile=True)
    assert np.isnan(fit(case, eager=False)[-1])
