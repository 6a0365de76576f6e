"""The lines of a program: what each computes, where an array goes wrong, and the edit that makes it right."""
