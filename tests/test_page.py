"""A page with a slider holds all it shows."""

import base64
import io
import json
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from recipes.plots import save_page
from recipes.plots.style import MIRRORED, SMALL, TRAIN, VALIDATION, new_figure


def frame(number, caption):
    figure = new_figure(SMALL)
    figure.add_subplot().plot([0, number])
    return figure, caption


def test_every_frame_is_in_the_page_with_its_caption_and_nothing_is_fetched(tmp_path):
    captions = ["step 0", "a < b & </script> ends nothing", 'he said "2"']
    path = save_page(tmp_path / "a.html", "A & B", map(frame, range(3), captions), text="look at <the line>", start=1)
    page = path.read_text()
    frames = json.loads(re.search(r'<script id="frames"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    assert [caption for _, caption in frames] == captions
    pictures = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source, _ in frames]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len({*pictures}) == 3
    assert f'<img id="frame" src="{frames[1][0]}"' in page
    assert "<title>A &amp; B</title>" in page
    assert "look at &lt;the line&gt;" in page
    assert "http" not in page
    assert 'max="2" value="1"' in page


def test_a_frame_is_small_and_keeps_its_colours_and_its_white(tmp_path):
    figure = new_figure((12, 4))
    for i, ax in enumerate(figure.subplots(1, 3)):
        ax.set_title("letters, whose edges have many shades of grey")
        ax.plot(range(9), color=(TRAIN, VALIDATION, MIRRORED)[i], linewidth=2)
    page = save_page(tmp_path / "a.html", "A", [(figure, "")]).read_text()
    source = re.search(r'<img id="frame" src="data:image/png;base64,([^"]*)"', page)[1]
    assert len(source) < 40_000
    picture = Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB")
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    seen = np.array([colour for _, colour in picture.getcolors()])
    for colour in (TRAIN, VALIDATION, MIRRORED):
        away = np.abs(seen - 255 * np.array(to_rgb(colour))).max(axis=1).min()
        assert away < 6  # of 255


def test_a_page_without_frames_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="0 frames cannot start at frame 0"):
        save_page(tmp_path / "a.html", "A", [])
    with pytest.raises(TypeError, match=r"descent\.html"):
        save_page(None, "A", [frame(1, "")])
    assert not list(tmp_path.iterdir())
