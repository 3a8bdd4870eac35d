"""What does a convolution compute? The slide's cross and diagonal kernel, window by window, then ReLU and max pooling.

Expected: the kernel finds the falling diagonal: 7 where it lies, 5 where the cross has its middle; ReLU drops the -3,
and a 2x2 pool keeps 7 5 / 5 7. In `convolution.html` a slider moves the window. About 20 s, half of it imports.
Your own: `--image FILE` (.npy or a picture, taken as grey), `--kernel "1 0 -1; 1 0 -1; 1 0 -1"`, `--strides 2`,
`--padding same`.
Reference: Y. LeCun et al. (1998), Gradient-based learning applied to document recognition; the lecture's slides.
"""

import argparse
from pathlib import Path

import numpy as np

from recipes.lecture.images.convolution import IMAGE, KERNEL, convolve
from recipes.lecture.own import read_picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no page with a slider")
    parser.add_argument("--image", type=Path, help="an image of one's own: .npy, (height, width), or a picture")
    parser.add_argument("--kernel", type=as_rows, help="a kernel of one's own, its rows parted by semicolons")
    parser.add_argument("--strides", type=int, default=1)
    parser.add_argument("--padding", default="valid", help="valid or same")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figure; replaces an old one")
    options = parser.parse_args()

    image = IMAGE if options.image is None else read_picture(options.image, (None, None, 1))
    kernel = KERNEL if options.kernel is None else options.kernel
    result = convolve(image, kernel, strides=options.strides, padding=options.padding)
    print(result)

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "convolution.png"
    result.plot().savefig(path, dpi=150)
    print(f"\nfigure: {path}")
    if not options.quick:
        print(f"page: {result.save_page(options.out / 'convolution.html')}")


def as_rows(text: str) -> np.ndarray:
    """Read rows of numbers from "1 0 -1; 1 0 -1"."""
    return np.array([row.split() for row in text.split(";")], dtype=float)


if __name__ == "__main__":
    main()
