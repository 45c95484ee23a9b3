"""Search over tools: which of many fit what somebody asked for; by words, and vectors made elsewhere; no file, no network."""
