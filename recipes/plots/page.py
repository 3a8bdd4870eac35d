"""A figure that is better moved than read: its steps on one HTML page with a slider, which opens in any browser."""

import base64
import html
import io
import json
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from recipes.running.files import as_path, write_atomically

DOTS = 110  # an inch of each frame: letters of 9 points are sharp at the page's full width
# Of a frame: three panels of lines take 32 kB so, and 133 kB with all shades that the edges of letters are drawn in.
COLOURS = 256

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
  body { font-family: sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222; }
  input { width: 100%; }
  img { max-width: 100%; display: block; margin: 0.5em auto; }
  output, p { display: block; min-height: 1.4em; }
</style>
<h1>$title</h1>
<p>$text</p>
<input id="step" type="range" min="0" max="$last" value="$start" aria-label="step">
<button id="play">play</button>
<output id="caption" for="step">$caption</output>
<img id="frame" src="$image" alt="$caption">
<script id="frames" type="application/json">$frames</script>
<script>
  const frames = JSON.parse(document.getElementById("frames").textContent);
  const [step, caption, image, play] = ["step", "caption", "frame", "play"].map(id => document.getElementById(id));
  let timer = null;
  function show() {
    const [src, words] = frames[step.value];
    image.src = src;
    image.alt = caption.textContent = words;
  }
  function stop() { clearInterval(timer); timer = null; play.textContent = "play"; }
  step.addEventListener("input", () => { stop(); show(); });
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (+step.value === frames.length - 1) step.value = 0;
    play.textContent = "pause";
    timer = setInterval(() => {
      if (+step.value === frames.length - 1) return stop();
      step.value = +step.value + 1;
      show();
    }, 400);
  });
</script>
</html>
""")


def save_page(path: Any, title: str, frames: Iterable[tuple[Figure, str]], *, text: str = "", start: int = 0) -> Path:
    """Write an HTML page that holds all it shows: a slider, and at each of its places a figure with its caption.

    The arrow keys move the slider, a button plays the frames; without JavaScript the frame `start` is seen.

    Args:
        path: The file, which is replaced; its folder must exist.
        title: The page's heading.
        frames: What is seen from left to right: figures of one size, each with a sentence.
        text: A paragraph above: what moves, and what to look at.
        start: Which frame is seen at first, from 0.

    Returns:
        The path.

    Raises:
        ValueError: without a frame, or where `start` names none.
    """
    target = as_path(path, "path must be the name of the page, such as 'descent.html'.")
    pictures = [(_picture(figure), caption) for figure, caption in frames]
    if not 0 <= start < len(pictures):
        raise ValueError(f"A page of {len(pictures)} frames cannot start at frame {start}.")
    image, caption = pictures[start]
    page = PAGE.substitute(
        title=html.escape(title),
        text=html.escape(text),
        last=len(pictures) - 1,
        start=start,
        caption=html.escape(caption),
        image=image,
        frames=json.dumps(pictures).replace("<", "\\u003c"),  # or a caption could end the script
    )
    write_atomically(target, page.encode())
    return target


def _picture(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS)
    # An octree keeps the colour of a single thin line, which the usual median cut mixes with others.
    drawn = Image.open(buffer).convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    drawn.putpalette([255 if value == 254 else value for value in drawn.getpalette() or ()])  # it rounds white down
    smaller = io.BytesIO()
    drawn.save(smaller, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(smaller.getvalue()).decode("ascii")
