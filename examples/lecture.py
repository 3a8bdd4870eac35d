"""What do the lecture's slides look like, computed here? All of README's list "From the slides", and one page of them.

Expected: a folder with every figure, the pages with sliders, and `index.html`, which has them in the slides' order with
what each script printed, how long it took and the command that draws it alone. 324 s (308 s of processor) on two cores,
with `--quick` 139 s (97 s) while others used them as well; the light echoes and the streaks, which came later, add
110 s and 127 s of processor (15 s and 18 s). Only MNIST is downloaded, where RECIPES_DATA names no folder with it;
without a network its place is taken by scikit-learn's digits.
`--only neuron descent` draws these alone; what was drawn before stays on the page. A script that fails, or that takes
longer than `--limit` seconds, is named there, and the others go on; Ctrl-C keeps what is drawn.
Reference: the lecture's slides.
"""

import argparse
import html
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from urllib.parse import quote

from recipes.running.files import write_atomically

FOLDER = Path(__file__).parent
KEPT = "lecture.json"  # what was drawn, beside the page that is made of it
LIMIT, QUICK_LIMIT = 900, 300  # seconds for one script: several times what the slowest takes on two cores
END_OF_ERROR = 12  # lines of a failed script's last words


@dataclass(frozen=True)
class Slide:
    """A slide, the script that draws it, and what that shows: a row of README's list "From the slides"."""

    title: str
    script: str
    shows: str  # code stands between backticks
    options: tuple[str, ...] = ()  # of the script, without --quick
    note: str = ""  # why these


SLIDES = (
    Slide("A model: which line is best?", "which_line",
          "L1 and L2 on the same points with outliers; k-means' intra- against inter-cluster variance"),
    Slide("Occam: of models that perform alike the simpler", "occam",
          "degrees, networks and random features against training and validation loss, the simplest within one "
          "standard error of the best, and double descent; `--csv` for your own table"),
    Slide("M-P neuron", "neuron",
          "AND, OR and NOT as a Keras layer with a threshold; for XOR the proof that there is none"),
    Slide("Perceptron", "perceptron",
          "Rosenblatt's rule beside a sigmoid's gradient, mistakes against (R/γ)², and what happens without a line, "
          "with a slider; `--csv` for your own two columns"),
    Slide("Multilayer perceptron, counting parameters, hyperparameters", "parameters",
          "any network drawn as on the slides; 16 + 15 + 4 = 35 layer by layer, and what was chosen, in the slides' "
          "green and red; `--model` for your own network"),
    Slide("Loss, optimizer, learning rate", "descent",
          "the loss of a line over slope and intercept, with the paths of SGD, momentum, Adagrad, Adadelta, RMSprop "
          "and Adam on it, and a slider; `--csv` for your own points"),
    Slide("Batch size and accuracy", "batch_size",
          "accuracy against the batch size for three learning rates, once with the same epochs and once with the "
          "same steps; `--csv` for your own table"),
    Slide("Training: forward pass, chain rule", "backpropagation",
          "every number of the chain rule on the 35-parameter network, equal to Keras' gradients; `--model` and "
          "`--row` for your own, `--page` to move through the steps", ("--page",)),
    Slide("Training: the loss, and the way down", "landscape",
          "the loss on a plane through a trained network's weights, with filter-normalised directions, and along "
          "its path; `--model` and `--data` for your own"),
    Slide("Convolution, ReLU, max pooling", "convolution",
          "the slide's 5×5 image to the number, window by window on a page with a slider; `--image`, `--kernel` for "
          "your own"),
    Slide("Convolutional networks", "lenet",
          "LeNet-5 layer by layer (61,706 parameters; 0.9925 of MNIST's test images in two minutes) and a modern "
          "small network (0.9953 in five), with the digits that each misreads; `--npz` for your own images",
          ("--networks", "LeNet-5"),
          "Here LeNet-5 alone, from one seed, so that all of the lecture is drawn in minutes; without `--networks` "
          "the modern network is trained, too, and `--seeds 0 1 2` repeats both."),
    Slide("Inside a CNN", "inside_a_cnn",
          "kernels, feature maps at every depth, the parts of images that excite a unit, and what hiding a part "
          "costs; `--model`, `--image` for your own CNN"),
    Slide("Deep Dream", "deep_dream",
          "a photograph changed until units of a CNN trained here fire, many times as much as on noise of the same "
          "energy; `--model`, `--image` for your own"),
    Slide("The lecturer's own: light echoes", "light_echoes",
          "simulated fields with diffuse arcs, found by a small network in the manner of YOLO and by a matched filter: "
          "precision against recall, with the slide's point", ("--plain",),
          "Here without attention; without `--plain` the network with it is trained, too, and `--splits 5` makes the "
          "table of docs/light-echoes.md."),
    Slide("The lecturer's own: time-resolved images", "streaks",
          "images of a camera that is read while it looks, simulated: each star is a streak, which a small "
          "transformer, a CNN and a periodogram with thresholds read; accuracy against signal to noise", ("--plain",),
          "Here from light curves alone; without `--plain` networks that take strips of pixels are trained, too, for "
          "the table of docs/streaks.md."),
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """What came of a script: how it was started, the seconds that took, its files, its words, and why it failed."""

    command: str
    seconds: float
    processor: float  # seconds that all cores together worked for it; 0 where the system does not say
    figures: tuple[str, ...]  # names in the folder
    pages: tuple[str, ...]
    printed: str
    failure: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="each script with --quick: the same figures of less work")
    names = [slide.script for slide in SLIDES]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=f"some of {', '.join(names)}")
    parser.add_argument("--limit", type=float, metavar="SECONDS",
                        help=f"for one script; {LIMIT}, with --quick {QUICK_LIMIT}")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("figures/lecture"), help="folder; replaces an old page")
    options = parser.parse_args()
    limit = options.limit or (QUICK_LIMIT if options.quick else LIMIT)

    chosen = [slide for slide in SLIDES if slide.script in (options.only or names)]
    options.out.mkdir(parents=True, exist_ok=True)
    drawn, failed, start = read_kept(options.out), [], time.perf_counter()
    write(options.out, drawn)  # now and after each, so that the page can be read meanwhile
    for number, slide in enumerate(chosen, 1):
        print(f"{number:2} of {len(chosen)}  {slide.script:16}", end="", flush=True)
        try:
            drawn[slide.script] = done = draw(slide, options.out, options.quick, limit)
            write(options.out, drawn)
        except KeyboardInterrupt:
            left = " ".join(slide.script for slide in chosen[number - 1 :])
            print(f"\nCtrl-C ended it; {options.out / 'index.html'} has what is drawn. The rest: --only {left}")
            sys.exit(130)  # as a shell has it
        failed += [slide.script] if done.failure else []
        print(f"{took(done)}{f': {first_line(done.failure)}' if done.failure else ''}", flush=True)
    print(f"{time.perf_counter() - start:.0f} s in all\npage: {options.out / 'index.html'}")
    if failed:
        sys.exit(f"{len(failed)} of {len(chosen)} failed: {', '.join(failed)}")


