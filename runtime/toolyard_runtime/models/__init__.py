"""Models behind one port: the thin client, the openai SDK and the rehearsal; decides nothing about a run."""
