"""The study of a derivation: its lines put on trial, and one problem walked through the four equations."""
