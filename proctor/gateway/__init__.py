"""The WebSocket edge: bytes in, bytes out; tickets, limits, drain."""
