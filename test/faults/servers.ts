/** A server that answers with any bytes, and ways in which one can fail. */

import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

/** Answers one request, and ends or leaves the connection. */
export type Reply = (socket: Socket) => void;

/** @param answer told of the last part of the path, once the request is there as a whole */
export async function rawServer(
  answer: (path: string, socket: Socket) => void,
): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let text = '';
    socket.setEncoding('latin1').on('data', (more: string) => {
      text += more;
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      const path = /^\S+ (\S+)/.exec(text)![1].split('/').at(-1)!;
      text = '';
      answer(path, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A whole reply, after which the connection ends. */
export function reply(body: string | Uint8Array, status: number | string = 200, head = ''): Reply {
  const bytes = Buffer.from(body);
  return (socket) => {
    socket.write(`HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n`);
    socket.write(`connection: close\r\n${head}\r\n`);
    socket.end(bytes);
  };
}

const says =
  (text: string | Uint8Array): Reply =>
  (socket) =>
    void socket.end(text);
const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

/** Bytes as fast as they are taken, for ever. */
const flood =
  (head: string, piece: string): Reply =>
  (socket) => {
    socket.write(head);
    const more = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', more);
    more();
  };

const busy = (after: string) => reply('{"error":"busy"}', 429, `retry-after: ${after}\r\n`);

export const WAYS: Readonly<Record<string, Reply>> = {
  'closes the connection': (socket) => void socket.destroy(),
  'resets the connection': (socket) => void socket.resetAndDestroy(),
  'ends the connection without a word': says(''),
  'says nothing': () => {},
  'stops within the status line': says('HTTP/1.1 20'),
  'stops within the head': says(`${OK}x-hea`),
  'falls silent within the head': (socket) => void socket.write(`${OK}x-hea`),
  'falls silent within the body': (socket) => void socket.write(`${OK}content-length: 50\r\n\r\n{"choices":[`),
  'drips a byte at a time': (socket) => {
    socket.write(`${OK}content-length: 100000\r\n\r\n`);
    const timer = setInterval(() => socket.write(' '), 100);
    socket.on('close', () => clearInterval(timer));
  },
  'cuts the body short': says(`${OK}content-length: 500\r\n\r\n{"choices":[`),
  'sends more than it has announced': says(`${OK}content-length: 2\r\n\r\n{}{}{}{}`),
  'announces a negative length': says(`${OK}content-length: -5\r\n\r\n{}`),
  'announces a length in words': says(`${OK}content-length: two\r\n\r\n{}`),
  'announces two lengths': says(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`),
  'announces a length of 2^60': says(`${OK}content-length: ${2 ** 60}\r\n\r\n{}`),
  'sends chunks of no size': says(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`),
  'sends chunks without an end': says(`${OK}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n`),
  'sends a chunk of 2^60 bytes': says(`${OK}transfer-encoding: chunked\r\n\r\n1000000000000000\r\n{}`),
  'speaks another protocol': says('SSH-2.0-OpenSSH_9.6\r\n'),
  'speaks TLS': says(Buffer.from([0x15, 3, 1, 0, 2, 2, 40])),
  'speaks a version that is none': says('HTTP/9.9 200 OK\r\n\r\n{}'),
  'sends no head': says('{"choices":[]}'),
  'sends a head of a megabyte': says(`${OK}x: ${'y'.repeat(2 ** 20)}\r\n\r\n{}`),
  'sends 100,000 fields of a head': says(`${OK}${'x: y\r\n'.repeat(1e5)}\r\n{}`),
  'sends zeros in its head': says(`${OK}x: \0\r\n\r\n{}`),
  'says to go on, 10,000 times': says('HTTP/1.1 100 Continue\r\n\r\n'.repeat(1e4)),
  'switches protocols': says('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
  'floods the body': flood(`${OK}\r\n`, 'x'.repeat(2 ** 20)),
  'floods an error': flood('HTTP/1.1 500 X\r\n\r\n', 'x'.repeat(2 ** 20)),
  'floods the head': flood(OK, `x: ${'y'.repeat(1000)}\r\n`),
  'packs a gigabyte into a megabyte': reply(gzipSync(Buffer.alloc(2 ** 30)), 200, 'content-encoding: gzip\r\n'),
  'says gzip and is not': reply('{}', 200, 'content-encoding: gzip\r\n'),
  'cuts gzip short': reply(gzipSync('{"a":1}').subarray(0, 15), 200, 'content-encoding: gzip\r\n'),
  'packs in an unknown way': reply('{}', 200, 'content-encoding: secret\r\n'),
  'is busy for a second': busy('1'),
  'was busy in the past': busy('Thu, 01 Jan 1970 00:00:00 GMT'),
  'is busy for -5 seconds': busy('-5'),
  'is busy for a while': busy('a while'),
  'redirects to itself': reply('', 302, 'location: /v1/models\r\n'),
  'redirects to nowhere': reply('', 302),
  'redirects to a file': reply('', 307, 'location: file:///etc/passwd\r\n'),
  'redirects to what is no address': reply('', 308, 'location: http://[::/\r\n'),
};

export const STATUSES = [
  ...[
    201, 202, 203, 204, 205, 206, 207, 226, 300, 304, 305, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411,
  ],
  ...[
    412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504,
  ],
  ...[505, 506, 507, 508, 510, 511, 520, 524, 529, 598, 599, 600, 999],
  ...['000', '-1', '2000', 'OK', ''],
];

const deep = (open: string, close: string) => open.repeat(1e5) + close.repeat(1e5);

/** Bodies with status 200. */
export const JSON_REPLIES: readonly string[] = [
  '',
  ' ',
  'null',
  'true',
  '0',
  '1e999',
  '""',
  '[]',
  '{}',
  '[null]',
  '{"choices":null}',
  '{"choices":[]}',
  '{"choices":[null]}',
  '{"choices":[{}]}',
  '{"choices":[{"message":null}]}',
  '{"choices":[{"message":{"content":7}}]}',
  '{"choices":[{"message":{"content":{"a":1}}}]}',
  '{"choices":{"0":{"message":{"content":"x"}}}}',
  '{"data":[null]}',
  '{"data":{"id":"m"}}',
  '{"error":null}',
  '{"error":{"message":null}}',
  '{"__proto__":{"choices":[]}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"choices":[{"message":{"content":"x"}',
  '{"a":1}{"a":2}',
  "{'a':1}",
  'data: {"choices":[]}\n\ndata: [DONE]\n\n',
  '<html><body>502 Bad Gateway</body></html>',
  '\ufeff{}',
  '\ud800',
  '\0\0\0\0',
  '{"request_id":null}',
  '{"request_id":{}}',
  '{"type":"try_again"}',
  deep('[', ']'),
  deep('{"a":', '}'),
  `{${Array.from({ length: 1e5 }, (_, at) => `"k${at}":${at}`).join(',')}}`,
  `{"error":"${'\\u0041'.repeat(1e5)}"}`,
];
