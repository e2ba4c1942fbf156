// Gives Node the WebGPU of browsers: frameworks ask navigator.gpu, some as they are imported, so import this before them.
import { create, globals } from 'webgpu';

Object.assign(globalThis, globals);
const navigator = { gpu: create([]), userAgent: 'node', hardwareConcurrency: 2 };
Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
