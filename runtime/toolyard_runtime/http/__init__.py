"""The HTTP server: litestar routes over the desk and the engine."""
