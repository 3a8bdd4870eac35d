"""Engines: what trains a model on arrays, and asks it afterwards.

`engine.py` says what an engine is; `registry.py` lists them and chooses. Each has a room of its own, which nothing
outside names: `keras_fit.py` is Keras' own `model.fit`, `tensorflow/` runs whole epochs inside one compiled function.
A new one is a room with an `ENGINE`, and a line in the registry. `resume.py` and `description.py` say, for all of them,
what of a run goes into a checkpoint.
"""
