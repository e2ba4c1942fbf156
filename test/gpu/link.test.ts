import { describe, expect, test } from 'vitest';
import { type KernelPart, type KernelSource, type Params, packParams } from '../../src/gpu/kernel.ts';
import * as generated from '../../src/gpu/kernels.generated.ts';
import { chosenParts, linkKernel } from '../../src/gpu/link.ts';
import { checkUnroll } from '../../src/kernels/checkUnroll.ts';
import { kernelNames, readKernel } from '../../tools/generate.ts';
import { kernelFiles, readTexts } from '../../tools/kernelFiles.ts';
import { shortener } from '../../tools/shorten.ts';

function kernelOf(...texts: string[]): KernelSource {
  const fileOf = (i: number): string => (i === 0 ? 'kernels/k.wgsl' : `kernels/lib/p${i}.wgsl`);
  const parts = texts.map((text, i): KernelPart => ({ file: fileOf(i), text }));
  return { name: 'k', parts, buffers: [], params: { binding: 0, bytes: 0, members: [] }, tunables: {} };
}

const packed = (code: string): string => code.replace(/\s+/g, ' ').trim();

describe('@use', () => {
  test.each(kernelNames())('%s: each piece once', (name) => {
    const files = readKernel(name).parts.map((part) => part.file);
    expect(new Set(files).size).toBe(files.length);
  });

  test('a piece that two others use comes once', () => {
    const files = readKernel('matmul').parts.map((part) => part.file);
    expect(files.filter((file) => file === 'kernels/lib/tile_shape.wgsl')).toHaveLength(1);
    expect(files).toContain('kernels/lib/store_product.wgsl');
  });

  test('a piece comes after all that use it, however they are listed', () => {
    const files = readKernel('conv2d').parts.map((part) => part.file);
    const shape = files.indexOf('kernels/lib/tile_shape.wgsl');
    for (const user of ['broadcast_left', 'tile_left', 'tile_outer'])
      expect(files.indexOf(`kernels/lib/${user}.wgsl`)).toBeLessThan(shape);
  });
});

test('what travels is what the files say, in letters', () => {
  const texts = readTexts(new URL('../../', import.meta.url));
  const { namesIn } = shortener(texts);
  const tokens = (code: string) => code.replace(/\/\/.*$/gm, '').match(/\w+|\S/g);
  for (const name of kernelNames()) {
    const { parts, swaps = [] } = (generated as unknown as Record<string, KernelSource>)[name];
    const source = readKernel(name);
    const wanted = new Map(chosenParts(source, { MATRIX: 1 }).map(({ file, text }) => [file, text]));
    expect(parts.map(({ file }) => file)).toEqual([...wanted.keys()]);
    for (const { file, text } of [...parts, ...swaps.flatMap((swap) => swap.parts)]) {
      const names = new Map(namesIn(text));
      const read = text.replace(/[A-Za-z_]\w*/g, (word) => names.get(word) ?? word);
      expect(tokens(read), `${name}: ${file}`).toEqual(tokens(wanted.get(file) ?? (texts.get(file) as string)));
    }
  }
});

