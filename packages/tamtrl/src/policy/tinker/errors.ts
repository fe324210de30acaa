/** Errors of Tinker servers. */
import { PolicyError, type PolicyErrorKind } from '../errors.js';

/** Facts about a call and its reply. */
export interface Exchange {
  server: string;
  path: string;
  /** HTTP status; undefined if there was no answer. */
  status?: number;
  body?: unknown;
}

/** Thrown when a server refuses, fails or is gone. Never contains the key. */
export class TinkerError extends PolicyError implements Exchange {
  static override readonly errorName: string = 'TinkerError';
  readonly server: string;
  readonly path: string;
  readonly status?: number;
  readonly body?: unknown;

  constructor(kind: PolicyErrorKind, message: string, about: Exchange & { cause?: unknown }) {
    super(kind, message, { cause: about.cause });
    this.server = about.server;
    this.path = about.path;
    this.status = about.status;
    this.body = about.body;
  }

  /** The same error with another message. */
  retold(message: string): TinkerError {
    const { kind, server, path, status, body } = this;
    return new TinkerError(kind, message, { server, path, status, body, cause: this });
  }
}
