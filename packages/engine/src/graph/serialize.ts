/** Writes a graph in the ONNX file format. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './gen/onnx_graph_pb.js';
import type { AttributeValue, ConstantData, ElementType, Graph, Shape, Value } from './graph.js';

/** TensorProto.DataType numbers. */
const ELEMENT_TYPE: Record<ElementType, number> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 };

const IR_VERSION = 10n;
/** Operator set 18: ReduceSum and friends take axes as input, ScatterElements knows "add". */
const OPSET_VERSION = 18n;

const text = new TextEncoder();

export function serializeGraph(graph: Graph): Uint8Array {
  const nodes = graph.liveNodes();
  const used = new Set(nodes.flatMap((node) => node.inputs));
  for (const { value } of graph.outputs) used.add(value);
  const names = new Map<Value, string>();
  const nameOf = (value: Value | undefined): string => (value ? (names.get(value) ?? value.name) : '');
  const identities: { input: string[]; output: string[]; opType: string; name: string }[] = [];
  for (const { name, value } of graph.outputs) {
    if (value.producer && !names.has(value)) names.set(value, name);
    // Inputs, constants and values that are already an output keep their name and are copied.
    else identities.push({ input: [nameOf(value)], output: [name], opType: 'Identity', name: `output ${name}` });
  }
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'tamtrl',
    opsetImport: [
      { domain: '', version: OPSET_VERSION },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: {
      name: graph.name,
      node: [
        ...nodes.map((node) => ({
          opType: node.operator,
          domain: node.domain,
          name: `${node.operator} ${node.outputs[0].name}`,
          input: node.inputs.map(nameOf),
          output: node.outputs.map(nameOf),
          attribute: [...node.attributes].map(([name, value]) => attribute(name, value)),
        })),
        ...identities,
      ],
      input: graph.inputs.map((value) => valueInfo(value.name, value.type, value.shape)),
      output: graph.outputs.map(({ name, value }) => valueInfo(name, value.type, value.shape)),
      initializer: [...graph.constants]
        .filter(([value]) => used.has(value))
        .map(([value, data]) => ({
          name: value.name,
          dataType: ELEMENT_TYPE[value.type],
          dims: value.shape.map((size) => BigInt(size)),
          rawData: bytes(data),
        })),
    },
  });
  return toBinary(ModelProtoSchema, model);
}

function bytes(data: ConstantData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function valueInfo(name: string, type: ElementType, shape: Shape): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      tensorType: {
        elemType: ELEMENT_TYPE[type],
        shape: {
          dim: shape.map((size) => (typeof size === 'number' ? { dimValue: BigInt(size) } : { dimParam: size })),
        },
      },
    },
  });
}

function attribute(name: string, value: AttributeValue): AttributeProto {
  switch (value.type) {
    case 'int':
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value.value) });
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.value });
    case 'string':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.STRING,
        s: text.encode(value.value),
      });
    case 'ints':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeProto_AttributeType.INTS,
        ints: value.value.map(BigInt),
      });
  }
}
