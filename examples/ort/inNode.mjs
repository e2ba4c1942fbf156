// What the runtime needs in Node; import it before.
import v8 from 'node:v8';

// V8 optimizes the runtime's largest functions for a minute of two cores' time, and keeps the event loop waiting for it.
v8.setFlagsFromString('--liftoff-only');

// Node's WebGPU takes no views of shared memory, which is what the runtime's WebAssembly writes from: they are copied.
const { writeBuffer } = GPUQueue.prototype;

GPUQueue.prototype.writeBuffer = function (buffer, offset, data, ...range) {
  if (!(data.buffer instanceof SharedArrayBuffer)) return writeBuffer.call(this, buffer, offset, data, ...range);
  const [first = 0, count = data.length - first] = range;
  return writeBuffer.call(this, buffer, offset, new data.constructor(data.subarray(first, first + count)));
};
