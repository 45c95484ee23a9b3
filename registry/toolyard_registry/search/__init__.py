"""Search over tools: which of many fit what somebody asked for; by words alone, pure, with no file and no network."""
