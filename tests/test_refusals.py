"""Each of the mistakes of `refusals.py` is refused, or warned of, before the first step, and in words of our own."""

import traceback
from pathlib import Path

import pytest
from refusals import CASES, Given, page, said

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def given():
    return Given(200)


def test_there_are_many_kinds():
    assert len(CASES) >= 120
    assert len({(case.where, case.what) for case in CASES}) == len(CASES)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.where}: {case.what}")
def test_it_is_refused_in_our_own_words(case, given):
    if case.warns:
        assert said(case, given)
        return
    with pytest.raises((ValueError, TypeError, FileNotFoundError, FileExistsError)) as caught:
        case.call(given)
    assert len(str(caught.value)) > 20
    home = Path(traceback.extract_tb(caught.value.__traceback__)[-1].filename)
    assert {"recipes", "cheatsheet"} & set(home.parts), f"it came from {home}"


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_the_page_says_what_is_said(given):
    assert (ROOT / "docs" / "refusals.md").read_text() == page(given), "python tests/refusals.py > docs/refusals.md"
