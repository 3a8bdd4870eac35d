"""Files and containers as one pandas frame: `frames.py` for all of them, `csv.py` for text, `texts.py` for values.

What was decided on the way (separator, decimals, encoding) is a small `Reading`, by which the next file is read.
"""
