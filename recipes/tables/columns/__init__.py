"""What each column is.

`column.py` has the decision as a value, `kinds.py` makes it, `values.py` follows it, `leaks.py` warns. Decisions are
made on the rows that train and validate; the test's are then read as a new table's would be.
"""
