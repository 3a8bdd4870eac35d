"""One command draws all slides of the lecture: README's list, scripts that fail or hang, and the page of them all."""

import importlib.util
import re
import signal
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import ROOT
from processes import RESTORE_CTRL_C

LECTURE = ROOT / "examples" / "lecture.py"


@pytest.fixture
def lecture():
    """The example as a module: `examples` is no package."""
    spec = importlib.util.spec_from_file_location("lecture", LECTURE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["lecture"] = module  # where its dataclasses look for their own module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["lecture"]


SCRIPTS = {
    "good": """
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
(out / "good one.png").write_bytes(b"1")
(out / "good.html").write_text("page")
print("it says <b>1 & 2</b>", sys.argv[1:-2])
print(f"figure: {out / 'good one.png'}")
print(f"page: {out / 'good.html'}")
""",
    "fails": "print('half')\nraise ValueError('no <digits> here')",
    "hangs": "import time\nprint('so far', flush=True)\ntime.sleep(60)",
    "empty": "print('figure: elsewhere/else.png')",
}


@pytest.fixture
def slides(lecture, tmp_path, monkeypatch):
    """A lecture of four slides, of which one goes well."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for name, code in SCRIPTS.items():
        (scripts / f"{name}.py").write_text(code)
    monkeypatch.setattr(lecture, "FOLDER", scripts)
    made = [lecture.Slide(f"The slide {name} & more", name, "a `--code` <word>") for name in SCRIPTS]
    made[0] = lecture.Slide("The first", "good", "k-means", ("--full",), "With `--full`.")
    monkeypatch.setattr(lecture, "SLIDES", tuple(made))
    monkeypatch.chdir(tmp_path)
    return lecture


def start(lecture, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["lecture.py", *arguments, "--out", "out"])
    lecture.main()


class Links(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.targets, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.targets += [value for name, value in attributes if name in ("href", "src")]
        self.open += [tag] if tag not in ("meta", "img", "li", "html") else []

    def handle_endtag(self, tag):
        assert tag in ("li", "html") or self.open.pop() == tag


def test_readme_has_the_same_list(lecture):
    rows = [
        f"| {slide.title} | [{slide.script}](examples/{slide.script}.py) | {slide.shows} |" for slide in lecture.SLIDES
    ]
    table = (
        (ROOT / "README.md").read_text().split("### From the slides")[1].split("|---|---|---|\n")[1].split("\n\n")[0]
    )
    assert table.splitlines() == rows, "examples/lecture.py has the list; README repeats it"


def test_every_script_is_there_and_takes_its_options(lecture):
    for slide in lecture.SLIDES:
        code = (ROOT / "examples" / f"{slide.script}.py").read_text()
        assert all(f'"{option}"' in code for option in slide.options)


@pytest.mark.slow
def test_what_fails_is_named_and_the_others_go_on(slides, monkeypatch, capsys):
    with pytest.raises(SystemExit, match=r"^3 of 4 failed: fails, hangs, empty$"):
        start(slides, monkeypatch, "--limit", "4")
    said = capsys.readouterr().out
    assert "fails" in said
    assert "It ended with status 1." in said
    page = Path("out/index.html").read_text()
    assert "It ended with status 1.\nTraceback" in page
    assert "ValueError: no &lt;digits&gt; here" in page
    assert "It had not ended after 4 s, and was stopped." in page
    assert "so far" in page
    assert "It ended without a figure." in page
    assert "Failed: fails, hangs, empty." in page
    assert sorted(path.name for path in Path().iterdir()) == ["out", "scripts"]


def test_the_page_has_figures_words_and_commands(slides, monkeypatch):
    start(slides, monkeypatch, "--only", "good")
    page = Path("out/index.html").read_text()
    links = Links(page).targets
    assert {"good%20one.png", "good.html"} < {*links}
    assert not [link for link in links if link[0] != "#" and re.match(r"[a-z]+:|/", link)]
    assert "it says &lt;b&gt;1 &amp; 2&lt;/b&gt; [&#x27;--full&#x27;]" in page
    assert "figure: " not in page
    assert "<code>python scripts/good.py --full --out out</code> took " in page
    assert "With <code>--full</code>." in page
    assert "K-means." in page
    assert "a <code>--code</code> &lt;word&gt;" in page.replace("A <code>", "a <code>")
    assert "Not drawn yet: fails, hangs, empty." in page


def test_quick_goes_to_every_script_without_the_options_of_the_long_run(slides, monkeypatch):
    start(slides, monkeypatch, "--quick", "--only", "good")
    page = Path("out/index.html").read_text()
    assert "python scripts/good.py --quick --out out" in page
    assert "With <code>--full</code>." not in page


def test_what_was_drawn_before_stays_on_the_page_while_its_figures_are_there(slides, monkeypatch):
    start(slides, monkeypatch, "--only", "good")
    with pytest.raises(SystemExit):
        start(slides, monkeypatch, "--only", "fails")
    assert "good%20one.png" in Path("out/index.html").read_text()
    Path("out/good one.png").unlink()
    with pytest.raises(SystemExit):
        start(slides, monkeypatch, "--only", "fails")
    assert "good%20one.png" not in Path("out/index.html").read_text()


@pytest.mark.parametrize("content", ["", "[1]", '{"good": 3}', '{"good": {"other": 1}}', '{"good": {"figures": 1}}'])
def test_a_record_that_is_not_ours_is_replaced(slides, monkeypatch, content):
    Path("out").mkdir()
    Path("out/lecture.json").write_text(content)
    start(slides, monkeypatch, "--only", "good")
    assert [*slides.read_kept(Path("out"))] == ["good"]


def test_an_unknown_name_is_refused_before_anything_runs(slides, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        start(slides, monkeypatch, "--only", "gud")
    assert "good" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize("names", [("good", "hangs", "empty"), ("hangs", "empty")])
def test_ctrl_c_ends_it_with_a_page_and_without_a_process_left(names, tmp_path, start_python):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "good.py").write_text(SCRIPTS["good"])
    (scripts / "hangs.py").write_text(
        "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(60)"
    )
    code = (
        RESTORE_CTRL_C
        + f"""
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("lecture", {str(LECTURE)!r})
lecture = sys.modules["lecture"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lecture)
lecture.FOLDER = pathlib.Path("scripts").resolve()
lecture.SLIDES = tuple(lecture.Slide(name, name, name) for name in {names!r})
sys.argv = ["lecture.py", "--out", "out"]
lecture.main()
"""
    )
    process = start_python("-c", code, cwd=tmp_path)
    until = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert said.splitlines()[-1] == "Ctrl-C ended it; out/index.html has what is drawn. The rest: --only hangs empty"
    page = (tmp_path / "out/index.html").read_text()
    assert "Not drawn yet: hangs, empty." in page
    assert ("good%20one.png" in page) == ("good" in names)
    number = (tmp_path / "pid").read_text()
    assert not Path(f"/proc/{number}").exists() or " Z " in Path(f"/proc/{number}/stat").read_text()


@pytest.mark.slow
def test_the_whole_lecture_is_drawn_quickly(lecture, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["lecture.py", "--quick", "--out", str(tmp_path)])
    lecture.main()  # ends with an error where a script fails
    page = (tmp_path / "index.html").read_text()
    for link in Links(page).targets:
        assert link.startswith("#") or (tmp_path / link).is_file()
    drawn = lecture.read_kept(tmp_path)
    assert [*drawn] == [slide.script for slide in lecture.SLIDES]
    assert sum(one.processor for one in drawn.values()) < 200
