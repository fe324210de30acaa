/**
 * Event files of TensorBoard: records of TFRecord framing (length, its checksum, data, its checksum) that hold
 * `tensorflow.Event` messages. Field numbers are those of TensorFlow's event.proto and summary.proto.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { MetricsLine } from '../../train/metrics.js';
import { namedNumbers } from './numbers.js';

/** Of `Event`. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
/** Of `Summary` and `Summary.Value`. */
const SUMMARY = { value: 1, tag: 1, simpleValue: 2 } as const;
/** `SessionLog.status`, and that a session starts: what the folder had from this step on no longer counts. */
const SESSION = { status: 1, start: 1 } as const;

/** TensorBoard reads files with `tfevents` in their name, in the order of their names. */
export function eventFileName(started: Date): string {
  return `events.out.tfevents.${Math.floor(started.getTime() / 1000)}.tamtrl`;
}

/** What a file begins with. @param time in milliseconds since 1970 */
export function fileHead(time: number): Uint8Array {
  const version = event(time).tag(EVENT.fileVersion, WireType.LengthDelimited).string('brain.Event:2');
  const session = event(time).tag(EVENT.sessionLog, WireType.LengthDelimited).fork();
  session.tag(SESSION.status, WireType.Varint).int32(SESSION.start).join();
  return Buffer.concat([record(version.finish()), record(session.finish())]);
}

/** The numbers of a step or an evaluation. @param time in milliseconds since 1970 */
export function lineEvent(line: MetricsLine, time: number): Uint8Array {
  const writer = event(time).tag(EVENT.step, WireType.Varint).int64(line.step);
  writer.tag(EVENT.summary, WireType.LengthDelimited).fork();
  for (const [name, value] of namedNumbers(line)) {
    writer.tag(SUMMARY.value, WireType.LengthDelimited).fork();
    writer.tag(SUMMARY.tag, WireType.LengthDelimited).string(name);
    writer.tag(SUMMARY.simpleValue, WireType.Bit32).float(clamped(value)).join();
  }
  return record(writer.join().finish());
}

/** TensorBoard's numbers have 32 bits. */
function clamped(value: number): number {
  const most = 3.4028234663852886e38;
  return Math.min(most, Math.max(-most, value));
}

function event(time: number): BinaryWriter {
  return new BinaryWriter().tag(EVENT.wallTime, WireType.Bit64).double(time / 1000);
}

function record(data: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(data.length + 16);
  framed.writeBigUInt64LE(BigInt(data.length), 0);
  framed.writeUInt32LE(maskedCrc(framed.subarray(0, 8)), 8);
  framed.set(data, 12);
  framed.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return framed;
}

/** As TFRecord masks it, so that checksums of data with checksums in it stay good ones. */
function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Castagnoli's polynomial, bits reversed (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value >>> 0;
});

export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff];
  return (crc ^ 0xffffffff) >>> 0;
}
