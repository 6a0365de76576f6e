"""Studying the derivation: a problem walked through the four equations."""
