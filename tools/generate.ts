// Writes src/gpu/kernels.generated.ts: one constant per kernel with its text, the text of the pieces it uses, its bindings by
// name and the layout of its Params. Reflection happens here, so that no parser travels to the browser.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { declared, type KernelPart, type KernelSource, type KernelSwap, type ParamsMember } from '../src/gpu/kernel.ts';
import { chosenParts, linkKernel } from '../src/gpu/link.ts';
import { checkUnroll } from '../src/kernels/checkUnroll.ts';
import { kernelFiles, readTexts, textFor } from './kernelFiles.ts';
import { shortener } from './shorten.ts';

const root = new URL('../', import.meta.url);
const texts = readTexts(root);
const sources = kernelFiles(texts);

export const kernelNames = (): readonly string[] => sources.names;

function reflect(kernel: KernelSource): WgslReflect {
  const linked = linkKernel(kernel, {}, false);
  checkUnroll(linked);
  try {
    return new WgslReflect(linked.code);
  } catch (error) {
    const { message } = error as Error;
    const line = /Line: (\d+)/.exec(message);
    throw new SyntaxError(`${line ? linked.at(Number(line[1])) : kernel.name}: ${message}`);
  }
}

export function readKernel(name: string): KernelSource {
  const parts = sources.partsOf(name);
  const { file } = parts[0];
  const text = parts.map((part) => part.text).join('\n');
  const tunables: Record<string, { value: number; allowed: number[] }> = {};
  for (const [, id, value, allowed] of text.matchAll(/^const (\w+): u32 = (\d+)u?; \/\/ @tune (.+)$/gm))
    tunables[id] = { value: Number(value), allowed: allowed.trim().split(/\s+/).map(Number) };
  const without = new Set([...text.matchAll(/^\/\/ @without (\w+)$/gm)].map(([, by]) => by));
  const swaps = sources.swapsOf(parts).filter(({ by }) => !without.has(by));
  const unlinked: KernelSource = { name, parts, buffers: [], params: { binding: 0, bytes: 0, members: [] }, tunables };
  const reflected = reflect(unlinked);
  const uniform = reflected.uniforms[0];
  const layout = reflected.structs.find((struct) => struct.name === 'Params');
  if (!uniform || !layout || reflected.uniforms.length !== 1)
    throw new Error(`${file}: ${name}: expected one uniform, of type Params.`);
  const members = layout.members.map((member): ParamsMember => {
    const type = member.type.name;
    if (type !== 'u32' && type !== 'i32' && type !== 'f32')
      throw new Error(`${file}: ${name}: Params.${member.name} is ${type}, expected u32, i32 or f32.`);
    return { name: member.name, type, offset: member.offset };
  });
  if (members.length > 64)
    throw new Error(`${file}: ${name}: Params has ${members.length} members, expected at most 64.`);
  for (const [i, needed] of ['first_group', 'end_group'].entries())
    if (members[i]?.name !== needed || members[i].type !== 'u32')
      throw new Error(`${file}: ${name}: Params does not start with first_group: u32, end_group: u32.`);
  return {
    name,
    parts,
    buffers: reflected.storage.map((buffer) => ({
      name: buffer.name,
      binding: buffer.binding,
      access: buffer.access === 'read_write' ? 'read_write' : 'read',
    })),
    params: { binding: uniform.binding, bytes: Math.ceil(layout.size / 16) * 16, members },
    tunables,
    ...(swaps.length > 0 ? { swaps } : {}),
  };
}

/** Whether own kernels may use it. */
const isShipped = (file: string): boolean => file.startsWith('kernels/lib/');

/** What `declared` reads from the text is what WGSL means by it. */
function checkDeclared({ parts, ...kernel }: KernelSource): void {
  const { parts: _, ...read } = declared(kernel.name, parts, kernel.swaps);
  if (!isDeepStrictEqual(read, kernel))
    throw new Error(
      `${kernel.name}: Params is not at binding 0, has gaps between its members, or a buffer is declared in another way, expected none of it.`,
    );
}

/** The name of a piece in the generated file. */
function constant(file: string): string {
  return `part_${file.replace(/^.*\/|\.wgsl$/g, '')}`;
}

/** What all kernels of a template share: text once, on which their own lines follow. Of other files nothing. */
function sharedText(file: string, shortened: (part: KernelPart) => KernelPart): string {
  const text = textFor(texts.get(file) as string, '');
  return text === texts.get(file) ? '' : shortened({ file, text }).text.trimEnd();
}