def draw(slide: Slide, out: Path, quick: bool, limit: float) -> Drawn:
    """Run a slide's script in a process of its own, which is killed at the limit and by Ctrl-C."""
    script = FOLDER / f"{slide.script}.py"
    arguments = [*(["--quick"] if quick else slide.options), "--out", str(out)]
    told = script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script
    environment = {"MPLBACKEND": "Agg", "TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    start, before = time.perf_counter(), processor_seconds()
    printed = errors = failure = ""
    try:
        done = subprocess.run([sys.executable, "-X", "utf8", script, *arguments], capture_output=True, timeout=limit,
                              stdin=subprocess.DEVNULL, env=environment)  # fmt: skip
        printed, errors = as_text(done.stdout), as_text(done.stderr)
        if done.returncode:
            failure = f"It ended with status {done.returncode}."
    except subprocess.TimeoutExpired as late:
        printed, errors = as_text(late.stdout), as_text(late.stderr)
        failure = f"It had not ended after {limit:g} s, and was stopped."
    seconds, processor = time.perf_counter() - start, processor_seconds() - before

    lines = printed.splitlines()
    files: dict[str, list[str]] = {"figure": [], "page": []}
    for line in lines:
        kind, _, path = line.partition(": ")
        if kind in files and Path(path).parent == out and Path(path).is_file():
            files[kind].append(Path(path).name)
    if failure:
        failure = "\n".join([failure, *errors.strip().splitlines()[-END_OF_ERROR:]])
    elif not files["figure"]:
        failure = "It ended without a figure."
    words = [line for line in lines if line.partition(": ")[0] not in files]
    return Drawn(
        command=shlex.join(["python", told.as_posix(), *arguments]),
        seconds=seconds,
        processor=processor,
        figures=tuple(files["figure"]),
        pages=tuple(files["page"]),
        printed="\n".join(words).strip(),
        failure=failure,
    )


def processor_seconds() -> float:
    """Seconds that the processor has worked for the processes that this one has waited for."""
    times = os.times()
    return times.children_user + times.children_system


def as_text(printed: bytes | None) -> str:
    """What a process wrote; nothing where it was stopped before it wrote."""
    return (printed or b"").decode("utf-8", errors="replace")


def took(done: Drawn) -> str:
    """How long a script took, in words."""
    processor = f" ({done.processor:.0f} s of processor)" if done.processor else ""
    return f"{done.seconds:.0f} s{processor}"


def first_line(text: str) -> str:
    """Only the first line."""
    return text.partition("\n")[0]


def read_kept(out: Path) -> dict[str, Drawn]:
    """What earlier calls have drawn into this folder and what still lies there."""
    try:
        kept = json.loads((out / KEPT).read_text(encoding="utf-8"))
        drawn = {name: Drawn(**value) for name, value in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or one that is not ours
        return {}
    return {name: one for name, one in drawn.items() if all((out / file).is_file() for file in one.figures)}


def write(out: Path, drawn: Mapping[str, Drawn]) -> None:
    """Write the page, and what it is made of."""
    kept = json.dumps({name: asdict(one) for name, one in drawn.items()}, indent=1)
    write_atomically(out / KEPT, kept.encode())
    write_atomically(out / "index.html", page(drawn).encode())


# --- the page -----------------------------------------------------------------------------------------------------

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The lecture, slide by slide</title>
<style>
  body { font-family: sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222; line-height: 1.4; }
  section { border-top: 1px solid #bbb; margin-top: 2.5em; }
  img { max-width: 100%; display: block; margin: 1em auto; }
  pre { overflow-x: auto; background: #f4f4f4; padding: 0.8em; line-height: 1.25; }
  code { background: #f4f4f4; }
  .failed { color: #a02020; }
  .took { color: #555; }
</style>
<h1>The lecture, slide by slide</h1>
<p>Each figure is computed by a script of its own, from real data and networks that it trains; the command below
it draws it alone. $state</p>
<ol>
$contents
</ol>
$sections
</html>
""")


def page(drawn: Mapping[str, Drawn]) -> str:
    """Put the slides together, in their order."""
    failed = [slide.script for slide in SLIDES if slide.script in drawn and drawn[slide.script].failure]
    missing = [slide.script for slide in SLIDES if slide.script not in drawn]
    state = [
        f"{words}: {', '.join(names)}." for words, names in (("Failed", failed), ("Not drawn yet", missing)) if names
    ]
    contents = [f'<li><a href="#{slide.script}">{html.escape(slide.title)}</a></li>' for slide in SLIDES]
    sections = [section(slide, drawn.get(slide.script)) for slide in SLIDES]
    return PAGE.substitute(
        state=html.escape(" ".join(state)), contents="\n".join(contents), sections="\n".join(sections)
    )


def section(slide: Slide, done: Drawn | None) -> str:
    """One slide's part of the page."""
    lines = [f'<section id="{slide.script}">', f"<h2>{html.escape(slide.title)}</h2>",
             f"<p>{as_html(sentence(slide.shows))}</p>"]  # fmt: skip
    if done is None:
        return "\n".join([*lines, "<p>Not drawn yet.</p>", "</section>"])
    if slide.note and all(option in done.command for option in slide.options):
        lines.append(f"<p>{as_html(slide.note)}</p>")
    if done.failure:
        lines.append(f'<pre class="failed">{html.escape(done.failure)}</pre>')
    for name in done.figures:
        lines.append(
            f'<a href="{quote(name)}"><img src="{quote(name)}" loading="lazy" alt="{html.escape(slide.title)}"></a>'
        )
    for name in done.pages:
        lines.append(f'<p><a href="{quote(name)}">Move it with a slider: {html.escape(name)}</a></p>')
    if done.printed:
        lines.append(f"<details><summary>What it prints</summary><pre>{html.escape(done.printed)}</pre></details>")
    lines.append(f'<p class="took"><code>{html.escape(done.command)}</code> took {took(done)}.</p>')
    return "\n".join([*lines, "</section>"])


def sentence(text: str) -> str:
    """A row's words as a sentence of their own; a name such as k-means or `--model` keeps its small letter."""
    return text[0].upper() + text[1:] + "."


def as_html(text: str) -> str:
    """Words with code between backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


if __name__ == "__main__":
    main()
