"""The README tells the truth: its code runs, its table is the cheatsheet's, its files are there."""

import re
import sys
from pathlib import Path

import pytest

from cheatsheet.__main__ import markdown_table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_table_is_not_stale():
    held = README.split("<!-- cheatsheet -->\n")[1].split("\n<!-- end -->")[0]
    assert held == markdown_table(), "run: python -m cheatsheet --markdown, and paste it between the markers"


def test_there_are_blocks():
    assert BLOCKS


def says(comment, printed):
    """Does the comment behind a `print` say what it prints? All of it, or up to the `...` that the comment ends in."""
    text = printed.rstrip("\n")
    if comment.endswith("..."):
        start = comment.removesuffix("...").rstrip()
        return bool(start) and text.startswith(start) and text != start
    return text == comment


@pytest.mark.parametrize(
    ("comment", "printed", "is_said"),
    [
        ("4", "4\n", True),
        ("4", "40\n", False),
        ("4", "14\n", False),
        ("stop ...", "stop near epoch 5\n", True),
        ("stop ...", "do not stop\n", False),
        ("stop ...", "stop\n", False),
        ("stop", "stop near epoch 5\n", False),
        ("...", "anything\n", False),
        ("", "", True),
    ],
)
def test_a_comment_says_all_or_the_start(comment, printed, is_said):
    assert says(comment, printed) is is_said


@pytest.fixture(scope="module")
def run_to(tmp_path_factory):
    """Runs the blocks up to one of them, each once: later blocks go on from earlier ones."""
    done = []  # of each block that has run, what it printed, by the line of the block whose own `print` it was

    def recording(*values, sep=" ", end="\n"):
        line = sys._getframe(1).f_lineno
        done[-1][line] = done[-1].get(line, "") + sep.join(map(str, values)) + end

    namespace = {"print": recording}

    def run(number):
        while len(done) <= number:
            done.append({})
            exec(compile(BLOCKS[len(done) - 1], f"README block {len(done)}", "exec"), namespace)
        return done[number]

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        yield run


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs_and_prints_what_it_says(number, run_to):
    printed = run_to(number)
    lines = dict(enumerate(BLOCKS[number].splitlines(), 1))
    calls = {i: line for i, line in lines.items() if line.lstrip().startswith("print(")}
    assert set(printed) == set(calls)
    for i, line in calls.items():
        _, mark, comment = line.partition("  # ")
        assert mark, f"nothing beside {line!r} says what it prints"
        assert says(comment, printed[i]), f"{line!r} printed {printed[i]!r}"


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(document):
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), f"{document} links to {target}"
