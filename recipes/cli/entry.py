"""Which commands there are, and what becomes of each: shown, or an error in one line, and an exit code."""

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from recipes.cli.findings import add_commands as add_findings
from recipes.cli.flags import Command, as_typed, flags_of
from recipes.cli.networks import add_commands as add_networks
from recipes.cli.sheet import add_commands as add_sheet
from recipes.cli.tables import add_commands as add_tables
from recipes.running.interrupt import Interrupted

FOUND, USAGE = 1, 2  # exit codes: an error was found; what was asked for cannot be
CTRL_C, CLOSED = 130, 141  # those that shells give, 128 + the signal's number
_CODES = """\
exit codes: 0 where all went well, 1 where an error was found or nothing could be trained, 2 for arguments and files
that cannot be, 130 after Ctrl-C, where what there is has been shown"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    0 if it went well, 1 where an error was found or no trial could be trained, 2 for arguments that cannot be, 130
    after Ctrl-C, where what there is has been shown.
    """
    options = parser().parse_args(arguments)
    try:
        with _warnings_in_one_line(options):
            return _run(options)
    except BrokenPipeError:  # `recipes sheet | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED
    except (ValueError, OSError) as error:
        return _say(options, error, USAGE)
    except RuntimeError as error:  # a search without a result
        return _say(options, error, FOUND)
    except KeyboardInterrupt:  # before there was anything to show
        return _say(options, "ended by Ctrl-C.", CTRL_C)


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    made = argparse.ArgumentParser(
        prog="recipes",
        description="Keras models that follow the cheatsheet.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="command", parser_class=Command)
    for add_commands in (add_sheet, add_findings, add_tables, add_networks):
        add_commands(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return made


def _run(options: argparse.Namespace) -> int:
    out = getattr(options, "out", None)
    if out is not None and out.is_file() and out.suffix.lower() != getattr(options, "out_may_be", None):
        raise ValueError(f"--out {out} is a file. Name a folder.")
    ended = None
    try:
        result = options.run(options)
    except Interrupted as error:
        ended, result = error, error.result
    status = options.show(result, options) or 0
    sys.stdout.flush()
    return status if ended is None else _say(options, ended, CTRL_C)


def _say(options: argparse.Namespace, what: object, status: int) -> int:
    if isinstance(what, FileNotFoundError) and what.filename is not None:
        what = f"There is no file {what.filename}."
    print(_line(options, what), file=sys.stderr)
    return status


def _line(options: argparse.Namespace, what: object) -> str:
    """Write what is said of a command, its arguments named as they are typed."""
    return f"recipes {options.command}: {as_typed(str(what), flags_of(options.parser))}"


@contextmanager
def _warnings_in_one_line(options: argparse.Namespace) -> Iterator[None]:
    """Show what this package warns of as it shows errors, without the line of code that asked for it."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Any, category: Any, *where: Any, **further: Any) -> None:
            if category is UserWarning:
                print(_line(options, message), file=sys.stderr)
            else:
                others(message, category, *where, **further)

        warnings.showwarning = show
        yield
