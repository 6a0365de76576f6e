"""The verbs of the command line: arguments in, one call, text out. Nothing else in gradproof prints."""
