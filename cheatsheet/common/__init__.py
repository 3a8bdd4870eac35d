"""What everything here leans on: words for messages, checks of plain arguments, and array-likes as arrays."""
