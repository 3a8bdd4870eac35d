"""A model file from anywhere either loads or is refused before any of it runs or is made room for."""

import resource
import zipfile

import keras
import numpy as np
import pytest
from model_files import HARMLESS, HOSTILE, Tripled, saved, sequential
from processes import run_python

import recipes
from recipes.running.saved import UntrustedFileError

# Keras' own, of optimizers that have not trained yet.
pytestmark = pytest.mark.filterwarnings("ignore:Skipping variable loading")


QUICK = ("standardised", "hinge", "registered layer", "subclass")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in HARMLESS])
def test_what_is_harmless_loads(name, tmp_path):
    model = HARMLESS[name]()
    model.save(tmp_path / "m.keras")
    back = recipes.load(tmp_path / "m.keras")
    assert [weight.shape for weight in back.weights] == [weight.shape for weight in model.weights]
    for ours, theirs in zip(back.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert back.compiled == model.compiled
    if name != "words":
        ends = (
            [(tensor.shape[1:], tensor.dtype) for tensor in model.inputs] if name != "subclass" else [((4,), "float32")]
        )
        inputs = [np.full((2, *shape), 0.5, dtype) for shape, dtype in ends]
        inputs = inputs if len(inputs) > 1 else inputs[0]
        for ours, theirs in zip(
            *(keras.tree.flatten(m.predict(inputs, verbose=0)) for m in (back, model)), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_does_not(name, tmp_path):
    write, why = HOSTILE[name]
    path, canary = tmp_path / "m.keras", tmp_path / "canary"
    write(path, canary)
    content, most = path.read_bytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UntrustedFileError) as caught:
        recipes.load(path)
    assert why in str(caught.value)
    assert str(caught.value).startswith(f"{path} was not loaded: ")
    assert not canary.exists()
    assert path.read_bytes() == content
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["m.keras"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most < 500_000  # kB; no memory for bombs
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])  # nothing of it is left waiting in Keras


def test_a_canary_sings_where_nobody_judges(tmp_path):
    """The code in the hostile files works: Keras itself, told to trust it, runs it."""
    HOSTILE["lambda layer"][0](tmp_path / "m.keras", tmp_path / "canary")
    keras.saving.load_model(tmp_path / "m.keras", safe_mode=False)
    assert (tmp_path / "canary").exists()


def test_a_layer_of_ones_own_is_named(tmp_path):
    path = saved(tmp_path / "m.keras", sequential((4,), Tripled()))
    with pytest.raises(UntrustedFileError, match=r"'Tripled' of .*custom_objects="):
        recipes.load(path)
    back = recipes.load(path, custom_objects={"Tripled": Tripled})
    assert isinstance(back.layers[0], Tripled)


def test_a_file_that_was_compressed_anew_loads(tmp_path):
    path = saved(tmp_path / "m.keras")
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    assert isinstance(recipes.load(path), keras.Sequential)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*absent\.keras\."):
        recipes.load(tmp_path / "absent.keras")
    with pytest.raises(FileNotFoundError, match=r"holds no saved run: it lacks run\.json\."):
        recipes.load(tmp_path)


@pytest.mark.slow
def test_it_loads_in_plain_keras(tmp_path):
    """What is saved of a run whose loss and metric are this package's loads where the package is missing."""
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    paths = []
    for name, y, options in (("hinge", np.sign(x[:, 0]), {"loss": "hinge"}), ("quantile", x[:, 0], {})):
        model = recipes.build_model("binary" if options else name, x=x, y=y, **options)
        run = recipes.fit(model, x, y, verbose=0)
        run.save(tmp_path / name)
        np.save(tmp_path / f"{name}.npy", run.predict(x))
        paths.append(str(tmp_path / name))
    np.save(tmp_path / "x.npy", x)
    script = (
        "import sys; sys.modules['recipes'] = sys.modules['cheatsheet'] = None\n"
        "import keras, numpy as np\n"
        "x = np.load(sys.argv[1] + '.npy')\n"
        "for path in sys.argv[2:]:\n"
        "    outputs = keras.saving.load_model(path + '/model.keras').predict(x, verbose=0)\n"
        "    np.testing.assert_allclose(outputs, np.load(path + '.npy'), rtol=1e-5)\n"  # other batches than ours
    )
    done = run_python("-c", script, str(tmp_path / "x"), *paths)
    assert done.returncode == 0, done.stderr
