"""Every example runs, quickly; the first in a process of its own, as a user starts it, the others in this one."""

import runpy
import sys
from pathlib import Path

import pytest
from processes import run_python

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), "--quick"])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()
    assert path.read_text().startswith('"""'), "an example opens with its question, expected result and reference"


def test_an_example_in_a_process_of_its_own(tmp_path):
    done = run_python(EXAMPLES[0], "--quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip()
