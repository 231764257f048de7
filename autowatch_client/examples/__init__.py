"""Invented data to try Autowatch with."""
