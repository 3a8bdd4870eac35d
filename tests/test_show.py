"""How results look in a notebook."""

from cheatsheet import Finding
from recipes.running.show import as_html


def test_text_is_escaped_and_what_is_missing_left_out():
    shown = as_html("<b>", {"x < y": "a & b", "chance": None}, [Finding("rule", "info", "1 < 2")])
    assert shown == (
        "<table><caption>&lt;b&gt;</caption><tr><th>x &lt; y</th><td>a &amp; b</td></tr></table>"
        "<ul><li>info rule: 1 &lt; 2</li></ul>"
    )


def test_without_findings_there_is_no_list():
    assert as_html("Run", {"epochs": 3}) == "<table><caption>Run</caption><tr><th>epochs</th><td>3</td></tr></table>"
