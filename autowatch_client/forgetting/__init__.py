"""Forgetting people: finds their rows in all versions of the bucket's objects, and removes them."""
