"""The witnesses of the study, one file each: independent ways to test whether a claim holds."""
