"""The witnesses of the study, one file each: they hear a claim and say whether it holds, independently."""
