"""A fitted table as one page that holds all it shows."""

import base64
import re
import shlex
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from recipes import fit_table, load
from recipes.plots.report import call_of, command_of
from recipes.tables.scoring.comparison import Comparison, Rival
from recipes.tables.scoring.importance import permutation_importance

SECTIONS = ("Beside the others", "What was found", "How the table was read", "The columns", "The task",
            "What the model looks at",
            "On rows it has not seen", "The training", "The network", "How it was made")  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A file whose names and words would break a page that does not escape them."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=120)
    sort = rng.choice(["a&b", "<i>c</i>"], 120)
    kind = np.where(size + 0.3 * rng.normal(size=120) > 0, "yes & <no>", "no")
    path = tmp_path_factory.mktemp("table") / "some table.csv"
    lines = [f'{i + 1},{size[i]:.4f},"{sort[i]}",1,"{kind[i]}"' for i in range(120)]
    path.write_text("\n".join(["id,<b>size</b>,sort,always,what it is", *lines]))
    return path


@pytest.fixture(scope="module")
def run(table):
    return fit_table(table, "what it is", num_networks=2, epochs=4, seed=3, verbose=0)


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return run.report(tmp_path_factory.mktemp("page") / "report.html")


def test_every_part_is_there_and_nothing_is_fetched(run, page):
    text = page.read_text()
    assert re.findall(r"<h2>(.*?)</h2>", text) == [*SECTIONS]
    without_pictures = re.sub(r'src="data:image/svg\+xml;base64,[^"]*"', "", text)
    assert not re.search(r"https?:|<script|<link|@import|url\(", without_pictures)
    assert text.count("data:image/svg+xml;base64,") == 5
    assert without_pictures.count("<img") == without_pictures.count('alt="') == 5
    assert f"{run.comparison.network:.4g}" in text
    for rival in run.comparison.rivals:
        assert f"<td class=name>{rival.name}</td><td class=number>{rival.score:.4g}</td>" in text


def test_what_stands_in_the_table_is_text_and_no_markup(page):
    text = page.read_text()
    assert "<b>size</b>" not in text
    assert "<i>c</i>" not in text
    assert "&lt;b&gt;size&lt;/b&gt;" in text
    assert "yes &amp; &lt;no&gt;" in text


def test_each_column_says_what_was_done_to_it(page):
    rows = re.findall(r"<tr><td class=name>(.*?)</td><td>(.*?)</td>", page.read_text())
    kinds = dict(rows)
    assert kinds["id"] == "id, left out"
    assert kinds["always"] == "constant, left out"
    assert kinds["sort"] == "category"


def test_a_run_that_was_loaded_gives_the_same_page(run, page, tmp_path):
    run.save(tmp_path / "run")
    again = load(tmp_path / "run").report(tmp_path / "again.html")
    assert again.read_text() == page.read_text()


def test_the_command_and_the_call_are_those_that_made_it(run, page, table):
    assert shlex.split(command_of(run.asked)) == [
        "recipes", "fit", str(table), "--target", "what it is", "--num-networks", "2", "--epochs", "4", "--seed", "3"
    ]  # fmt: skip
    assert call_of(run.asked) == f"fit_table({str(table)!r}, 'what it is', num_networks=2, epochs=4, seed=3)"
    assert "TensorFlow" in page.read_text() or "tensorflow" in page.read_text()
    assert command_of({"target": "y"}) == ""
    assert call_of({"target": "y", "drop": ["a", "b"]}) == "fit_table(frame, 'y', drop=['a', 'b'])"


def test_a_path_that_is_none_is_refused(run):
    with pytest.raises(TypeError, match=r"report\.html"):
        run.report(None)


def test_importance_is_how_much_worse_it_gets_without_a_column():
    """Of y = 2a + noise and the model 2a, permuting a triples the error's variance; b is not looked at."""
    rng = np.random.default_rng(0)
    rows = {name: rng.normal(size=900) for name in ("b", "a")}
    true = 2 * rows["a"]
    found = permutation_importance(lambda some: 2 * some["a"], rows, true, ["b", "a"], metric="r2")
    assert [one.name for one in found] == ["a", "b"]
    assert found[0].increase == pytest.approx(2, abs=0.15)  # E(2a - 2a')^2 / var(2a)
    assert found[1].increase == found[1].spread == 0


@pytest.mark.parametrize("most", [1, 10**9])
def test_importance_does_not_depend_on_how_many_are_predicted_at_once(monkeypatch, most):
    from recipes.tables.scoring import importance

    rows = {name: np.random.default_rng(i).normal(size=50) for i, name in enumerate("abc")}
    true = (rows["a"] + rows["b"] > 0).astype(int)

    def says(some):
        chance = 1 / (1 + np.exp(-some["a"] - some["b"] - 0.1 * some["c"]))
        return np.stack([1 - chance, chance], axis=1)

    usual = permutation_importance(says, rows, true, [*"abc"], metric="log_loss", seed=5)
    monkeypatch.setattr(importance, "MOST_CELLS", most)
    assert permutation_importance(says, rows, true, [*"abc"], metric="log_loss", seed=5) == usual


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_on_a_phone_and_on_a_desktop(page, tmp_path, width):
    """A headless browser lays it out: all pictures are decoded, and the page is no wider than its window."""
    probe = """<script>addEventListener("load", () => { const of = document.documentElement;
      const pictures = [...document.images].filter(one => one.complete && one.naturalWidth > 0).length;
      document.title = [innerWidth >= of.scrollWidth, pictures, document.images.length].join(" "); });</script>"""
    looked_at = tmp_path / "looked_at.html"
    looked_at.write_text(page.read_text().replace("</main>", f"</main>{probe}"))
    frame = f'<iframe src="looked_at.html" width="{width}" height="900" onload="document.title = ' \
            'this.contentDocument.title"></iframe>'  # fmt: skip
    (tmp_path / "window.html").write_text(frame)  # a window itself is at least 500 wide
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--allow-file-access-from-files", "--dump-dom",
               f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000"]  # fmt: skip
    shown = subprocess.run(
        [CHROMIUM, *options, (tmp_path / "window.html").as_uri()], capture_output=True, text=True, timeout=120
    )
    assert shown.returncode == 0, shown.stderr[-2000:]
    assert "<title>true 5 5</title>" in shown.stdout, shown.stdout[:500]


def test_a_constant_of_numbers_is_worth_nothing_in_its_tile(run, tmp_path):
    rivals = (Rival("constant", -3.494e-07, 0.5, 0.4, 0.6),)
    numbers = replace(run, comparison=Comparison("r2", 0.5, rivals, 24))
    text = numbers.report(tmp_path / "page.html").read_text()
    assert "<li><b>0.000</b>of constant</li>" in text
    assert "<td class=name>constant</td><td class=number>0.000</td>" in text
    assert "e-07" not in re.sub(r'src="[^"]*"', "", text)


@pytest.mark.filterwarnings("error")
def test_letters_that_the_font_lacks_are_left_to_the_browser(tmp_path):
    """Of Chinese names matplotlib's own font has nothing but boxes, and warns of each letter."""
    from recipes.plots.report import _picture

    def draw(name):
        figure = Figure()
        figure.subplots().set_title(name)
        return figure

    for name, stays in (("血圧", True), ("Blutdruck", False), ("кровь", False)):
        source = re.search(r"base64,([^\"]+)", _picture(lambda name=name: draw(name), "a figure"))[1]
        assert ("<text" in base64.b64decode(source).decode()) == stays
