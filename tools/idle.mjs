/**
 * WGSL whose entries return at once, under a condition that compilers to SPIR-V do not look into and every driver does: all
 * of it is parsed, validated and written, and next to nothing becomes machine code, which takes SwiftShader most of a
 * second for a tile kernel. Lines keep their numbers.
 */
export function idle(code) {
  return code.replace(/@compute\b[^{]*?\bfn\s+\w+[^{]*\{/g, (head) => `${head} if (true) { return; } `);
}
