"""Flags: what Python says of its arguments, as it is typed (`seed=-1` is `--seed -1`), and flags that are misspelt."""

import argparse
import ast
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

_VALUE = r"""'[^']*'|"[^"]*"|\[[^\]]*\]|\([^)]*\)|-?[\w+-]+(?:\.[\w+-]+)*|(?:\.\.\.)?"""
_VERBS = "must|is|are|has|takes|needs|names|says|expects"


class Command(argparse.ArgumentParser):
    """The parser of one command, which says of a flag that it does not have which one was meant."""

    def parse_known_args(  # type: ignore[override]  # argparse has overloads for kinds of namespaces
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parse as argparse does; a flag that there is not is refused first, before what is missing for want of it."""
        flags = [*flags_in(self), "--help"]
        for given in args or ():
            if given == "--":
                break
            name = given.partition("=")[0]
            if name.startswith("--") and not any(flag.startswith(name) for flag in flags):
                from cheatsheet.common.words import did_you_mean

                self.error(f"there is no {name}.{did_you_mean(name, flags)}")
        return super().parse_known_args(args, namespace)


def flags_in(command: argparse.ArgumentParser) -> list[str]:
    """List the flags of a command, such as `--seed`."""
    return re.findall(r"(?<=[\s\[])--[a-z][\w-]*", command.format_usage())


def flags_of(command: argparse.ArgumentParser) -> dict[str, str]:
    """Map the name that each argument has in Python to the flag that is typed.

    What Python calls otherwise, and what goes by its place, a command says by `set_defaults(also={"name": "--data"})`.
    """
    return {flag[2:].replace("-", "_"): flag for flag in flags_in(command)} | (command.get_default("also") or {})


def with_flags(text: str, flags: Mapping[str, str]) -> str:
    """Write `name=value` as it is typed, but where it stands in a call of Python's."""
    assignment = re.compile(rf"(?<![\w.'\"-])({'|'.join(map(re.escape, flags))})=(?!=)({_VALUE})")

    def typed(found: re.Match[str]) -> str:
        if _in_call(text, found.start()):
            return found[0]
        flag, value = flags[found[1]], found[2]
        if value == "True":
            return flag
        if value in ("None", "False"):
            return f"no {flag}"
        return f"{flag} {_as_words(value)}".rstrip()

    return assignment.sub(typed, text)


def as_typed(message: str, flags: Mapping[str, str]) -> str:
    """Write a refusal in flags: also names that cannot be words of a sentence, and those of which a sentence speaks."""
    names = [name for name, flag in flags.items() if flag != name]
    alone = "|".join(re.escape(name) for name in names if "_" in name)
    first = "|".join(map(re.escape, names))
    message = with_flags(message, flags)
    for pattern in (rf"(?<![\w.'\"-])({alone})(?![\w('\".=]*[('\"=])(?!\w)" if alone else "",
                    rf"(?:^|(?<=[.:;] ))({first})(?= (?:{_VERBS})\b)" if first else ""):  # fmt: skip
        if pattern:
            message = re.sub(
                pattern,
                lambda found: found[0] if _in_call(found.string, found.start()) else flags[found[1]],
                message,
            )
    return message


def _in_call(text: str, place: int) -> bool:
    """Say whether a place is between the parentheses of a call, such as `fit(model, epochs=5)`."""
    return re.search(r"\w\([^()]*$", text[:place]) is not None


def _as_words(value: str) -> str:
    """Write a value as a shell takes it: without Python's quotes and brackets, where that says the same."""
    if value[:1] not in "'\"[(":
        return value
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
    words = [*read] if isinstance(read, list | tuple) else [read]
    return " ".join(shlex.quote(str(word)) for word in words)
