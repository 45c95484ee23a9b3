"""Documents to ground on: read, cut into pieces, versioned by digest."""
