"""The updates of Keras' optimizers for K networks, each with numbers of its own, on all weights of a network at once.

Weights, gradients and moments are `(K, P)`, numbers `(K, 1)`, so that an update is a handful of operations whatever the
number of layers. The formulas are those of Keras' `update_step`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

Numbers = Mapping[str, Any]  # by the name of the optimizer's attribute, and "rate", "step"
Update = Callable[[Any, Sequence[Any], Numbers, Mapping[str, Any]], tuple[Any, list[Any]]]


@dataclass(frozen=True)
class Rule:
    """One optimizer.

    Attributes:
        update: Of gradient, moments, numbers and flags: what is added to the weights, and the new moments.
        numbers: Attributes that may differ between the networks.
        flags: Attributes of which whether they are zero decides which operations there are.
        moments: The lists of variables in which Keras keeps its moments, with the flag that they need.
    """

    update: Update
    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    moments: tuple[tuple[str, str | None], ...] = ()

    def kept(self, flags: Mapping[str, Any]) -> list[str]:
        """Name the lists of moments that there are."""
        return [name for name, needs in self.moments if needs is None or flags[needs]]


def _sgd(gradient: Any, moments: Sequence[Any], n: Numbers, flags: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    if not flags["momentum"]:
        return -gradient * n["rate"], []
    momentum = _single(n["momentum"])
    velocity = moments[0] * momentum - gradient * n["rate"]
    return (velocity * momentum - gradient * n["rate"] if flags["nesterov"] else velocity), [velocity]


def _adam(gradient: Any, moments: Sequence[Any], n: Numbers, flags: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """Kingma and Ba (2015), algorithm 1, with the bias correction in the step size."""
    m, v = moments
    first, second = (tf.pow(_single(n[name]), n["step"]) for name in ("beta_1", "beta_2"))
    alpha = n["rate"] * tf.sqrt(1 - second) / (1 - first)
    m += (gradient - m) * (1 - n["beta_1"])
    v += (tf.square(gradient) - v) * (1 - n["beta_2"])
    return -m * alpha / (tf.sqrt(v) + n["epsilon"]), [m, v]


def _rmsprop(gradient: Any, moments: Sequence[Any], n: Numbers, flags: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    velocity, *rest = moments
    velocity = n["rho"] * velocity + (1 - n["rho"]) * tf.square(gradient)
    kept, denominator = [velocity], velocity + n["epsilon"]
    momentum = rest.pop(0) if flags["momentum"] else None
    average = rest.pop(0) if flags["centered"] else None
    if average is not None:
        average = n["rho"] * average + (1 - n["rho"]) * gradient
        denominator = velocity - tf.square(average) + n["epsilon"]
    step = n["rate"] * gradient / tf.sqrt(denominator)
    if momentum is not None:
        step = n["momentum"] * momentum + step
        kept.append(step)
    return -step, kept + ([] if average is None else [average])


def _adagrad(gradient: Any, moments: Sequence[Any], n: Numbers, flags: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    accumulator = moments[0] + tf.square(gradient)
    return -n["rate"] * gradient / tf.sqrt(accumulator + n["epsilon"]), [accumulator]


def _adadelta(gradient: Any, moments: Sequence[Any], n: Numbers, flags: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    seen, changed = moments
    seen = n["rho"] * seen + (1 - n["rho"]) * tf.square(gradient)
    change = -tf.sqrt(changed + n["epsilon"]) * gradient / tf.sqrt(seen + n["epsilon"])
    changed = n["rho"] * changed + (1 - n["rho"]) * tf.square(change)
    return n["rate"] * change, [seen, changed]


def _single(number: Any) -> Any:
    """Round a number to single precision, as Keras' `cast` does on the way to any other."""
    return tf.cast(tf.cast(number, tf.float32), number.dtype)


_ADAM = Rule(_adam, ("beta_1", "beta_2", "epsilon"), (), (("_momentums", None), ("_velocities", None)))
OPTIMIZERS: dict[str, Rule] = {
    "SGD": Rule(_sgd, ("momentum",), ("momentum", "nesterov"), (("momentums", "momentum"),)),
    "Adam": _ADAM,
    "AdamW": _ADAM,
    "RMSprop": Rule(_rmsprop, ("rho", "momentum", "epsilon"), ("momentum", "centered"),
                    (("_velocities", None), ("_momentums", "momentum"), ("_average_gradients", "centered"))),
    "Adagrad": Rule(_adagrad, ("epsilon",), (), (("_accumulators", None),)),
    "Adadelta": Rule(_adadelta, ("rho", "epsilon"), (),
                     (("_accumulated_grads", None), ("_accumulated_delta_vars", None))),
}  # fmt: skip


def clipped(gradient: Any, how: str | None, limit: Any, sizes: Sequence[int]) -> Any:
    """Clip as Keras does: each variable by its norm, all of a network by theirs, or every number.

    Args:
        gradient: `(K, P)`.
        how: `"clipnorm"`, `"global_clipnorm"`, `"clipvalue"` or `None`.
        limit: `(K, 1)`.
        sizes: Numbers in each variable.
    """
    if how is None:
        return gradient
    if how == "clipvalue":
        return tf.clip_by_value(gradient, -limit, limit)
    if how == "global_clipnorm":  # which is NaN where the norm is not finite
        norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=1, keepdims=True))
        return gradient * (limit * tf.minimum(1 / norm, 1 / limit) + (norm - norm))
    parts = tf.split(gradient, sizes, axis=1)
    norms = [tf.sqrt(tf.reduce_sum(tf.square(part), axis=1, keepdims=True)) for part in parts]
    return tf.concat([part * limit / tf.maximum(norm, limit) for part, norm in zip(parts, norms, strict=True)], axis=1)
