"""Autoencoders: `build.py` has `build_autoencoder`, `networks.py` the encoders and decoders that it joins."""
