#!/usr/bin/env bash
# jax.vjp of jax-js 0.1.25 gives each cotangent to the wrong output where an output does not change with the parameters (a
# constant, or behind stopGradient): it drops such outputs from the linearised function, but not their cotangents from the
# list, so that those of all later outputs are read one place too early. Nothing says so. One would expect what JAX does: the
# constant's cotangent is ignored, and the slope of 3 t is 3 below, whatever stands in front of it.
#
# Seen (Node 20.20.2, Linux x64, 2026-11-30), each with cotangent 1 for 3 t and 100 for the other output:
#   [3 t]: 3
#   [3 t, a constant]: 3
#   [a constant, 3 t]: 300
#   [stopGradient(t), 3 t]: 300
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error --ignore-scripts @jax-js/jax@0.1.25 >/dev/null
cat > vjp.mjs <<'JS'
import * as jax from '@jax-js/jax';
const { numpy: np, lax } = jax;
await jax.init('cpu');
jax.defaultDevice('cpu');
const cases = [
  ['[3 t]', [1], (t) => [np.multiply(t, 3)]],
  ['[3 t, a constant]', [1, 100], (t) => [np.multiply(t, 3), np.array(7)]],
  ['[a constant, 3 t]', [100, 1], (t) => [np.array(7), np.multiply(t, 3)]],
  ['[stopGradient(t), 3 t]', [100, 1], (t) => [lax.stopGradient(t.ref), np.multiply(t, 3)]],
];
for (const [said, cotangents, fn] of cases) {
  const [, pull] = jax.vjp(fn, [np.array(2)]);
  const [slope] = pull(cotangents.map((value) => np.array(value)));
  console.log(`${said}: ${(await slope.data())[0]}`);
}
JS
said=$(node vjp.mjs)
echo "$said"
wanted='[3 t]: 3
[3 t, a constant]: 3
[a constant, 3 t]: 300
[stopGradient(t), 3 t]: 300'
[ "$said" = "$wanted" ]
