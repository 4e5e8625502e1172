/** Node: `ws` and `ioredis`, each beat stored. Run with a port and a Redis socket or URL. */
import { createRequire } from 'node:module';

const require = createRequire(`${process.argv[4]}/`);
const { WebSocketServer } = require('ws');
const Redis = require('ioredis');

const store = new Redis(process.argv[3]);
const server = new WebSocketServer({
  host: '127.0.0.1', port: Number(process.argv[2]), perMessageDeflate: false, backlog: 4096,
});
let number = 0;
server.on('connection', (socket) => {
  number += 1;
  const key = `peer:${number}`;
  socket.on('message', async (data) => {
    const text = data.toString();
    const beat = JSON.parse(text);
    await store.set(key, text, 'PX', 86400000);
    socket.send(JSON.stringify({ t: 'ack', seq: beat.seq, total_ms: beat.pos }));
  });
});
