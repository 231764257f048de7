"""A local Domino Model Monitor: its two APIs (v0, v2), its ingestion, its judgement and its e-mail."""

from sandbox.domino.application import Domino

__all__ = ["Domino"]
