"""The offline HTML pages: templates and pictures, no mathematics. Each is one file that makes no requests."""
