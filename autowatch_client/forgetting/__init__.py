"""Forgetting people: their rows are found in all versions of the bucket's objects, and taken out."""
