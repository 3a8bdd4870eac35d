"""From a history to findings: what a loss curve says, in NumPy alone. Start with `diagnose.py`."""
