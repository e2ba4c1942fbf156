// An ONNX model of what is written in an Algebra: its nodes, encoded by protobufjs.
import protobuf from 'protobufjs';
import type { Algebra } from './algebra.ts';

/** A value of the graph; scalars have the shape []. */
export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Graph {
  readonly algebra: Algebra<Value>;
  input(name: string, shape: readonly number[]): Value;
  /** The model, whose outputs are these values under their own names. */
  encode(outputs: readonly Value[]): Uint8Array;
}

/** The messages of onnx.proto that are needed, with its field numbers. */
const { root } = protobuf.parse(`
  syntax = "proto2";
  message Attribute {
    required string name = 1;
    optional int64 i = 3;
    repeated int64 ints = 8;
    required int32 type = 20;
  }
  message Node {
    repeated string input = 1;
    repeated string output = 2;
    required string opType = 4;
    repeated Attribute attribute = 5;
  }
  message Numbers {
    repeated int64 dims = 1;
    required int32 dataType = 2;
    required string name = 8;
    required bytes rawData = 9;
  }
  message Dimension { required int64 dimValue = 1; }
  message Shape { repeated Dimension dim = 1; }
  message TensorType {
    required int32 elemType = 1;
    required Shape shape = 2;
  }
  message Type { required TensorType tensorType = 1; }
  message ValueInfo {
    required string name = 1;
    required Type type = 2;
  }
  message Graph {
    repeated Node node = 1;
    required string name = 2;
    repeated Numbers initializer = 5;
    repeated ValueInfo input = 11;
    repeated ValueInfo output = 12;
  }
  message OperatorSet {
    required string domain = 1;
    required int64 version = 2;
  }
  message Model {
    required int64 irVersion = 1;
    required Graph graph = 7;
    repeated OperatorSet opsetImport = 8;
  }
`);
const Model = root.lookupType('Model');

const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE = { int: 2, ints: 7 } as const;

export function createGraph(): Graph {
  const nodes: object[] = [];
  const initializers = new Map<string, object>();
  const inputs: Value[] = [];
  const info = ({ name, shape }: Value): object => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
  });

  const node = (
    opType: string,
    operands: readonly (Value | string)[],
    shape: readonly number[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): Value => {
    const result = { name: `v${nodes.length}`, shape };
    nodes.push({
      opType,
      input: operands.map((operand) => (typeof operand === 'string' ? operand : operand.name)),
      output: [result.name],
      attribute: Object.entries(attributes).map(([name, value]) =>
        typeof value === 'number'
          ? { name, i: value, type: ATTRIBUTE.int }
          : { name, ints: value, type: ATTRIBUTE.ints },
      ),
    });
    return result;
  };
  const numbers = (name: string, dataType: number, dims: readonly number[], make: () => ArrayBufferView): string => {
    if (!initializers.has(name)) {
      const { buffer, byteOffset, byteLength } = make();
      initializers.set(name, { name, dataType, dims, rawData: new Uint8Array(buffer, byteOffset, byteLength) });
    }
    return name;
  };
  const integers = (...list: number[]): string =>
    numbers(`i${list.join('_')}`, INT64, [list.length], () => BigInt64Array.from(list, BigInt));
  const scalar = (value: number): Value => ({
    name: numbers(`f${value}`, FLOAT, [], () => Float32Array.of(value)),
    shape: [],
  });

  const stretched = (x: Value, y: Value): readonly number[] => {
    const [long, short] = x.shape.length >= y.shape.length ? [x, y] : [y, x];
    return long.shape.map((extent, i) =>
      Math.max(extent, short.shape[i - long.shape.length + short.shape.length] ?? 1),
    );
  };
  const both = (opType: string) => (x: Value, y: Value) => node(opType, [x, y], stretched(x, y));
  const each = (opType: string) => (x: Value) => node(opType, [x], x.shape);
  const reduce = (opType: string) => (x: Value, axis: 0 | 1) =>
    node(opType, [x, integers(axis)], axis === 0 ? [1, x.shape[1]] : [x.shape[0], 1], { keepdims: 1 });
  const whole = (opType: string) => (x: Value) => {
    const rows = x.shape.length === 2 ? reduce(opType)(x, 1) : x;
    return rows.shape.length === 0 ? rows : node(opType, [rows, integers(0, 1)], [], { keepdims: 0 });
  };
  const [add, sub, mul, sum, max] = [both('Add'), both('Sub'), both('Mul'), reduce('ReduceSum'), reduce('ReduceMax')];
  const [exp, log] = [each('Exp'), each('Log')];
  const join = (axis: 0 | 1) => (parts: readonly Value[]) => {
    const extent = parts.reduce((total, { shape }) => total + shape[axis], 0);
    const [{ shape }] = parts;
    return node('Concat', parts, axis === 0 ? [extent, shape[1]] : [shape[0], extent], { axis });
  };

  const algebra: Algebra<Value> = {
    constant: (name, rows, columns, make) => ({
      name: numbers(name, FLOAT, [rows, columns], make),
      shape: [rows, columns],
    }),
    diagonal: (n, on, off = 0) =>
      algebra.constant(`diagonal${n}_${on}_${off}`, n, n, () => {
        const values = new Float32Array(n * n).fill(off);
        for (let i = 0; i < n; i++) values[i * n + i] = on;
        return values;
      }),
    matmul: (x, y, transposed) => {
      if (!transposed) return node('MatMul', [x, y], [x.shape[0], y.shape[1]]);
      const shape = transposed === 'left' ? [x.shape[1], y.shape[1]] : [x.shape[0], y.shape[0]];
      return node('Gemm', [x, y], shape, transposed === 'left' ? { transA: 1 } : { transB: 1 });
    },
    transpose: (x) => {
      const [rows, columns] = x.shape;
      if (rows === 1 || columns === 1) return node('Reshape', [x, integers(columns, rows)], [columns, rows]);
      return node('Transpose', [x], [columns, rows], { perm: [1, 0] });
    },
    add,
    sub,
    mul,
    div: both('Div'),
    scale: (x, factor) => mul(x, scalar(factor)),
    shift: (x, term) => add(x, scalar(term)),
    square: (x) => mul(x, x),
    sqrt: each('Sqrt'),
    exp,
    log,
    relu: each('Relu'),
    // Its Sign is for the CPU only, there and back in each step.
    step: (x) => node('Cast', [node('Greater', [x, scalar(0)], x.shape)], x.shape, { to: FLOAT }),
    inverse: each('Reciprocal'),
    sum,
    logSumExp: (x, axis) => {
      const top = max(x, axis);
      return add(top, log(sum(exp(sub(x, top)), axis)));
    },
    total: whole('ReduceSum'),
    max: whole('ReduceMax'),
    stack: join(0),
    beside: join(1),
    rows: (x, first, end) => node('Slice', [x, integers(first), integers(end), integers(0)], [end - first, x.shape[1]]),
    detach: (make) => make(),
  };

  return {
    algebra,
    input: (name, shape) => {
      const value = { name, shape };
      inputs.push(value);
      return value;
    },
    encode: (outputs) =>
      Model.encode(
        Model.fromObject({
          irVersion: 9,
          opsetImport: [{ domain: '', version: 18 }],
          graph: {
            name: 'work',
            node: nodes,
            initializer: [...initializers.values()],
            input: inputs.map(info),
            output: outputs.map(info),
          },
        }),
      ).finish(),
  };
}