describe('@kernel', () => {
  const TEMPLATE = '// all share this\n// @use grid\nfn main() {}\n\n';
  const GRID = { 'kernels/lib/grid.wgsl': 'fn grid() {}' };
  const filesOf = (texts: Record<string, string>) => kernelFiles(new Map(Object.entries(texts)));

  test('makes a kernel of the template, its own lines and its pieces; other lines are blank, and keep their numbers', () => {
    const template = `${TEMPLATE}// @kernel one plus\n\n// @kernel two minus\nfn own() {}\n// @kernel three`;
    const [plus, minus] = ['fn plus() {}', '// @use grid plus\nfn minus() {}'];
    const files = filesOf({
      ...GRID,
      'kernels/a/t.wgsl': template,
      'kernels/plus.wgsl': plus,
      'kernels/minus.wgsl': minus,
    });
    expect(files.names).toEqual(['one', 'three', 'two']);
    expect(files.partsOf('one').map(({ file }) => file)).toEqual([
      'kernels/a/t.wgsl',
      'kernels/lib/grid.wgsl',
      'kernels/plus.wgsl',
    ]);
    const [own, ...pieces] = files.partsOf('two');
    expect(own.text).toBe(`${TEMPLATE}\n\n\nfn own() {}`);
    expect(pieces.map(({ text }) => text)).toEqual([minus, GRID['kernels/lib/grid.wgsl'], plus]); // after what uses them
    expect(files.partsOf('three')[0].text).toBe(TEMPLATE.trimEnd());
  });

  test('a file that no other uses makes the kernel of its name, and what is swapped in is a piece', () => {
    const files = filesOf({
      'kernels/a.wgsl': '// @use b\nfn main() {}',
      'kernels/b.wgsl': '// @swap F16 b_f16\nfn b() {}',
      'kernels/b_f16.wgsl': 'fn b() {}',
    });
    expect(files.names).toEqual(['a']);
    expect(files.swapsOf(files.partsOf('a'))).toEqual([
      { by: 'F16', file: 'kernels/b.wgsl', parts: [{ file: 'kernels/b_f16.wgsl', text: 'fn b() {}' }] },
    ]);
  });

  const MAIN = 'fn main() {}';
  test.each<[string, Record<string, string>, string]>([
    [
      'an unknown piece',
      { 'kernels/t.wgsl': `${MAIN}\n// @kernel k gird` },
      'kernels/t.wgsl:2: no file of kernels/ is named gird.',
    ],
    [
      'an unknown piece of @use',
      { 'kernels/t.wgsl': `// @use gird\n${MAIN}` },
      'kernels/t.wgsl:1: no file of kernels/ is named gird.',
    ],
    [
      'an unknown piece of @swap',
      { 'kernels/t.wgsl': `// @swap F16 gird\n${MAIN}` },
      'kernels/t.wgsl:1: no file of kernels/ is named gird.',
    ],
    [
      'a name twice in a template',
      { 'kernels/t.wgsl': `${MAIN}\n// @kernel k\n// @kernel k` },
      'kernels/t.wgsl:3: the kernel k is made in kernels/t.wgsl:2 already.',
    ],
    [
      'a name that a file has',
      { 'kernels/k.wgsl': MAIN, 'kernels/t.wgsl': `${MAIN}\n// @kernel k` },
      'kernels/k.wgsl:1: the kernel k is made in kernels/t.wgsl:2 already.',
    ],
    [
      'no name',
      { 'kernels/t.wgsl': `${MAIN}\n// @kernel` },
      'kernels/t.wgsl:2: @kernel without a name, expected // @kernel NAME PIECE PIECE.',
    ],
    [
      'what is no name',
      { 'kernels/t.wgsl': `${MAIN}\n// @kernel 2d` },
      'kernels/t.wgsl:2: @kernel 2d, expected // @kernel NAME PIECE PIECE.',
    ],
    [
      'two files of one name',
      { 'kernels/a/t.wgsl': MAIN, 'kernels/b/t.wgsl': MAIN },
      'kernels/b/t.wgsl: kernels/a/t.wgsl has that name, too, and pieces are named without their folder.',
    ],
    [
      'a template as a piece',
      { 'kernels/k.wgsl': `// @use t\n${MAIN}`, 'kernels/t.wgsl': '// @kernel l' },
      'kernels/t.wgsl: makes kernels of its own, and other files use it as a piece.',
    ],
    [
      'a piece that nobody uses',
      { 'kernels/k.wgsl': MAIN, 'kernels/p.wgsl': 'fn p() {}' },
      'kernels/p.wgsl: is no kernel, as it has no main, and no piece, as no file uses it.',
    ],
  ])('refuses %s', (_, texts, sentence) => {
    expect(() => filesOf(texts)).toThrow(new SyntaxError(sentence));
  });

  test('refuses a kernel that nobody makes', () => {
    expect(() => filesOf({}).partsOf('k')).toThrow(new RangeError('kernels: no kernel is named k.'));
  });
});

describe('@tune', () => {
  const kernel = kernelOf('const WG: u32 = 64; // @tune 32 64 128\nconst N: u32 = WG;');

  test('puts in a listed value, and leaves the default', () => {
    expect(linkKernel(kernel).code).toContain('const WG: u32 = 64;');
    expect(linkKernel(kernel, { WG: 128 }).code).toBe('const WG: u32 = 128; // @tune 32 64 128\nconst N: u32 = WG;');
  });

  let said = 0;
  const fickle = { toString: () => (said++ === 0 ? '64' : '64; } fn evil() {') };
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['a value not listed', { WG: 65 }, /^k: WG = 65, expected one of 32 64 128\.$/],
    ['part of a listed value', { WG: 3 }, /expected one of/],
    ['not a number', { WG: Number.NaN }, /expected one of/],
    ['text', { WG: '64; } fn evil() {' }, /expected one of/],
    ['a listed value as text', { WG: '64' }, /expected one of/],
    ['an object that changes its mind', { WG: fickle }, /expected one of/],
    ['an unknown name', { WF: 64 }, /^k: no tunable is named WF\.$/],
    ['a constant that is not tunable', { N: 64 }, /no tunable is named N/],
    ['nothing', { WG: undefined }, /expected one of/],
  ])('refuses %s', (_, tuning, sentence) => {
    expect(() => linkKernel(kernel, tuning as Record<string, number>)).toThrow(sentence);
  });
});

