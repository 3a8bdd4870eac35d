"""Every example runs, quickly; one in a process of its own, as a user starts it, the others in this one."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from processes import run_python

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
EXAMPLES = [path for path in EXAMPLES if path.stem != "lecture"]  # runs the others; see test_lecture_page.py
BY_ITSELF = "binary"
QUICK = ("binary", "autoencoder", "grokking", "which_line", "which_loss",
         "neuron", "parameters", "convolution", "backpropagation")  # fmt: skip

# Those that the tests ignore (pyproject.toml): a category, and the file or message that it comes with.
TOLERATED = ("DeprecationWarning", re.compile(r"/(tensorflow|keras|keras_tuner|tensorboard)/")), (
    "FutureWarning", re.compile(r"np\.object"))  # fmt: skip


def warned(stderr):
    """The warnings among what a process wrote, but for those that the tests ignore."""
    found = re.finditer(r"^.+?:\d+: (\w*Warning): .*", stderr, flags=re.MULTILINE)
    return [m[0] for m in found if not any(m[1] == kind and what.search(m[0]) for kind, what in TOLERATED)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.slow_but(*(f"[{name}]" for name in QUICK))
def test_example(path, tmp_path, monkeypatch, capsys):
    if path.stem == BY_ITSELF:
        done = run_python("-W", "always", path, "--quick", cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        assert warned(done.stderr) == []
        said = done.stdout
    else:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [str(path), "--quick"])
        runpy.run_path(str(path), run_name="__main__")
        said = capsys.readouterr().out
    assert said.strip()
    assert path.read_text().startswith('"""'), "an example opens with its question, expected result and reference"
