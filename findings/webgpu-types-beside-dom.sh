#!/usr/bin/env bash
# TypeScript 7.0.2 declares WebGPU in its own `dom` library, and @webgpu/types 0.1.74 does not step aside for it: a project
# with both, which is what guides written for earlier versions say, does not compile. One would guess that equal
# declarations merge, as interfaces do; but type aliases and variables do not.
#
# Seen (Node 20.20.2, 2026-11-30):
#   typescript Version 7.0.2, dom alone: 0 errors; with @webgpu/types: 182; with skipLibCheck too: 0
#       134 error TS2300 (duplicate identifier)
#        30 error TS2403 (a variable of another type)
#        14 error TS2717 (a property of another type)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error typescript@7.0.2 @webgpu/types@0.1.74 >/dev/null
echo 'export const adapter = navigator.gpu.requestAdapter();' > main.ts

errors() { npx tsc --noEmit --strict --target es2022 --module nodenext --lib es2022,dom "$@" main.ts 2>&1 | grep -c 'error TS' || true; }
alone=$(errors --types '')
both=$(errors --types @webgpu/types)
skipping=$(errors --types @webgpu/types --skipLibCheck)
echo "typescript $(npx tsc --version), dom alone: $alone errors; with @webgpu/types: $both; with skipLibCheck too: $skipping"
{ npx tsc --noEmit --strict --target es2022 --module nodenext --lib es2022,dom --types @webgpu/types main.ts || true; } |
  grep -o 'error TS[0-9]*' | sort | uniq -c | sort -rn | sed -n 1,3p
[ "$alone" -eq 0 ] && [ "$both" -gt 0 ] && [ "$skipping" -eq 0 ]
