"""Where the files of the repository are, and what stacks in tests have in common."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository's top folder."""

OWN_KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d"
"""A stack's own key: S3 asks it in the name of each role that reads or writes."""
