"""What happens inside a CNN? Its kernels, what it makes of an image, what excites a unit, which pixels a class needs.

Expected: trained on 12,000 of MNIST's digits for 4 epochs, the CNN tells 97 % of others apart. Its first kernels of 3x3
are edges of all directions; its second layer's units see 8x8 pixels, and the 20 parts of 1,000 images that excite the
chosen one are one and the same edge; hiding the stroke that a 6 has and others have not costs most. About 30 s.
Your own: `--model FILE.keras --image FILE.png` (or .npy), and `--layer NAME --unit 3`; the image comes as the model
takes it, a .npy file as it is, any other from 0 to 1, from 0 to 255 with `--bytes`.
Reference: M. Zeiler and R. Fergus (2014), Visualizing and understanding convolutional networks; the lecture's slides.
"""

import argparse
from pathlib import Path

from recipes import build_model, fit, load_data
from recipes.lecture.images.inside import exciting_patches, feature_maps, kernels
from recipes.lecture.images.occlusion import occlusion_map
from recipes.lecture.images.reach import input_shape
from recipes.lecture.own import read_picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small digits, and a tenth of the training")
    parser.add_argument("--model", type=Path, help="a CNN of one's own, a .keras file from somebody trusted")
    parser.add_argument("--image", type=Path, help="an image for it, .npy or a picture")
    parser.add_argument("--bytes", action="store_true", help="the model takes 0 to 255")
    parser.add_argument("--layer", help="whose unit is to be excited; the second convolution without it")
    parser.add_argument("--unit", type=int, help="which; the most active one without it")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figures; replaces old ones")
    options = parser.parse_args()

    if options.model:
        import keras

        if not options.image:
            parser.error("--model goes with --image")
        model = keras.saving.load_model(options.model, compile=False)
        images = read_picture(options.image, input_shape(model), white=255 if options.bytes else 1)[None]
    else:
        model, images = train(options.quick)

    first, maps = kernels(model), feature_maps(model, images[0])
    hidden = occlusion_map(model, images[0])
    found = [one.layer for one in maps.layers if "Conv" in one.kind] or [one.layer for one in maps.layers]
    layer = options.layer or found[:2][-1]
    unit = int(maps[layer].mean(axis=(0, 1)).argmax()) if options.unit is None else options.unit
    patches = exciting_patches(model, images, layer, unit, count=20)
    print(first, maps, patches, hidden, sep="\n\n")

    options.out.mkdir(parents=True, exist_ok=True)
    for name, result in (("kernels", first), ("maps", maps), ("patches", patches), ("occlusion", hidden)):
        path = options.out / f"inside_{name}.png"
        result.plot().savefig(path, dpi=150)
        print(f"figure: {path}")


def train(quick: bool):
    """Train a small CNN on MNIST, or on scikit-learn's small digits where it is not on this machine."""
    try:
        data = load_data("digits" if quick else "mnist")
    except FileNotFoundError as error:
        print(f"{error} Using the digits of scikit-learn.")
        data = load_data("digits")
    x, y = data.x[:12_000], data.y[:12_000]
    model = build_model("multiclass", input_shape=x.shape[1:], num_classes=10, body="cnn", filters=(16, 32), seed=0)
    run = fit(model, x, y, epochs=2 if quick else 4, batch_size=64, validation_split=0.1, seed=0, verbose=0)
    print(run, end="\n\n")
    return model, data.x[-1_000:]


if __name__ == "__main__":
    main()
