"""The offline HTML pages: templates and pictures, no mathematics. One file each, no request to anywhere."""
