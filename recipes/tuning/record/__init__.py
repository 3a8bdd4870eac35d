"""What a search leaves on disk.

`journal.py` has one record a trial, the truth; `folder.py` knows which files are the search's own; `identity.py` says
what makes two searches the same.
"""
