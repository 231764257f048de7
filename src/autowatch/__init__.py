"""Autowatch's domain: plain functions and frozen dataclasses, with clients passed in."""

__version__ = "0.1.0"
