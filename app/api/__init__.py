"""HTTP: parse, authorise, call, shape."""
