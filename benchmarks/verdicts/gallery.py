"""The gallery of horrors: each verdict's typical curve, from real trainings, in one figure.

What is shown is what `diagnose` saw; a shaded part beside it is what came then, where the corpus knows it. A few
verdicts that the corpus has no room for are trained here: a posterior collapse, a plateau, and grokking.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from stored import Case, cases
from truth import FOLLOWING

from cheatsheet import Finding
from recipes import build_autoencoder, diagnose, fit, grok, load_data
from recipes.diagnosis.curves import noise_of
from recipes.plots.style import CHANCE, FAINT, POINTS, TEXT, TRAIN, VALIDATION, new_figure

FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "gallery_of_horrors.png"
COLUMNS = 4
WIDE, HIGH = 3.2, 2.75  # inches of a panel
LOG_SPAN = 20.0
ORDER = (
    "still_learning", "converged", "overfitting", "memorised_noise",
    "worse_than_chance", "diverging", "nan", "rate_too_high",
    "rate_too_low", "jumps", "validation_below_training", "plateau_then_drop",
    "posterior_collapse", "memorised", "grokked", "too_short",
)  # fmt: skip
SAYS = {
    "still_learning": "not flat: both curves fall on",
    "converged": "flat, and it stays so",
    "overfitting": "validation turns while training falls",
    "memorised_noise": "by heart; validation above chance",
    "worse_than_chance": "a constant guess is as good",
    "diverging": "the training loss itself rises",
    "nan": "no number any more: far too large steps",
    "rate_too_high": "scatters widely: smaller steps",
    "rate_too_low": "even and hardly begun: larger steps",
    "jumps": "rough; no harm by itself",
    "validation_below_training": "dropout acts on training alone",
    "plateau_then_drop": "nothing for long, then all at once",
    "posterior_collapse": "flat at the loss of the average image",
    "memorised": "by heart: before grokking",
    "grokked": "the rule, long after the rows",
    "too_short": "so few epochs say nothing of an end",
}


@dataclass(frozen=True)
class Exhibit:
    """One panel: the curves, what came then, and the finding."""

    rule: str
    loss: np.ndarray
    val_loss: np.ndarray | None
    later: tuple[np.ndarray, np.ndarray] | None
    chance: float | None
    of: str
    finding: Finding


def exhibits() -> list[Exhibit]:
    """Choose a typical training for each rule."""
    found = {exhibit.rule: exhibit for exhibit in [*_of_the_corpus(), *_trained()]}
    return [found[rule] for rule in ORDER if rule in found]


def _of_the_corpus() -> list[Exhibit]:
    """For each rule the case of which the verdict was surest and came true; remarks from wherever they stand."""
    best: dict[str, tuple[float, Exhibit]] = {}
    for case in cases():
        findings = diagnose(case.history, **case.yardsticks)
        sure = (findings[0].confidence or 0.0) * (findings[0].rule == case.truth)
        for place, finding in enumerate(findings):
            rough = noise_of(case.val_loss) / max(float(np.ptp(case.val_loss[case.epochs // 10 :])), 1e-9)
            smooth = sure - 0.5 * min(rough, 1.0) * (finding.rule in _SMOOTH)
            score = smooth * min(case.epochs, 60) / 60 - 0.3 * place * (place > 0 and finding.rule in _VERDICTS)
            if finding.rule in ORDER and (finding.rule not in best or score > best[finding.rule][0]):
                best[finding.rule] = score, _exhibit(case, finding)
    short = next(case for case in cases(half="scoring") if case.truth == "still_learning" and case.epochs > 20)
    few = {name: curve[:3] for name, curve in short.history.items()}
    finding = diagnose(few)[0]
    return [*(exhibit for _, exhibit in best.values()),
            Exhibit("too_short", few["loss"], few["val_loss"], None, short.chance, short.source, finding)]  # fmt: skip


_SMOOTH = ("still_learning", "converged", "overfitting", "worse_than_chance", "memorised_noise", "rate_too_low")
_VERDICTS = ("still_learning", "converged", "overfitting", "memorised_noise", "worse_than_chance", "diverging", "nan")


def _exhibit(case: Case, finding: Finding) -> Exhibit:
    later = (case.later_loss, case.later_val_loss)
    of = f"{case.source}, {case.architecture}, {case.optimizer} {case.learning_rate:.1g}"
    return Exhibit(finding.rule, case.loss, case.val_loss, later, case.chance, of, finding)


def _trained() -> list[Exhibit]:
    """Train what the corpus has no room for."""
    x = load_data("digits").x
    model = build_autoencoder("dense", x=x, loss="mean_squared_error", latent=8, seed=0)
    head = model.get_layer("decoder").get_layer("head")
    mean = x.mean(axis=0).ravel().clip(1e-3, 1 - 1e-3)
    head.set_weights([head.get_weights()[0] * 0.1, np.log(mean / (1 - mean))])  # where the lecture's third row arrives
    model.compile("adadelta", "mean_squared_error")
    run = fit(model, x, epochs=30, validation_split=0.2, verbose=0)
    yield_ = [_of_run(run, "posterior_collapse", "digits, dense autoencoder, adadelta 0.001")]
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (1000, 6))
    parity = bits.sum(axis=1) % 2
    network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(64, "tanh"), keras.layers.Dense(1, "sigmoid")])
    keras.utils.set_random_seed(0)
    network.compile(keras.optimizers.SGD(0.3), "binary_crossentropy")
    run = fit(network, (2.0 * bits - 1).astype("float32"), parity, epochs=120, validation_split=0.3, verbose=0)
    yield_.append(_of_run(run, "plateau_then_drop", "parity of six bits, 64 tanh, sgd 0.3"))
    grokked = grok("lecture", seed=0)
    yield_ += _of_grokking(grokked)
    return [exhibit for exhibit in yield_ if exhibit is not None]


def _of_run(run, rule: str, of: str) -> Exhibit | None:
    finding = next((finding for finding in run.findings if finding.rule == rule), None)
    print(rule, [f.rule for f in run.findings])
    if finding is None:
        return None
    loss, val_loss = (np.array(run.history[name]) for name in ("loss", "val_loss"))
    return Exhibit(rule, loss, val_loss, None, run.chance, of, finding)


def _of_grokking(run) -> list[Exhibit]:
    history = {name: np.array(run.history[name]) for name in ("loss", "val_loss")}
    chance = float(np.log(run.p)) if hasattr(run, "p") else float(history["loss"][0])
    found = []
    for rule, share in (("memorised", None), ("grokked", 1.0)):
        n = len(history["loss"]) if share else int(np.argmax(history["val_loss"]) + 1)
        part = {name: curve[:n] for name, curve in history.items()}
        findings = diagnose(part, chance=chance, regime="grokking")
        print(rule, [f.rule for f in findings])
        finding = next((finding for finding in findings if finding.rule == rule), None)
        if finding is not None:
            found.append(
                Exhibit(rule, part["loss"], part["val_loss"], None, chance, "x + y mod 53, by evaluation", finding)
            )
    return found


def draw(of: list[Exhibit], path: Path = FIGURE) -> None:
    """Draw all panels into one figure."""
    rows = -(-len(of) // COLUMNS)
    figure = new_figure((WIDE * COLUMNS, HIGH * rows))
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for ax, exhibit in zip(axes, of, strict=False):
        _panel(ax, exhibit)
    for ax in axes[len(of) :]:
        ax.axis("off")
    handles = [axes[0].lines[0], axes[0].lines[1], axes[0].lines[-1]]
    figure.legend(handles, ["training", "validation", "a constant guess"], loc="outside lower center", ncols=3,
                  frameon=False, fontsize=POINTS + 1)  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=85)


def _panel(ax: Axes, exhibit: Exhibit) -> None:
    n = len(exhibit.loss)
    t = np.arange(1, n + 1)
    marker = "." if n < 20 else ""
    ax.plot(t, exhibit.loss, color=TRAIN, linewidth=1.3, marker=marker)
    values = [exhibit.loss]
    if exhibit.val_loss is not None:
        ax.plot(t, exhibit.val_loss, "--", color=VALIDATION, linewidth=1.3, marker=marker)
        values.append(exhibit.val_loss)
    if exhibit.later is not None and np.isfinite(exhibit.loss).all():
        end = n * (1 + FOLLOWING)
        ax.axvspan(n, end, color=FAINT, alpha=0.35, linewidth=0)
        for curve, colour, style in zip(exhibit.later, (TRAIN, VALIDATION), ("-", "--"), strict=True):
            then = n + (np.arange(len(curve)) + 0.5) * (end - n) / len(curve)
            ax.plot(then, curve, style, color=colour, linewidth=0.8, alpha=0.8)
            values.append(curve)
    finite = np.concatenate(values)
    finite = finite[np.isfinite(finite)]
    low, high = float(np.min(finite)), float(np.max(finite))
    if exhibit.chance is not None:
        ax.axhline(exhibit.chance, color=CHANCE, linestyle=":", linewidth=1.2)
        low, high = min(low, exhibit.chance), max(high, exhibit.chance)
    if low > 0 and high / low > LOG_SPAN:
        ax.set_yscale("log")
    ax.set_title(f"{exhibit.rule.replace('_', ' ')}", loc="left", fontsize=POINTS + 2, weight="bold", pad=17)
    ax.text(0, 1.03, SAYS[exhibit.rule], transform=ax.transAxes, fontsize=POINTS,
            color=TEXT, va="bottom")  # fmt: skip
    ax.set_xlabel(exhibit.of, fontsize=POINTS - 2, color=TEXT)
    ax.tick_params(labelsize=POINTS - 2, which="both")
    if ax.get_yscale() == "log":
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.spines[["top", "right"]].set_visible(False)
    if exhibit.finding.epochs is not None and 1 < exhibit.finding.epochs[0] < n:
        ax.axvline(exhibit.finding.epochs[0], color="0.2", linewidth=0.8, linestyle=(0, (1, 2)))


def gallery() -> None:
    """Make the figure."""
    draw(exhibits())
