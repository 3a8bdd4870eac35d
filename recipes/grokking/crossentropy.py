"""What logits lose, in NumPy alone and in float64: for evaluations, and for the losses of waves in `fourier.py`.

`step/fast_forward.py` has the mean whose gradient the compiled steps follow.
"""

import numpy as np


def crossentropies(logits: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Compute each row's crossentropy: logits `(n, classes)`, answers `(n,)`, result `(n,)` in float64."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(answers)), answers]
    # float64: a network without decay drives its loss below what float32 can add to 1
    powers = shifted.astype(np.float64, copy=False)
    return np.log(np.exp(powers, out=powers).sum(axis=1)) - own
