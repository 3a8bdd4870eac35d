"""No test waits for ever, leaves a process behind, or ends without having looked at anything."""

import ast
import os
import select
import signal
import subprocess

import pytest
from conftest import ROOT
from processes import RESTORE_CTRL_C, run_python, started_python

FILES = sorted((ROOT / "tests").glob("*.py"))
HELPER = "processes.py"
NEED_A_TIMEOUT = {"run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"}


def without_end(tree, name):
    """The calls of this file that may wait for ever, or whose process nobody ends."""
    aliases = {"subprocess": "subprocess"}  # what each name of the file stands for
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            aliases |= {alias.asname or alias.name: origin + alias.name for alias in node.names}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        head, *rest = ast.unparse(node.func).split(".")
        called = ".".join([aliases.get(head, head), *rest])
        is_limited = any(keyword.arg == "timeout" for keyword in node.keywords)
        if called == "subprocess.Popen" or called.startswith(("os.spawn", "os.fork", "os.popen", "os.system")):
            if name != HELPER:
                found.append(f"{name}:{node.lineno}: {called} outside {HELPER}")
        elif called.removeprefix("subprocess.") in NEED_A_TIMEOUT and called.startswith("subprocess."):
            if not is_limited:
                found.append(f"{name}:{node.lineno}: {called} without timeout=")
        elif called.endswith(".communicate") and not is_limited:
            found.append(f"{name}:{node.lineno}: {called} without timeout=")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_process_of_the_tests_ends_in_time(path):
    assert without_end(ast.parse(path.read_text()), path.name) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import subprocess\nsubprocess.run(['a'])", "t.py:2: subprocess.run without timeout="),
        ("import subprocess as s\ns.check_output(['a'])", "t.py:2: subprocess.check_output without timeout="),
        ("from subprocess import run as go\ngo(['a'])", "t.py:2: subprocess.run without timeout="),
        ("import subprocess\nsubprocess.Popen(['a'])", "t.py:2: subprocess.Popen outside processes.py"),
        ("from subprocess import Popen\nPopen(['a'])", "t.py:2: subprocess.Popen outside processes.py"),
        ("import os\nos.system('a')", "t.py:2: os.system outside processes.py"),
        ("process.communicate()", "t.py:1: process.communicate without timeout="),
    ],
)
def test_each_way_to_wait_for_ever_is_seen(code, expected):
    assert without_end(ast.parse(code), "t.py") == [expected]


def test_what_ends_in_time_may_stand():
    code = "import subprocess\nsubprocess.run(['a'], timeout=1)\nprocess.communicate(timeout=1)\nmodel.run()"
    assert without_end(ast.parse(code), "t.py") == []


# Names of helpers that look at something, beside what is called `assert_...`.
LOOKS = {"refused", "raises", "warns", "compare"}


def looks_at_nothing(tree):
    """Names of the tests that neither assert nor call what does, directly or through functions of their file."""

    def looks(node, helpers):
        for part in ast.walk(node):
            if isinstance(part, ast.Assert):
                return True
            if isinstance(part, ast.Call):
                called = ast.unparse(part.func).split(".")[-1]
                if called in helpers or called.startswith("assert_"):
                    return True
        return False

    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    helpers, before = set(LOOKS), set()
    while helpers != before:  # helpers of helpers
        before = set(helpers)
        helpers |= {f.name for f in functions if not f.name.startswith("test") and looks(f, helpers)}
    homes = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]  # a model's test_step is no test
    tests = [f for home in homes for f in home.body if isinstance(f, ast.FunctionDef) and f.name.startswith("test")]
    return [f.name for f in tests if not looks(f, helpers)]


@pytest.mark.parametrize("path", [path for path in FILES if path.name.startswith("test_")], ids=lambda path: path.name)
def test_every_test_looks_at_something(path):
    assert looks_at_nothing(ast.parse(path.read_text())) == []


def test_a_test_that_looks_at_nothing_is_seen():
    helpers = "def helper():\n    other()\ndef other():\n    assert 1\n"
    tests = "def test_a():\n    helper()\ndef test_b():\n    print(1)"
    assert looks_at_nothing(ast.parse(helpers + tests)) == ["test_b"]


def test_a_process_that_hangs_is_ended_and_its_children_with_it():
    read, write = os.pipe()  # read to its end only when the last process that could write is gone
    script = "import os, time\nos.fork()\ntime.sleep(600)"
    with pytest.raises(subprocess.TimeoutExpired):
        run_python("-c", script, timeout=2, pass_fds=[write])
    os.close(write)
    assert select.select([read], [], [], 30)[0]
    assert os.read(read, 1) == b""
    os.close(read)


def test_a_process_that_nobody_waits_for_is_ended_by_itself():
    with started_python("-c", "import time; time.sleep(600)", lifetime=0.5) as process:
        assert process.stdout.readline() == ""  # would wait for ever
        assert process.wait(timeout=30) == -signal.SIGKILL


def test_ctrl_c_is_heard_where_it_is_restored():
    """Also where this very process ignores it, as a job in the background does."""
    script = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\nprint('not heard')"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ignored, heard = (run_python("-c", prefix + script) for prefix in ("", RESTORE_CTRL_C))
    finally:
        signal.signal(signal.SIGINT, before)
    assert ignored.stdout == "not heard\n"
    assert heard.stdout == ""
    assert heard.stderr.endswith("KeyboardInterrupt\n")
