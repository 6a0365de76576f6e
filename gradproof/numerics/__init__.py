"""How far apart two answers may be, and what follows from how far apart they are."""
