import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCarrier } from '../../src/gpu/embedded.node.ts';
import { type Chromium, launchChromium } from './chromium.ts';

const TRIPLE = `export default async function (value) {
  const device = await (await navigator.gpu.requestAdapter()).requestDevice();
  const code = \`@group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(1) fn main() { x[0] *= 3.0; }\`;
  const compute = { module: device.createShaderModule({ code }) };
  const pipeline = device.createComputePipeline({ layout: 'auto', compute });
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: 4, usage: STORAGE | COPY_SRC | COPY_DST });
  const staging = device.createBuffer({ size: 4, usage: COPY_DST | MAP_READ });
  device.queue.writeBuffer(buffer, 0, new Float32Array([value]));
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [{ binding: 0, resource: { buffer } }];
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, 4);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  console.log('computed');
  return { answer: new Float32Array(staging.getMappedRange())[0], secure: isSecureContext };
}`;

let chromium: Chromium;
const here = findCarrier() !== null;
beforeAll(async () => {
  if (here) chromium = await launchChromium();
}, 180_000);
afterAll(() => chromium?.close());

test.skipIf(!here)('Chromium runs a compute shader and hands back its number', async () => {
  const lines: string[] = [];
  const options = {
    files: { '/triple.js': TRIPLE },
    path: '/triple.js',
    onConsole: (line: string) => lines.push(line),
  };
  expect(await chromium.run(options, 14)).toEqual({ answer: 42, secure: true });
  expect(lines).toEqual(['log: computed']);
});

test.skipIf(!here)('what a page throws, and a page that hangs, end the call', async () => {
  const files = {
    '/throws.js': 'export default () => { throw new TypeError("not this") }',
    '/hangs.js': 'export default () => { for (;;); }',
  };
  await expect(chromium.run({ files, path: '/throws.js' })).rejects.toThrow('not this');
  await expect(chromium.run({ files, path: '/hangs.js', timeout: 300 })).rejects.toThrow('took longer than 300 ms');
});
