"""Derived bounds on how far apart two answers may be, and the verdicts that follow from them."""
