"""A local Domino Model Monitor: its first wire (v0), its ingestion, its judgement of drift and its e-mail."""

from sandbox.domino.wire import Domino

__all__ = ["Domino"]
