// A model of ONNX as bytes, with no package: the encoder of encoder.ts, tanh(X W1) W2, whose weights are inputs.
import { HIDDEN, INPUTS, OUTPUTS, ROWS } from './encoder.ts';

const number = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...number(Math.floor(value / 128))];
const field = (id: number, bytes: readonly number[]): number[] => [
  ...number(8 * id + 2),
  ...number(bytes.length),
  ...bytes,
];
const integer = (id: number, value: number): number[] => [...number(8 * id), ...number(value)];
const text = (id: number, value: string): number[] => field(id, [...new TextEncoder().encode(value)]);

const FLOAT = 1;
const node = (op: string, inputs: readonly string[], output: string): number[] =>
  field(1, [...inputs.flatMap((name) => text(1, name)), ...text(2, output), ...text(4, op)]);
/** A matrix that goes in (11) or comes out (12). */
const value = (id: number, name: string, dims: readonly number[]): number[] => {
  const shape = dims.flatMap((extent) => field(1, integer(1, extent)));
  return field(id, [...text(1, name), ...field(2, field(1, [...integer(1, FLOAT), ...field(2, shape)]))]);
};

export const MODEL = Uint8Array.from([
  ...integer(1, 8), // the version of the format
  ...field(8, [...text(1, ''), ...integer(2, 17)]), // that of the operators
  ...field(7, [
    ...node('MatMul', ['X', 'W1'], 'A'),
    ...node('Tanh', ['A'], 'H'),
    ...node('MatMul', ['H', 'W2'], 'Z'),
    ...text(2, 'encoder'),
    ...value(11, 'X', [ROWS, INPUTS]),
    ...value(11, 'W1', [INPUTS, HIDDEN]),
    ...value(11, 'W2', [HIDDEN, OUTPUTS]),
    ...value(12, 'H', [ROWS, HIDDEN]),
    ...value(12, 'Z', [ROWS, OUTPUTS]),
  ]),
]);
