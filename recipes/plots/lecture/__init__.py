"""The figures of `recipes.lecture`, one module for each of its subjects; start with `separation.py`."""
