// The encoder of encoder.ts for frameworks without autodiff: its layers and their gradients by hand, as a user's own kernel.
import { HIDDEN, INPUTS, OUTPUTS, ROWS } from './encoder.ts';

/** to = a b, of entries that lie where the strides say; then tanh, or the slope of tanh, or a step downhill. */
const WGSL = `
struct Params { m: u32, n: u32, k: u32, a_row: u32, a_column: u32, b_row: u32, b_column: u32, then: u32, rate: f32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> to: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let at = id.x;
  if (at >= p.m * p.n) { return; }
  var sum = 0.0;
  for (var t = 0u; t < p.k; t++) {
    sum += a[at / p.n * p.a_row + t * p.a_column] * b[t * p.b_row + at % p.n * p.b_column];
  }
  switch (p.then) {
    case 1u: { to[at] = tanh(sum); }
    case 2u: { to[at] = sum * (1.0 - h[at] * h[at]); }
    case 3u: { to[at] -= p.rate * sum; }
    default: { to[at] = sum; }
  }
}`;
const THEN = { nothing: 0, tanh: 1, slope: 2, step: 3 } as const;

export interface Layers {
  /** z = tanh(x w1) w2, keeping the hidden layer. */
  encode(x: GPUBuffer, w1: GPUBuffer, w2: GPUBuffer, hidden: GPUBuffer, z: GPUBuffer): void;
  /** w -= rate dL/dw, of the views' inputs, hidden layers and dL/dz. */
  descend(
    views: readonly { x: GPUBuffer; hidden: GPUBuffer; dz: GPUBuffer }[],
    w1: GPUBuffer,
    w2: GPUBuffer,
    rate: number,
  ): void;
}

export function layersOn(device: GPUDevice): Layers {
  const module = device.createShaderModule({ code: WGSL });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const scratch = (size: number): GPUBuffer => device.createBuffer({ size, usage: 0x80 | 4 | 8 });
  const nothing = scratch(16);
  const slopes = [0, 1].map(() => scratch(4 * ROWS * HIDDEN));
  const params = new Map<string, GPUBuffer>();

  /** A matrix as [buffer, stride of rows, stride of columns]. */
  type Strided = readonly [GPUBuffer, number, number];
  const product = (
    [m, n, k]: readonly [number, number, number],
    a: Strided,
    b: Strided,
    to: GPUBuffer,
    then: keyof typeof THEN,
    { h = nothing, rate = 0 } = {},
  ): void => {
    const words = Uint32Array.of(
      m,
      n,
      k,
      a[1],
      a[2],
      b[1],
      b[2],
      THEN[then],
      ...new Uint32Array(Float32Array.of(rate).buffer),
      0,
      0,
      0,
    );
    let uniform = params.get(words.join());
    if (!uniform) {
      uniform = device.createBuffer({ size: words.byteLength, usage: 0x40 | 8 });
      device.queue.writeBuffer(uniform, 0, words);
      params.set(words.join(), uniform);
    }
    const buffers = [a[0], b[0], to, h, uniform];
    const layout = pipeline.getBindGroupLayout(0);
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
    pass.dispatchWorkgroups(Math.ceil((m * n) / 64));
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
  return {
    encode(x, w1, w2, hidden, z) {
      product([ROWS, HIDDEN, INPUTS], [x, INPUTS, 1], [w1, HIDDEN, 1], hidden, 'tanh');
      product([ROWS, OUTPUTS, HIDDEN], [hidden, HIDDEN, 1], [w2, OUTPUTS, 1], z, 'nothing');
    },
    descend(views, w1, w2, rate) {
      for (const [v, { hidden, dz }] of views.entries())
        product([ROWS, HIDDEN, OUTPUTS], [dz, OUTPUTS, 1], [w2, 1, OUTPUTS], slopes[v], 'slope', { h: hidden });
      for (const [v, { x, hidden, dz }] of views.entries()) {
        product([INPUTS, HIDDEN, ROWS], [x, 1, INPUTS], [slopes[v], HIDDEN, 1], w1, 'step', { rate });
        product([HIDDEN, OUTPUTS, ROWS], [hidden, 1, HIDDEN], [dz, OUTPUTS, 1], w2, 'step', { rate });
      }
    },
  };
}
