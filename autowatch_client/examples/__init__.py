"""Data to try Autowatch with, made here."""
