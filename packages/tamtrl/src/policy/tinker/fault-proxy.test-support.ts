/**
 * A proxy that spoils what passes through it, seeded: it drops requests and replies, delays, sends twice, cuts short,
 * garbles, and answers "busy".
 */
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SeededRandom } from '../../base/random.js';

export const FAULTS = ['drop-request', 'drop-reply', 'delay', 'duplicate', 'cut', 'garble', 'busy'] as const;

export interface FaultProxy {
  url: string;
  /** What was done, by fault. */
  faults: Record<(typeof FAULTS)[number], number>;
  close(): Promise<void>;
}

interface Reply {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** @param share of requests that something happens to */
export async function faultProxy(target: string, share: number, seed: number): Promise<FaultProxy> {
  const random = new SeededRandom('faults', seed);
  const faults = Object.fromEntries(FAULTS.map((name) => [name, 0])) as FaultProxy['faults'];
  const forward = (method: string, path: string, headers: object, body: Buffer) =>
    new Promise<Reply>((resolve, reject) => {
      const upstream = httpRequest(`${target}${path}`, { method, headers: { ...headers } }, (response) => {
        const bits: Buffer[] = [];
        response.on('data', (bit: Buffer) => bits.push(bit));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            headers: { 'content-type': response.headers['content-type'] ?? '' },
            body: Buffer.concat(bits),
          }),
        );
      });
      upstream.on('error', reject);
      upstream.end(body);
    });

  const server = createServer((request, response) => {
    const bits: Buffer[] = [];
    request.on('data', (bit: Buffer) => bits.push(bit));
    request.on('end', async () => {
      const fault = random.next() < share ? FAULTS[random.integer(FAULTS.length)] : undefined;
      if (fault) faults[fault]++;
      if (fault === 'drop-request') return response.destroy();
      if (fault === 'busy') return response.writeHead(503).end('{"detail":"busy"}');
      const send = () => forward(request.method!, request.url!, request.headers, Buffer.concat(bits));
      try {
        if (fault === 'delay') await new Promise((resolve) => setTimeout(resolve, 30));
        // Twice at once, like a client that does not wait for the first.
        const [{ status, headers, body }] = await Promise.all(fault === 'duplicate' ? [send(), send()] : [send()]);
        if (fault === 'drop-reply') return response.destroy();
        if (fault === 'garble') return response.writeHead(status, headers).end('<html>?</html>');
        response.writeHead(status, { ...headers, 'content-length': String(body.length) });
        if (fault === 'cut') return void response.write(body.subarray(0, body.length / 2), () => response.destroy());
        response.end(body);
      } catch {
        response.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
