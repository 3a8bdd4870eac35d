"""Print how a tool does on the suite: `python -m tests.golden [module:function]`; without one, `cheatsheet:check`."""

import sys

from .score import load_tool, score, table


def main(arguments: list[str]) -> None:
    """Score the tool that the first argument names."""
    print(table(score(load_tool(arguments[0] if arguments else "cheatsheet:check"))))


if __name__ == "__main__":
    main(sys.argv[1:])
