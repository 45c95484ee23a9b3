"""Search over tools: which of many fit what somebody asked for; pure, with no file and no network."""
