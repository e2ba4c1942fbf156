// What the adapter offers, with Dawn's switches for f16 and subgroup matrices on: features, the limits that shape tiles,
// and the shapes of its subgroup matrices.
process.env.GRAMIAN_DAWN_TOGGLES ??= 'allow_unsafe_apis,vulkan_enable_f16_on_nvidia,use_vulkan_memory_model';
const { createEngine } = await import('../dist/index.js');
const engine = await createEngine();
const { adapterInfo, features, limits } = engine.device;
const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = adapterInfo;
console.log(JSON.stringify({ vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize }));
console.log(`on the engine's device: ${[...features].join(' ')}`);
const { gpu } = await globalThis[Symbol.for('gramian.webgpu')];
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
console.log(`on the adapter: ${[...adapter.features].join(' ')}`);
for (const { componentType, resultComponentType, M, N, K } of adapter.info.subgroupMatrixConfigs ?? [])
  console.log(`subgroup matrix ${M} x ${N} x ${K}: ${componentType} -> ${resultComponentType}`);
for (const name of [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxStorageBuffersPerShaderStage',
  'maxImmediateSize',
])
  console.log(`${name} ${limits[name]}, adapter ${adapter.limits[name]}`);
engine.destroy();
process.exit(0);
