#!/usr/bin/env bash
# bun-webgpu 0.1.7 refuses every device with `requiredLimits`, even with none in it: it fills in WebGPU's default for each limit
# that is left out, and then compares with the adapter, which reports 0 for the storage buffers and textures of the vertex
# and fragment stages. One would guess that a limit which nobody named is not required, as the specification has it.
# Needs a Vulkan driver (lavapipe does).
#
# Seen (Bun 1.4.5, Linux x64, lavapipe 25.0.7, 2026-11-30):
#   bun 1.4.5, bun-webgpu 0.1.7
#   no limits: a device
#   {}: Value must be between 0 and 0, got 8
#   {"maxBufferSize":268435456}: Value must be between 0 and 0, got 8
#   all four stated as 0: a device
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error --ignore-scripts bun-webgpu@0.1.7 @oven/bun-linux-x64@1.4.5 >/dev/null
cat > ask.mjs <<'JS'
import { setupGlobals } from 'bun-webgpu';
await setupGlobals();
const stages = ['BuffersInVertexStage', 'BuffersInFragmentStage', 'TexturesInVertexStage', 'TexturesInFragmentStage'];
const zeros = Object.fromEntries(stages.map((name) => [`maxStorage${name}`, 0]));
for (const [said, requiredLimits] of [['no limits'], ['{}', {}], ['{"maxBufferSize":268435456}', { maxBufferSize: 2 ** 28 }], ['all four stated as 0', zeros]]) {
  const adapter = await navigator.gpu.requestAdapter();
  const answer = await adapter.requestDevice(requiredLimits && { requiredLimits }).then(() => 'a device', (error) => error.message);
  console.log(`${said}: ${answer}`);
}
process.exit(0);
JS
bun=node_modules/@oven/bun-linux-x64/bin/bun
echo "bun $($bun --version), bun-webgpu $(node -p "require('./node_modules/bun-webgpu/package.json').version")"
said=$($bun ask.mjs 2>/dev/null)
echo "$said"
wanted='no limits: a device
{}: Value must be between 0 and 0, got 8
{"maxBufferSize":268435456}: Value must be between 0 and 0, got 8
all four stated as 0: a device'
[ "$said" = "$wanted" ]
