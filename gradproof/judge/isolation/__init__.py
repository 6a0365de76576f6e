"""Run somebody's code in its own processes, within limits on time and memory."""
