/**
 * The protocol's protobuf dialect, which newer servers require for forward-backward calls and use for results. Field
 * numbers are those of the official SDK's messages (PyPI `tinker` 0.25, tinker_public.proto).
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Datum } from './datum.js';

export const PROTOBUF = 'application/x-protobuf';

const FLOAT32 = 1;
const INT64 = 2;

export interface ForwardBackwardBody {
  model_id: string;
  seq_id: number;
  data: readonly Datum[];
  loss_fn: string;
  loss_fn_config?: Readonly<Record<string, number>>;
  /** Without gradients: a forward pass only. */
  forward_only: boolean;
}

/** ForwardBackwardRequest: model_id 1, seq_id 2, data 3, loss_fn 4, loss_fn_config 5, forward_only 6. */
export function encodeForwardBackward(body: ForwardBackwardBody): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string(body.model_id);
  writer.tag(2, WireType.Varint).int32(body.seq_id);
  for (const datum of body.data) {
    writer.tag(3, WireType.LengthDelimited).fork();
    writeDatum(writer, datum);
    writer.join();
  }
  writer.tag(4, WireType.LengthDelimited).string(body.loss_fn);
  for (const [key, value] of Object.entries(body.loss_fn_config ?? {})) {
    writer.tag(5, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(key);
    writer.tag(2, WireType.Bit64).double(value);
    writer.join();
  }
  if (body.forward_only) writer.tag(6, WireType.Varint).bool(true);
  return new Uint8Array(writer.finish());
}

/**
 * Datum: model_input 1 (Chunk: encoded_text 1 (tokens 1, int32 bytes)), loss_fn_inputs 2 (map to Tensor: dense 1, dtype
 * 3, shape 4).
 */
function writeDatum(writer: BinaryWriter, { model_input, loss_fn_inputs }: Datum): void {
  for (const { tokens } of model_input.chunks) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).bytes(new Uint8Array(Int32Array.from(tokens).buffer));
    writer.join();
    writer.join();
  }
  for (const [key, { data, dtype, shape }] of Object.entries(loss_fn_inputs)) {
    const bytes = dtype === 'int64' ? BigInt64Array.from(data, BigInt).buffer : Float32Array.from(data).buffer;
    writer.tag(2, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(key);
    writer.tag(2, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).bytes(new Uint8Array(bytes));
    writer.tag(3, WireType.Varint).int32(dtype === 'int64' ? INT64 : FLOAT32);
    writer.tag(4, WireType.LengthDelimited).fork();
    for (const size of shape) writer.int64(size);
    writer.join();
    writer.join();
    writer.join();
  }
}

/** Converts a protobuf result to its JSON form: of `asample`, or of `forward` and `forward_backward`. */
export function decodeResult(path: string, bytes: Uint8Array): Record<string, unknown> {
  return path === 'asample' ? decodeSamples(bytes) : decodeForwardBackward(bytes);
}

type Visit = (field: number, reader: BinaryReader) => boolean;

/** Visits a message's fields and skips those that `visit` does not read. */
function fields(bytes: Uint8Array, visit: Visit): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!visit(field, reader)) reader.skip(wireType, field);
  }
}

/** Copies, because a view must start at an aligned address. */
const floats = (bytes: Uint8Array) => [...new Float32Array(bytes.slice().buffer)];
const integers = (bytes: Uint8Array) => [...new Int32Array(bytes.slice().buffer)];
const longs = (bytes: Uint8Array) => [...new BigInt64Array(bytes.slice().buffer)].map(Number);

/** SampleResponse: sequences 1 (SampledSequence: stop_reason 1 (0 stop, 1 length), tokens 2, logprobs 3). */
function decodeSamples(bytes: Uint8Array): Record<string, unknown> {
  const sequences: { stop_reason: string; tokens: number[]; logprobs: number[] }[] = [];
  fields(bytes, (field, reader) => {
    if (field !== 1) return false;
    const sequence = { stop_reason: 'stop', tokens: [] as number[], logprobs: [] as number[] };
    fields(reader.bytes(), (inner, own) => {
      if (inner === 1) sequence.stop_reason = own.int32() === 1 ? 'length' : 'stop';
      else if (inner === 2) sequence.tokens = integers(own.bytes());
      else if (inner === 3) sequence.logprobs = floats(own.bytes());
      else return false;
      return true;
    });
    sequences.push(sequence);
    return true;
  });
  return { sequences };
}

/**
 * ForwardBackwardOutput: loss_fn_outputs 2 (ArrayRecord: fields 2 (map to BatchedTensor: data 1, offsets 2 in bytes,
 * dtype 3)), metrics 3 (map to double).
 */
function decodeForwardBackward(bytes: Uint8Array): Record<string, unknown> {
  const outputs: { logprobs: { data: number[] } }[] = [];
  const metrics: Record<string, number> = {};
  fields(bytes, (field, reader) => {
    if (field === 2) {
      fields(reader.bytes(), (inner, record) => {
        if (inner !== 2) return false;
        const { key, value } = entry(record.bytes());
        if (key === 'logprobs') for (const data of batched(value)) outputs.push({ logprobs: { data } });
        return true;
      });
    } else if (field === 3) {
      let name = '';
      let number = Number.NaN;
      fields(reader.bytes(), (inner, own) => {
        if (inner === 1) name = own.string();
        else if (inner === 2) number = own.double();
        else return false;
        return true;
      });
      metrics[name] = number;
    } else return false;
    return true;
  });
  return { loss_fn_outputs: outputs, metrics };
}

function entry(bytes: Uint8Array): { key: string; value: Uint8Array } {
  let key = '';
  let value: Uint8Array = new Uint8Array(0);
  fields(bytes, (field, reader) => {
    if (field === 1) key = reader.string();
    else if (field === 2) value = reader.bytes();
    else return false;
    return true;
  });
  return { key, value };
}

function batched(bytes: Uint8Array): number[][] {
  let data: Uint8Array = new Uint8Array(0);
  let offsets: number[] = [];
  fields(bytes, (field, reader) => {
    if (field === 1) data = reader.bytes();
    else if (field === 2) offsets = longs(reader.bytes());
    else return false;
    return true;
  });
  return offsets.slice(1).map((end, at) => floats(data.subarray(offsets[at], end)));
}
