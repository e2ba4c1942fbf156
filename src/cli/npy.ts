/**
 * A NumPy file (format 1.0) of f32 numbers in row-major order.
 * @param shape its product is `values.length`
 */
export function writeNpy(values: Float32Array, shape: readonly number[]): Uint8Array {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${extents}), }`;
  const length = Math.ceil((10 + head.length + 1) / 64) * 64; // numbers start at a multiple of 64
  const bytes = new Uint8Array(length + 4 * values.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0]);
  view.setUint16(8, length - 10, true);
  bytes.set(new TextEncoder().encode(`${head.padEnd(length - 11)}\n`), 10);
  values.forEach((value, i) => {
    view.setFloat32(length + 4 * i, value, true);
  });
  return bytes;
}
