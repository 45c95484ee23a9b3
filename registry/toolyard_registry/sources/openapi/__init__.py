"""Tools from REST APIs that an OpenAPI document describes; everything but `source` does no I/O."""
