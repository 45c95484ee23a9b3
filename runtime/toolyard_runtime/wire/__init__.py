"""The wire formats of `/v1`: pure functions between bytes and `segments`; no HTTP framework, no engine, no clock."""
