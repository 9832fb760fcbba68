"""Numbers that say how good results are."""
