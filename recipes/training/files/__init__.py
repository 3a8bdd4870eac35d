"""Models in files: for plain Keras, which are judged before they are read, and for other programs.

`model_file.py` writes and reads `.keras` files, `judge.py` says whether one may be read; `export.py` writes others.
"""
