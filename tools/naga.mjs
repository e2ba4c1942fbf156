// Runs in Deno, whose WebGPU is wgpu with naga, Firefox's compiler:  deno run -A tools/naga.mjs LIST.json
// LIST.json holds [{ name, code }]; prints the adapter's name on a line, then one JSON line for each: { name, ok, message }.
// Exit code 3: no adapter.
//
// wgpu writes SPIR-V and counts bindings and lanes where a pipeline is made, not where a module is. A pipeline also has the
// driver make code, which is slow and says nothing of naga: so the entries are idle.
import { idle } from './idle.mjs';

const list = JSON.parse(await Deno.readTextFile(Deno.args[0]));
const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) Deno.exit(3);
console.log(adapter.info.description);
// The default limits on purpose: a kernel that needs more does not run everywhere.
const device = await adapter.requestDevice();
const WORKGROUP_BYTES = device.limits.maxComputeWorkgroupStorageSize;

for (const { name, code } of list) {
  const message = (await check(name, code)).trim();
  console.log(JSON.stringify({ name, ok: message === '', message }));
}

async function check(name, code) {
  const entries = [...code.replace(/\/\/.*$/gm, '').matchAll(/@compute\b[^{]*?\bfn\s+(\w+)/g)].map((match) => match[1]);
  if (entries.length === 0) return 'no compute entry point';
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: name, code: idle(code) + memoryLimit(code) });
  const wrong = await device.popErrorScope();
  if (wrong) return wrong.message;
  for (const entryPoint of entries) {
    device.pushErrorScope('validation');
    device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } });
    const refused = await device.popErrorScope();
    if (refused) return `${entryPoint}: ${refused.message}`;
  }
  return '';
}

/** The limit that wgpu does not look at: naga evaluates the sizes, each variable begins at a multiple of 16 bytes. */
function memoryLimit(code) {
  const bytes = { f32: 4, i32: 4, u32: 4, vec2f: 8, vec3f: 16, vec4f: 16 }; // in arrays three floats take the room of four
  const sizes = [...code.matchAll(/^var<workgroup>\s+\w+\s*:\s*(.+?);/gm)].map(([, type]) => {
    const [, element, count] = /^array<(\w+), (.+)>$/.exec(type) ?? [null, type, '1'];
    return `(((${count}) * ${bytes[element] ?? `size_of_${element}`} + 15) / 16 * 16)`;
  });
  return sizes.length > 0 ? `\nconst_assert (${sizes.join(' + ')} <= ${WORKGROUP_BYTES});` : '';
}
