/** The forms in which programs have bytes. */

export type Bytes = Uint8Array | ArrayBuffer | DataView;

export const isBlob = (source: unknown): source is Blob => typeof Blob !== 'undefined' && source instanceof Blob;

export const isBytes = (source: unknown): source is Bytes =>
  source instanceof Uint8Array || source instanceof ArrayBuffer || source instanceof DataView;

/** The same bytes, not copied. */
export function bytesIn(source: Bytes): Uint8Array {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
}

/** What a File is called; undefined for other Blobs. */
export function nameOfBlob(blob: Blob): string | undefined {
  return 'name' in blob && typeof blob.name === 'string' ? blob.name : undefined;
}
