"""What a network is worth beside what else there is.

`scores.py` counts, `baselines.py` fits the others, `comparison.py` judges.
"""
