/** Which hosts an entry allows, and what is refused. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { allowedOrigins, requireNamedServer } from './hosts.js';
import { serverOf } from './spec.js';

afterEach(() => void vi.unstubAllEnvs());

describe('allowed hosts', () => {
  it('a host is https, a host with a port is both, an address is itself', () => {
    expect(allowedOrigins('api.example.com')).toEqual(['https://api.example.com']);
    expect(allowedOrigins('127.0.0.1:9150')).toEqual(['http://127.0.0.1:9150', 'https://127.0.0.1:9150']);
    expect(allowedOrigins('[::1]:80')).toEqual(['http://[::1]', 'https://[::1]:80']);
    expect(allowedOrigins('HTTP://Example.com:80/api/v1')).toEqual(['http://example.com']);
  });

  it.each(['', 'http://', 'ftp://example.com', 'user@example.com', 'a/b', 'a b', '::1'])('"%s" is none', (host) => {
    expect(() => allowedOrigins(host)).toThrow('is not a host; expected HOST, HOST:PORT or http://HOST:PORT.');
  });

  const allowed = (spec: string, ...hosts: string[]) => {
    try {
      requireNamedServer({ origin: serverOf(spec)!, place: 'f' }, hosts);
      return true;
    } catch {
      return false;
    }
  };

  it('another port, scheme or host is another server', () => {
    vi.stubEnv('OPENAI_BASE_URL', '');
    expect(allowed('tinker:http://127.0.0.1:9150#m', '127.0.0.1:9150')).toBe(true);
    expect(allowed('tinker:http://127.0.0.1:9150?rank=8#m', 'http://127.0.0.1:9150')).toBe(true);
    expect(allowed('tinker:http://127.0.0.1:9151#m', '127.0.0.1:9150', '127.0.0.1')).toBe(false);
    expect(allowed('openai:http://api.example.com/v1#m', 'api.example.com')).toBe(false);
    expect(allowed('openai:https://api.example.com/v1#m', 'api.example.com')).toBe(true);
    expect(allowed('openai:https://api.example.com@evil.example/v1#m', 'api.example.com')).toBe(false);
    expect(allowed('openai:https://api.example.com.evil.example/v1#m', 'api.example.com')).toBe(false);
  });

  it('the default address of openai: is a host too; the one of the environment is trusted', () => {
    vi.stubEnv('OPENAI_BASE_URL', '');
    expect(allowed('openai:gpt')).toBe(false);
    expect(allowed('openai:gpt', 'api.openai.com')).toBe(true);
    vi.stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:8080/v1');
    expect(allowed('openai:gpt')).toBe(true);
    expect(allowed('openai:http://127.0.0.1:8080/v1#m')).toBe(true);
    expect(allowed('openai:http://127.0.0.1:8081/v1#m')).toBe(false);
  });
});
