"""Everything that needs pixels and no labels, for one chunk of frames at a time."""
