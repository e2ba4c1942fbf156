// Models of ONNX as bytes, with no package: the encoder of encoder.ts, and rows of a table as an encoder of text.
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

const [FLOAT, INT64] = [1, 7];
const node = (op: string, inputs: readonly string[], output: string): number[] =>
  field(1, [...inputs.flatMap((name) => text(1, name)), ...text(2, output), ...text(4, op)]);
/** A tensor that goes in (11) or comes out (12); an extent may be a name, for any number. */
const value = (id: number, name: string, dims: readonly (number | string)[], type = FLOAT): number[] => {
  const shape = dims.flatMap((extent) => field(1, typeof extent === 'number' ? integer(1, extent) : text(2, extent)));
  return field(id, [...text(1, name), ...field(2, field(1, [...integer(1, type), ...field(2, shape)]))]);
};
const model = (graph: readonly number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([
    ...integer(1, 8), // the version of the format
    ...field(8, [...text(1, ''), ...integer(2, 17)]), // that of the operators
    ...field(7, graph),
  ]);

/** tanh(X W1) W2, whose weights are inputs. */
export const MODEL = model([
  ...node('MatMul', ['X', 'W1'], 'A'),
  ...node('Tanh', ['A'], 'H'),
  ...node('MatMul', ['H', 'W2'], 'Z'),
  ...text(2, 'encoder'),
  ...value(11, 'X', [ROWS, INPUTS]),
  ...value(11, 'W1', [INPUTS, HIDDEN]),
  ...value(11, 'W2', [HIDDEN, OUTPUTS]),
  ...value(12, 'H', [ROWS, HIDDEN]),
  ...value(12, 'Z', [ROWS, OUTPUTS]),
]);

/** The row of each token of a text: BERT without any layer. */
export function embeddingModel(table: Float32Array<ArrayBuffer>, columns: number): Uint8Array<ArrayBuffer> {
  const rows = table.length / columns;
  const weights = [...integer(1, rows), ...integer(1, columns), ...integer(2, FLOAT), ...text(8, 'table')];
  return model([
    ...node('Gather', ['table', 'input_ids'], 'last_hidden_state'),
    ...text(2, 'embedding'),
    ...field(5, [...weights, ...field(9, [...new Uint8Array(table.buffer)])]),
    ...value(11, 'input_ids', ['texts', 'tokens'], INT64),
    ...value(12, 'last_hidden_state', ['texts', 'tokens', columns]),
  ]);
}
