"""Bytes in, bytes out: the WebSocket server of the learners."""
