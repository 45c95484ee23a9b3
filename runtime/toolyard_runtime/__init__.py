"""The loop, the models, the journal, the engine, the HTTP server and the command line."""
