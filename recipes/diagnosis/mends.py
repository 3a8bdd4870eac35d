"""What mends each verdict: a change of the training, and the sentence that says so of this very model."""

from dataclasses import dataclass

from recipes.diagnosis.facts import Facts

SMALL_STEP, LARGE_STEP = 3.0, 10.0  # by which a learning rate is changed: half a decade, and one
LONGER = 4.0  # times as many epochs: over these a later fall was looked for
ADAPTIVE = ("adam", "adamw", "nadam", "rmsprop", "adamax", "lion", "muon", "lamb")


@dataclass(frozen=True)
class Mend:
    """A mend in words, and as what `benchmarks/verdicts` follows to see whether it helps.

    Attributes:
        text: The instruction.
        rate: Factor of the learning rate.
        epochs: Factor of the number of epochs.
        keep_best: Whether training stops early and the best weights are kept.
    """

    text: str
    rate: float = 1.0
    epochs: float = 1.0
    keep_best: bool = False


def slower(facts: Facts | None, factor: float) -> Mend:
    """Lower the learning rate."""
    return Mend(_rate_words("lower", facts, 1 / factor), rate=1 / factor, keep_best=True)


def faster(facts: Facts | None, factor: float) -> Mend:
    """Raise the learning rate."""
    text = f"{_rate_words('raise', facts, factor)}, keeping the best (patience=...)"
    return Mend(text, rate=factor, keep_best=True)


def _rate_words(verb: str, facts: Facts | None, factor: float) -> str:
    if facts is None or facts.learning_rate is None:
        return f"{verb} learning_rate (by {max(factor, 1 / factor):g})"
    now = facts.learning_rate
    return f"{verb} learning_rate from {now:.2g} to {now * factor:.2g}"


def of_nan(facts: Facts | None) -> Mend:
    """Mend a loss that became NaN."""
    scale = ", scale x and y" if facts is None or not facts.standardises else ", scale y where its numbers are large"
    lower = slower(facts, LARGE_STEP)
    return Mend(f"{lower.text}{scale}, and look for log(0) or division by 0 in a custom loss", rate=lower.rate)


def of_diverging(facts: Facts | None) -> Mend:
    """Mend a training loss that rises."""
    lower = slower(facts, LARGE_STEP)
    return Mend(f"{lower.text}, or clip gradients (clipnorm=1); a rising training loss is often a bug", rate=lower.rate)


def of_chance(facts: Facts | None, *, still: bool, loses: bool, faster: bool = True) -> Mend:
    """Mend a model that is no better than a constant guess.

    Args:
        facts: Of the model.
        still: Whether its loss is still falling.
        faster: Whether larger steps may be advised, where it is.
        loses: Whether it ended clearly above the constant guess: large steps do that, and what is learnt by heart.
    """
    scale = "" if facts is not None and facts.standardises else "scale x, "
    parts = f"check that x and y belong together row by row, {scale}and try another learning_rate"
    if facts is not None and not facts.hidden:
        parts += (
            "; without a hidden layer the model can only weigh its inputs (XOR needs one): build_model(units=(64,))"
        )
    if still:
        return Mend(f"train on{', or raise learning_rate' if faster else ''}; {parts}", epochs=2.0)
    return Mend(parts)


def of_overfitting(facts: Facts | None, epoch: int) -> Mend:
    """Mend a validation loss that rises while the training loss falls."""
    dropout = "more dropout" if facts is not None and facts.dropout else "dropout"
    text = (
        f"stop near epoch {epoch} (EarlyStopping with restore_best_weights=True), or use {dropout}, "
        "fewer parameters, or more data"
    )
    return Mend(text, keep_best=True)


def of_memorised(epoch: int) -> Mend:
    """Mend what is known by heart and of no use."""
    text = (
        "check that x and y belong together row by row (shuffled labels look like this); otherwise x holds too little "
        f"about y for so few rows: more rows, or stop near epoch {epoch} (patience=...)"
    )
    return Mend(text, keep_best=True)


def of_still_learning(facts: Facts | None, epochs: int | None, *, faster: bool = True) -> Mend:
    """Mend a run that ended too early, after so many epochs, by more of them or, where that may be, larger steps."""
    text = "train for more epochs"
    if epochs is not None:
        text = f"train on, for up to {round((LONGER - 1) * epochs):,} more epochs, keeping the best (patience=...)"
    return Mend(f"{text}{', or raise learning_rate' if faster else ''}", epochs=LONGER, keep_best=True)


def of_collapse(facts: Facts | None) -> Mend:
    """Mend an autoencoder that gives the mean example."""
    if facts is not None and facts.optimizer in ADAPTIVE:
        return Mend(f"{_rate_words('raise', facts, SMALL_STEP)}, train longer, or give the code more values", rate=3.0)
    return Mend("recompile with optimizer='adam', or raise learning_rate: Keras' adadelta takes 0.001, its paper 1.0")


def below_training(facts: Facts | None) -> str:
    """Explain a validation loss below the training loss by what this model has."""
    if facts is None:
        return (
            "No mistake where dropout, weight penalties or weights of the rows act on the training loss alone; it is "
            "also an average over an epoch in which the model still improved. Otherwise few rows validate, or easy "
            "ones."
        )
    causes = [name for name, has in (("dropout", facts.dropout), ("batch normalisation", facts.batch_norm),
                                     ("weights of rows or classes", facts.weighted)) if has]  # fmt: skip
    if not causes:
        return (
            "This model has neither dropout nor batch normalisation, so either the loss still fell within each epoch, "
            "over which the training loss is averaged, or few rows validate, or easy ones."
        )
    return f"No mistake: this run has {' and '.join(causes)}, which acts on the training loss alone."
