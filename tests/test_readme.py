"""The README tells the truth: its code runs, its table is the cheatsheet's, its files are there."""

import re
from pathlib import Path

import pytest

from cheatsheet.__main__ import markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_table_is_not_stale():
    held = README.split("<!-- cheatsheet -->\n")[1].split("\n<!-- end -->")[0]
    assert held == markdown(), "run: python -m cheatsheet --markdown, and paste it between the markers"


def test_there_are_blocks():
    assert BLOCKS


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_block_runs_and_prints_what_it_says(number, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in BLOCKS[: number + 1]:  # later blocks go on from earlier ones
        capsys.readouterr()
        exec(compile(block, f"README block {number + 1}", "exec"), namespace)
    printed = capsys.readouterr().out
    for expected in re.findall(r"^print.*  # (.*)$", BLOCKS[number], flags=re.MULTILINE):
        assert expected.rstrip(".") in printed


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(document):
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), f"{document} links to {target}"
