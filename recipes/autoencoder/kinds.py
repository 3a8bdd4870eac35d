"""Kinds and presets of autoencoders by name, and what each kind takes: judged without Keras."""

from collections.abc import Mapping
from typing import Any

from cheatsheet.common.arguments import as_widths, require_whole

# What each kind takes beside its input, and the defaults.
KINDS: dict[str, dict[str, Any]] = {
    "dense": {"latent": 16, "units": (128, 64), "hidden_activation": "relu"},
    "conv": {"latent": 16, "filters": (16, 32), "hidden_activation": "relu"},
    "denoising": {"latent": 16, "filters": (32, 32), "hidden_activation": "relu", "noise": 0.3},
    "super_resolution": {"latent": 32, "filters": (32, 32), "hidden_activation": "relu", "scale": 4},
}
PRESETS = (
    "notebook-64",
    "notebook-16",
    "superres-dense",
    "superres-conv",
    "dense-64",
    "dense-16",
    "conv-64",
    "conv-16",
)  # `networks.py` has them


def require_preset(name: Any, kind: Any, given: Mapping[str, Any]) -> None:
    """Require the name of a preset, and nothing beside it that it fixes itself.

    Raises:
        ValueError: for an unknown name; for a kind or options beside it.
    """
    if name not in PRESETS:
        raise ValueError(f"Unknown preset. Received: preset={name!r}. Expected one of {', '.join(PRESETS)}.")
    extra = [*(["kind"] if kind is not None else []), *given]
    if extra:
        raise ValueError(
            f"preset={name!r} fixes the architecture. Received beside it: {', '.join(extra)}. "
            "Leave them out, or build by kind."
        )


def require_kind(kind: Any) -> str:
    """Require the name of a kind, and return it; `"conv"` for none."""
    if kind is None:
        return "conv"
    if not isinstance(kind, str):
        raise TypeError(f"kind is a word, one of {', '.join(KINDS)}. For data say build_autoencoder(x=x).")
    if kind not in KINDS:
        raise ValueError(f"Unknown kind. Received: kind={kind!r}. Expected one of {', '.join(KINDS)}.")
    return kind


def options_of(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return all of a kind's own options, as given or by default."""
    for name in given:
        if name not in KINDS[kind]:
            raise ValueError(f"kind={kind!r} has no {name}. It takes {', '.join(KINDS[kind])}.")
    options = {**KINDS[kind], **given}
    for name, least in (("latent", 1), ("scale", 2)):
        if name in options:
            require_whole(name, options[name], least)
            options[name] = int(options[name])
    for name in ("units", "filters"):
        if name in options:
            options[name] = as_widths(name, options[name])
    if options.get("filters") == ():
        raise ValueError(f"kind={kind!r} needs at least one layer. Received: filters=(). Pass filters=(16,), say.")
    noise = options.get("noise", 1.0)
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0 < noise <= 1:
        raise ValueError(
            f"noise is a standard deviation, above 0 and at most 1. Received: noise={noise!r}. Scale x to [0, 1] first."
        )
    return options
