/** The server's side of the protobuf dialect, for tests. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export interface Datum {
  model_input: { chunks: { tokens: number[] }[] };
  loss_fn_inputs: Record<string, { data: number[] }>;
}

export interface ForwardInput {
  data: Datum[];
  loss_fn: string;
  loss_fn_config?: { clip_low_threshold: number; clip_high_threshold: number };
}

/** A message's fields by number, each as often as it came: numbers, or bytes. */
class Message {
  readonly #numbers = new Map<number, number[]>();
  readonly #bytes = new Map<number, Uint8Array[]>();

  constructor(bytes: Uint8Array) {
    const reader = new BinaryReader(bytes);
    const note = <T>(map: Map<number, T[]>, field: number, value: T) =>
      map.set(field, [...(map.get(field) ?? []), value]);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (type === WireType.LengthDelimited) note(this.#bytes, field, reader.bytes());
      else note(this.#numbers, field, type === WireType.Bit64 ? reader.double() : reader.int32());
    }
  }

  number = (field: number): number => this.#numbers.get(field)?.[0] ?? 0;
  bytes = (field: number): Uint8Array => this.#bytes.get(field)?.[0] ?? new Uint8Array();
  text = (field: number): string => new TextDecoder().decode(this.bytes(field));
  message = (field: number): Message => new Message(this.bytes(field));
  messages = (field: number): Message[] => (this.#bytes.get(field) ?? []).map((bytes) => new Message(bytes));
}

const int32s = (bytes: Uint8Array) => [...new Int32Array(bytes.slice().buffer)];
const float32s = (bytes: Uint8Array) => [...new Float32Array(bytes.slice().buffer)];
const int64s = (bytes: Uint8Array) => [...new BigInt64Array(bytes.slice().buffer)].map(Number);

export function decodeForwardBackwardRequest(
  bytes: Uint8Array,
): ForwardInput & { model_id: string; seq_id: number; forward_only: boolean } {
  const request = new Message(bytes);
  const config = Object.fromEntries(request.messages(5).map((entry) => [entry.text(1), entry.number(2)]));
  return {
    model_id: request.text(1),
    seq_id: request.number(2),
    loss_fn: request.text(4),
    forward_only: request.number(6) === 1,
    loss_fn_config: Object.keys(config).length > 0 ? (config as unknown as ForwardInput['loss_fn_config']) : undefined,
    data: request.messages(3).map((datum) => ({
      model_input: { chunks: datum.messages(1).map((chunk) => ({ tokens: int32s(chunk.message(1).bytes(1)) })) },
      loss_fn_inputs: Object.fromEntries(
        datum.messages(2).map((entry) => {
          const tensor = entry.message(2);
          return [entry.text(1), { data: (tensor.number(3) === 2 ? int64s : float32s)(tensor.bytes(1)) }];
        }),
      ),
    })),
  };
}

export function encodeSamples(result: {
  sequences: { tokens: number[]; logprobs: number[]; stop_reason: string }[];
}): Uint8Array {
  const writer = new BinaryWriter();
  for (const { tokens, logprobs, stop_reason } of result.sequences) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.Varint).int32(stop_reason === 'length' ? 1 : 0);
    writer.tag(2, WireType.LengthDelimited).bytes(new Uint8Array(Int32Array.from(tokens).buffer));
    writer.tag(3, WireType.LengthDelimited).bytes(new Uint8Array(Float32Array.from(logprobs).buffer));
    writer.join();
  }
  return writer.finish();
}

export function encodeForwardBackwardOutput(result: {
  loss_fn_outputs: { logprobs: { data: number[] } }[];
  metrics: Record<string, number>;
}): Uint8Array {
  const lists = result.loss_fn_outputs.map(({ logprobs }) => logprobs.data);
  const offsets = [0];
  for (const list of lists) offsets.push(offsets[offsets.length - 1] + 4 * list.length);
  const writer = new BinaryWriter();
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string('logprobs');
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).bytes(new Uint8Array(Float32Array.from(lists.flat()).buffer));
  writer.tag(2, WireType.LengthDelimited).bytes(new Uint8Array(BigInt64Array.from(offsets, BigInt).buffer));
  writer.tag(3, WireType.Varint).int32(1);
  writer.join();
  writer.join();
  writer.join();
  for (const [key, value] of Object.entries(result.metrics)) {
    writer.tag(3, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(key);
    writer.tag(2, WireType.Bit64).double(value);
    writer.join();
  }
  return writer.finish();
}
