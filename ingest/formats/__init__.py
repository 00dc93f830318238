"""One wire format per file."""
