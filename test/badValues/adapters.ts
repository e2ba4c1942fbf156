import { flag, integer, type Kind, optional, options, word } from './kinds.ts';
import { type Signatures, takes } from './signatures.ts';
import type { World } from './world.ts';

const attaching = (
  name: string,
  host: (device: GPUDevice) => unknown,
  more: Readonly<Record<string, Kind>> = {},
): Signatures => ({
  attach: takes(
    {
      [name]: { good: ({ engine }: World) => host(engine.device), accepts: () => false },
      options: options({
        plans: integer(32, 1, 4096),
        check: flag,
        matmulPrecision: word('highest', 'high', 'medium'),
        families: optional({ good: () => ['f32'], accepts: (value) => Array.isArray(value) && value.length === 0 }),
        tune: word('cached', 'off', 'full'),
        ...more,
      }),
    },
    { op: 'any', heavy: true }, // what is an engine's option, createEngine refuses
  ),
});

// Of each framework as much as is looked at before the options are.
export const JAX = attaching('jax', (device) => ({ getWebGPUDevice: () => device, Array: class {} }));
export const ORT = attaching(
  'ort',
  (device) => ({ Tensor: { fromGpuBuffer: () => {} }, env: { webgpu: { device } } }),
  { device: optional({ good: () => undefined, accepts: () => false }) },
);
export const TFJS = attaching('tf', (device) => ({
  Tensor: class {},
  getBackend: () => 'webgpu',
  ready: async () => {},
  backend: () => ({ device, commandEncoder: null }),
}));
export const TYPEGPU = attaching('root', (device) => ({ device, unwrap: () => {}, createBuffer: () => {} }));
