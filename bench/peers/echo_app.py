"""Bare picows: every frame goes back as it came, nothing is parsed or stored. The limit of the transport."""

import sys

import uvloop
from picows import WSListener, WSMsgType, ws_create_server


class Echo(WSListener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, frame.get_payload_as_memoryview())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


async def main():
    server = await ws_create_server(
        lambda request: Echo(), "127.0.0.1", int(sys.argv[1]), backlog=4_096, read_buffer_init_size=2_048,
    )  # fmt: skip
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
