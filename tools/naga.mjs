// Runs in Deno, whose WebGPU is wgpu with naga, Firefox's compiler:  deno run -A tools/naga.mjs LIST.json
// LIST.json holds [{ name, code }]; prints one JSON line for each: { name, ok, message }. Exit code 3: no adapter.
const list = JSON.parse(await Deno.readTextFile(Deno.args[0]));
const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) Deno.exit(3);
const features = ['shader-f16', 'timestamp-query'].filter((name) => adapter.features.has(name));
// The default limits on purpose: a kernel that needs more does not run everywhere.
const device = await adapter.requestDevice({ requiredFeatures: features });

for (const { name, code } of list) {
  const message = (await check(name, code)).trim();
  console.log(JSON.stringify({ name, ok: message === '', message }));
}

async function check(name, code) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: name, code });
  const wrong = await device.popErrorScope();
  if (wrong) return wrong.message;
  const entries = [...code.replace(/\/\/.*$/gm, '').matchAll(/@compute\b[^{]*?\bfn\s+(\w+)/g)].map((match) => match[1]);
  if (entries.length === 0) return 'no compute entry point';
  for (const entryPoint of entries) {
    device.pushErrorScope('validation');
    device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } });
    const refused = await device.popErrorScope();
    if (refused) return `${entryPoint}: ${refused.message}`;
  }
  return '';
}
