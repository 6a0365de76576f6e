"""The verbs of the command line: arguments in, one call, text out. No other package of gradproof prints."""
