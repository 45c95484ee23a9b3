"""Documents to ground answers on: read, cut into pieces, kept by version; imports a parser only to read with it."""