function swapName({ by, file }: KernelSwap): string {
  return `swap_${by.toLowerCase()}_${constant(file)}`;
}

/** Fragments by an adapter's matrix units alone: what tests have in their place, in plain WGSL, stays in the source tree. */
function onMatrixUnits(kernel: KernelSource): KernelSource {
  const swaps = kernel.swaps?.filter(({ by }) => by !== 'MATRIX');
  return { ...kernel, parts: chosenParts(kernel, { MATRIX: 1 }), swaps };
}

function generate(): string {
  const { shortened, namesIn } = shortener(texts);
  const kernels = kernelNames().map((name) => {
    const kernel = onMatrixUnits(readKernel(name));
    const swaps = kernel.swaps?.map((swap) => ({ ...swap, parts: swap.parts.map(shortened) })) ?? [];
    const written = { ...kernel, parts: kernel.parts.map(shortened), swaps };
    checkDeclared(written);
    return written;
  });
  const pieces = new Map<string, KernelPart>();
  const swapped = new Map<string, KernelSwap>();
  const take = (parts: readonly KernelPart[], swaps: readonly KernelSwap[]): void => {
    for (const part of [...parts, ...swaps.flatMap((swap) => swap.parts)])
      pieces.set(part.file, shortened({ file: part.file, text: texts.get(part.file) as string }));
    for (const swap of swaps) swapped.set(swapName(swap), swap);
  };
  for (const { parts, swaps } of kernels) take(parts.slice(1), swaps);
  const shipped = [...texts].filter(([file]) => isShipped(file)).map(([file, text]) => ({ file, text }));
  take(shipped, sources.swapsOf(shipped));
  const lines = [
    '// Made by tools/generate.ts from kernels/. Do not edit.',
    "import { declared, type KernelPart, type KernelPiece, type KernelSource, type KernelSwap } from './kernel.ts';",
    '',
  ];
  for (const [file, part] of pieces) lines.push(`const ${constant(file)}: KernelPart = ${JSON.stringify(part)};`);
  for (const [name, { by, file, parts }] of swapped) {
    const list = parts.map((part) => constant(part.file)).join(', ');
    lines.push(`const ${name}: KernelSwap = { by: "${by}", file: "${file}", parts: [${list}] };`);
  }
  const shared = new Map(kernels.map(({ parts: [{ file }] }) => [file, sharedText(file, shortened)]));
  for (const [file, text] of shared)
    if (text !== '') lines.push(`const ${constant(file)}: string = ${JSON.stringify(text)};`);
  for (const kernel of kernels) {
    const { name, parts, swaps } = kernel;
    const [{ file, text }, ...others] = parts;
    const before = shared.get(file) as string;
    const after = JSON.stringify(text.slice(before.length));
    // A sum would keep every kernel in every bundle: to a bundler, adding to a name may run code.
    const whole = before === '' ? after : `/* @__PURE__ */ ${constant(file)}.concat(${after})`;
    const list = [`{ file: "${file}", text: ${whole} }`, ...others.map((part) => constant(part.file))];
    const swapping = swaps.length > 0 ? `, [${swaps.map(swapName).join(', ')}]` : '';
    lines.push(
      `export const ${name}: KernelSource = /* @__PURE__ */ declared("${name}", [${list.join(', ')}]${swapping});`,
    );
  }
  const named = shipped.map((part) => {
    const uses = sources.usesOf([part]).map((use) => `'${use}'`);
    const swaps = sources.swapsOf([part]).map(swapName);
    const name = /(\w+)\.wgsl$/.exec(part.file)?.[1];
    return `${name}: { part: ${constant(part.file)}, uses: [${uses.join(', ')}], swaps: [${swaps.join(', ')}] }`;
  });
  lines.push('/** What own kernels may use, by name. */');
  lines.push(`export const pieces: Readonly<Record<string, KernelPiece>> = { ${named.join(', ')} };`);
  const full = namesIn([...pieces.values()].map(({ text }) => text).join('\n'));
  lines.push('/** Full names of the letters in them. */');
  lines.push(
    `export const pieceNames: Readonly<Record<string, string>> = ${JSON.stringify(Object.fromEntries(full))};`,
  );
  // What was measured with other kernels, or chosen by another version, says nothing about these.
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
  const digest = createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 12);
  lines.push(`/** The version of the package, and of its kernels' text. */`);
  lines.push(`export const edition = '${version} ${digest}';`);
  return `${lines.join('\n')}\n`;
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].split('/').at(-1) ?? '?'))
  writeFileSync(new URL('src/gpu/kernels.generated.ts', root), generate());
