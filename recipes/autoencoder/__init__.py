"""Autoencoders: `build.py` has `build_autoencoder`, `networks.py` the encoders and decoders that it joins.

`kinds.py` names them, and judges arguments without Keras.
"""
