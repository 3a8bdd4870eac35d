"""What predictions are worth, in the words of their task, and how far around a number the true one lies.

`scores.py` computes, with scikit-learn; `evaluation.py` holds it for one model, `evaluations.py` for several.
"""