describe('@unroll', () => {
  const loop = (head: string, ...body: string[]): string => ['// @unroll', head, ...body, '}'].join('\n');
  const table: [string, string, string][] = [
    ['repeats', loop('for (var i = 0u; i < 2; i++) {', 'a[i] = i;'), '{ a[0u] = 0u; } { a[1u] = 1u; }'],
    ['no turn', loop('for (var i = 0u; i < 0u; i++) {', 'a[i] = i;'), ''],
    [
      'nested',
      loop('for (var i = 0u; i < 2; i++) {', loop('for (var j = 0u; j < i + 1u; j++) {', 'c[i * 2u + j] = f;')),
      '{ { c[0u * 2u + 0u] = f; } } { { c[1u * 2u + 0u] = f; } { c[1u * 2u + 1u] = f; } }',
    ],
    [
      'a bound of constants',
      `const B: u32 = A * (2 + 1u) / 4;\nconst A: u32 = 4u;\n${loop('for (var i = 0u; i < B - 1u; i++) {', 'x = i;')}`,
      'const B: u32 = A * (2 + 1u) / 4; const A: u32 = 4u; { x = 0u; } { x = 1u; }',
    ],
    [
      'only the counter itself',
      loop('for (var x = 0u; x < 1; x++) {', 'v.x = xx + ax + x_1 + x; f(x);'),
      '{ v.x = xx + ax + x_1 + 0u; f(0u); }',
    ],
    [
      'braces inside, and in comments',
      loop('for (var i = 0u; i < 1; i++) {', 'if (q) { // }', 'b = i;', '} else {', 'b = 2u;', '}'),
      '{ if (q) { // } b = 0u; } else { b = 2u; } }',
    ],
    [
      'a tuned bound',
      `const T: u32 = 1; // @tune 1 2\n${loop('for (var i = 0u; i < T; i++) {', 'x = i;')}`,
      'const T: u32 = 2; // @tune 1 2 { x = 0u; } { x = 1u; }',
    ],
  ];
  test.each(table)('%s', (name, text, wanted) => {
    expect(packed(linkKernel(kernelOf(text), name === 'a tuned bound' ? { T: 2 } : {}).code)).toBe(wanted);
  });

  test('with a name: where that constant is not 0, and inside of what is repeated', () => {
    const inner = '// @unroll Q\nfor (var j = 0u; j < 1; j++) {\nx = j;\n}';
    const text = (q: number): string => `const Q: u32 = ${q};\n${loop('for (var i = 0u; i < 1; i++) {', inner)}`;
    const codeOf = (q: number): string => packed(linkKernel(kernelOf(text(q))).code);
    expect(codeOf(1)).toBe('const Q: u32 = 1; { { x = 0u; } }');
    expect(codeOf(0)).toBe('const Q: u32 = 0; { // @unroll Q for (var j = 0u; j < 1; j++) { x = j; } }');
  });

  test('leaves everything alone when told to', () => {
    const text = loop('for (var i = 0u; i < 2; i++) {', 'a[i] = i;');
    expect(linkKernel(kernelOf(text), {}, false).code).toBe(text);
  });

  const plain = 'for (var i = 0u; i < 2; i++) {';
  test.each<[string, string, RegExp]>([
    ['break', loop(plain, 'if (q) { break; }'), /^kernels\/k\.wgsl:2: an @unroll loop has a break or continue\.$/],
    ['continue', loop(plain, 'continue;'), /has a break or continue/],
    ['a counter declared again', loop(plain, 'let i = 3u;'), /declares "i" again/],
    ['the same counter in a loop inside', loop(plain, loop(plain, 'x = i;')), /declares "i" again/],
    ['a bound from memory', loop('for (var i = 0u; i < p.rows; i++) {', 'x = i;'), /constant bound, got "p\.rows"/],
    ['a bound that nobody declares', loop('for (var i = 0u; i < N; i++) {', 'x = i;'), /constant bound, got "N"/],
    ['another step', loop('for (var i = 0u; i < 4; i += 2u) {', 'x = i;'), /stands above no "for/],
    ['another start', loop('for (var i = 1u; i < 4; i++) {', 'x = i;'), /stands above no "for/],
    ['no loop', '// @unroll\nlet a = 1;', /stands above no "for/],
    ['no loop at the end of the file', 'let a = 1;\n// @unroll', /stands above no "for/],
    ['a constant that is nowhere', `// @unroll Q\n${plain}\n}`, /:2: @unroll names no constant "Q"/],
    ['an open loop', `// @unroll\n${plain}\nx = i;`, /never closed/],
    ['code on the closing line', `// @unroll\n${plain}\nx = i; }`, /ends with "x = i; }", expected "}" alone/],
    ['code after the closing brace', `// @unroll\n${plain}\nx = i;\n} y = 1;`, /expected "}" alone/],
  ])('refuses %s', (_, text, sentence) => {
    expect(() => checkUnroll(linkKernel(kernelOf(text), {}, false))).toThrow(sentence);
  });
});

describe('the line map', () => {
  test('follows copies into the piece that they come from', () => {
    const piece = 'fn f() {\n  // @unroll\n  for (var i = 0u; i < 2; i++) {\n    bad(i);\n  }\n}';
    const linked = linkKernel(kernelOf('// @use p1\nfn main() {}', piece));
    const lines = linked.code.split('\n');
    const at = lines.flatMap((line, i) => (line.includes('bad') ? [linked.at(i + 1)] : []));
    expect(at).toEqual(['kernels/lib/p1.wgsl:4', 'kernels/lib/p1.wgsl:4']);
    expect(linked.at(2)).toBe('kernels/k.wgsl:2');
    expect(linked.at(lines.length)).toBe('kernels/lib/p1.wgsl:6');
    expect(linked.at(9999)).toBe('k, line 9999');
  });

  test.each(kernelNames())('%s: every line is where the map says', (name) => {
    const kernel = readKernel(name);
    const linked = linkKernel(kernel, {}, false);
    const texts = new Map(kernel.parts.map((part) => [part.file, part.text.split('\n')]));
    linked.code.split('\n').forEach((line, i) => {
      const [file, number] = linked.at(i + 1).split(':');
      expect(texts.get(file)?.[Number(number) - 1]).toBe(line);
    });
  });
});

describe('packParams', () => {
  const kernel: KernelSource = {
    ...kernelOf(''),
    params: {
      binding: 0,
      bytes: 16,
      members: [
        { name: 'a', type: 'u32', offset: 0 },
        { name: 'b', type: 'i32', offset: 4 },
        { name: 'c', type: 'f32', offset: 12 },
      ],
    },
  };
  const pack = (values: Record<string, unknown>): DataView => {
    const view = new DataView(new ArrayBuffer(32));
    packParams(kernel, values as Params, view, 16);
    return view;
  };

  test('writes each member at its offset and type', () => {
    const view = pack({ c: 0.5, a: 2 ** 32 - 1, b: -(2 ** 31) });
    expect(view.getUint32(16, true)).toBe(2 ** 32 - 1);
    expect(view.getInt32(20, true)).toBe(-(2 ** 31));
    expect(view.getFloat32(28, true)).toBe(0.5);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['missing', { a: 1, b: 1 }, /^k: parameter "c" is missing\.$/],
    ['unknown', { a: 1, b: 1, c: 1, d: 1 }, /^k: no parameter is named "d"; it has a, b, c\.$/],
    ['a NaN integer', { a: Number.NaN, b: 1, c: 1 }, /^k: parameter a = NaN, expected a u32\.$/],
    ['a fraction', { a: 1.5, b: 1, c: 1 }, /a = 1\.5, expected a u32/],
    ['negative', { a: -1, b: 1, c: 1 }, /a = -1, expected a u32/],
    ['past u32', { a: 2 ** 32, b: 1, c: 1 }, /expected a u32/],
    ['past i32', { a: 1, b: 2 ** 31, c: 1 }, /b = 2147483648, expected a i32/],
    ['text', { a: '1', b: 1, c: 1 }, /expected a u32/],
  ])('refuses %s', (_, values, sentence) => {
    expect(() => pack(values)).toThrow(sentence);
  });

  test('every launch fills in the range of groups', () => {
    expect(generated.matmul.params.members.slice(0, 2).map((member) => member.name)).toEqual([
      'first_group',
      'end_group',
    ]);
  });
});
