"""Labels from measurements: no pixels, no files."""
