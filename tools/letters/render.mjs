// Renders the capital letters A-Z of every typeface listed in package.json into MNIST's IDX format, split by typeface.
// Usage: node render.mjs [--out DIR] [--plain] [--sheets DIR]   (README.md beside this file says what each does)
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createCanvas, Path2D } from '@napi-rs/canvas';
import opentype from 'opentype.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: join(HERE, '../../data/letters') },
    plain: { type: 'boolean', default: false },
    sheets: { type: 'string' },
  },
});

const SIZE = 28;
const BOX = 20;
const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
/** Grey levels kept: 16 look the same as 256 at this size and halve the compressed files. */
const LEVELS = 16;
/** Part of the families that is held out, and the word that seeds the choice. */
const TEST_SHARE = 0.175;
const SEED = 'gramian-letters-1';
/** Part of the train typefaces that also give a second style (bold, light or italic); test has regular styles only. */
const EXTRA_SHARE = 0.4;
/** Mean cosine similarity of the 26 undistorted letters from which two typefaces count as the same drawing. */
const SAME_DRAWING = 0.98;

/** SPDX name by what the packages call their licence. Anything else stops the script. */
const LICENCES = {
  'OFL-1.1': 'OFL-1.1',
  'Apache-2.0': 'Apache-2.0',
  'CC0-1.0': 'CC0-1.0',
  'UFL-1.0': 'Ubuntu-font-1.0',
  Unlicense: 'Unlicense',
  MIT: 'MIT',
  mit: 'MIT',
};

/** Looked at on the contact sheets and left out, with the reason. */
const EXCLUDED = {
  'cabin-sketch': 'hatched strokes turn to noise at 28 x 28',
  ephesis: 'hairline script, letters not told apart at 28 x 28',
  ewert: 'ornaments inside and around the strokes',
  'fredericka-the-great': 'hatched strokes turn to noise at 28 x 28',
  'herr-von-muellerhoff': 'hairline script, nearly invisible at 28 x 28',
  'micro-5': 'five-pixel letters, M, N and W not told apart',
  modak: 'counters close up, letters become blobs',
  monofett: 'letters cut out of filled frames',
  monoton: 'parallel lines melt to grey at 28 x 28',
  'monsieur-la-doulaise': 'flourishes hide the letters',
  'mr-de-haviland': 'hairline script, flourishes hide the letters',
  parisienne: 'flourishes shrink the letter itself to a few pixels',
  'pinyon-script': 'hairline script, flourishes hide the letters',
  tangerine: 'hairline script, flourishes hide the letters',
  unifrakturcook: 'blackletter capitals that modern readers mistake for others',
  unifrakturmaguntia: 'blackletter capitals that modern readers mistake for others',
  whisper: 'hairline script, letters not told apart at 28 x 28',
};

/**
 * Packages of one family, which stay on one side of the split: the same name in several cuts, or Latin capitals
 * taken over from, or drawn to match, another family. A package named nowhere here is a family of its own.
 */
const FAMILIES = [
  'alegreya alegreya-sans',
  'arimo cousine tinos',
  'archivo archivo-black archivo-narrow',
  'atkinson-hyperlegible atkinson-hyperlegible-mono',
  'b612 b612-mono',
  'big-shoulders-display big-shoulders-text',
  'carlito lato',
  'caveat caveat-brush',
  'changa changa-one',
  'comic-mono comic-neue comic-relief',
  'amiri aref-ruqaa crimson-pro crimson-text lateef',
  'dm-mono dm-sans poppins',
  'ia-writer-mono ia-writer-quattro ibm-plex-mono ibm-plex-sans ibm-plex-serif',
  'el-messiri philosopher',
  'exo exo-2',
  'fira-mono fira-sans',
  'funnel-display funnel-sans',
  'gentium-plus scheherazade-new',
  'google-sans google-sans-code',
  'inter geist',
  'josefin-sans reem-kufi',
  'libre-caslon-condensed libre-caslon-text',
  'libre-franklin public-sans',
  'lobster lobster-two',
  'merriweather merriweather-sans',
  'monaspace-krypton monaspace-neon',
  'montserrat montserrat-alternates',
  'noto-sans noto-serif open-sans',
  'nunito nunito-sans mulish',
  'overpass overpass-mono',
  'pt-mono pt-sans pt-serif',
  'red-hat-display red-hat-mono red-hat-text',
  'reddit-mono reddit-sans',
  'roboto roboto-mono roboto-serif roboto-slab',
  'rubik rubik-mono-one',
  'saira saira-stencil-one',
  'share-tech share-tech-mono',
  'source-code-pro source-sans-3 source-serif-4 dm-serif-display',
  'space-grotesk space-mono',
  'spline-sans spline-sans-mono',
  'cairo titillium-web',
  'ubuntu ubuntu-mono',
  'varela varela-round',
].map((names) => names.split(' '));

/** A fraction in [0, 1) that depends on the words alone. */
function fraction(...words) {
  const digest = createHash('sha256')
    .update([SEED, ...words].join('/'))
    .digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}

/** A small random number generator (mulberry32) started from words: each image has a stream of its own. */
function generator(...words) {
  let state = Math.floor(fraction(...words) * 2 ** 32);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function styleFile(id, style) {
  return join(HERE, 'node_modules/@fontsource', id, 'files', `${id}-latin-${style}.woff`);
}

/** The outlines of the 26 letters, or the reason why this font has none to use. */
function outlines(file) {
  const bytes = readFileSync(file);
  const font = opentype.parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const notdef = font.glyphs.get(0).getPath(0, 0, 1000).toPathData(2);
  const letters = LETTERS.map((letter) => {
    const glyph = font.charToGlyph(letter);
    const path = glyph.getPath(0, 0, 1000);
    const data = path.toPathData(2);
    const { x1, y1, x2, y2 } = path.getBoundingBox();
    return { usable: glyph.index !== 0 && x2 > x1 && y2 > y1 && data !== notdef, data, box: [x1, y1, x2, y2] };
  });
  const missing = LETTERS.filter((_, i) => !letters[i].usable);
  if (missing.length > 0) return { reason: `no usable outline for ${missing.join('')}` };
  const different = new Set(letters.map((letter) => letter.data)).size;
  if (different < LETTERS.length) return { reason: 'letters share an outline' };
  return { letters };
}

/** How one letter lies in its image. Plain: upright, in the middle, the longer side BOX pixels long. */
const PLAIN = { turn: 0, shear: 0, scale: 1, dx: 0, dy: 0 };
function placement(...words) {
  if (options.plain) return PLAIN;
  const next = generator('placement', ...words);
  const between = (low, high) => low + (high - low) * next();
  return {
    turn: (between(-15, 15) * Math.PI) / 180,
    shear: between(-0.2, 0.2),
    scale: between(0.7, 1.1),
    dx: between(-4, 4),
    dy: between(-4, 4),
  };
}

const canvas = createCanvas(SIZE, SIZE);
const context = canvas.getContext('2d');

/** One letter as SIZE x SIZE bytes, white on black. */
function draw({ data, box: [x1, y1, x2, y2] }, { turn, shear, scale, dx, dy }) {
  const s = (scale * BOX) / Math.max(x2 - x1, y2 - y1);
  // Columns of the 2 x 2 matrix rotation * shear * s.
  const a = s * Math.cos(turn);
  const b = s * Math.sin(turn);
  const c = s * (shear * Math.cos(turn) - Math.sin(turn));
  const d = s * (shear * Math.sin(turn) + Math.cos(turn));
  // The shift gives way where it would push the turned box over the edge.
  const halfWidth = (Math.abs(a) * (x2 - x1) + Math.abs(c) * (y2 - y1)) / 2;
  const halfHeight = (Math.abs(b) * (x2 - x1) + Math.abs(d) * (y2 - y1)) / 2;
  const within = (shift, half) => Math.sign(shift) * Math.min(Math.abs(shift), Math.max(0, SIZE / 2 - half));
  const middleX = (x1 + x2) / 2;
  const middleY = (y1 + y2) / 2;
  const e = SIZE / 2 + within(dx, halfWidth) - a * middleX - c * middleY;
  const f = SIZE / 2 + within(dy, halfHeight) - b * middleX - d * middleY;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = '#000';
  context.fillRect(0, 0, SIZE, SIZE);
  context.setTransform(a, b, c, d, e, f);
  context.fillStyle = '#fff';
  context.fill(new Path2D(data), 'nonzero');
  const rgba = context.getImageData(0, 0, SIZE, SIZE).data;
  const step = 255 / (LEVELS - 1);
  return Uint8Array.from({ length: SIZE * SIZE }, (_, i) => Math.round(Math.round(rgba[4 * i] / step) * step));
}

/** The 26 undistorted letters as unit vectors one after the other, to compare typefaces by. */
function signature(letters) {
  const out = new Float32Array(LETTERS.length * SIZE * SIZE);
  letters.forEach((letter, i) => {
    const image = draw(letter, PLAIN);
    const norm = Math.sqrt(image.reduce((sum, v) => sum + v * v, 0));
    for (let k = 0; k < image.length; k++) out[i * image.length + k] = image[k] / norm;
  });
  return out;
}

function similarity(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum / LETTERS.length;
}

/** Part of a letter's box that is ink: near 1 for every letter means filled blobs or frames. */
function inkShare(letters) {
  const shares = letters.map((letter) => {
    const [x1, y1, x2, y2] = letter.box;
    const s = BOX / Math.max(x2 - x1, y2 - y1);
    return draw(letter, PLAIN).reduce((sum, v) => sum + v, 0) / (255 * s * s * (x2 - x1) * (y2 - y1));
  });
  return shares.reduce((sum, v) => sum + v, 0) / shares.length;
}

const packages = Object.keys(JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8')).dependencies)
  .filter((name) => name.startsWith('@fontsource/'))
  .sort();
const ids = packages.map((name) => name.slice('@fontsource/'.length));
for (const id of [...Object.keys(EXCLUDED), ...FAMILIES.flat()]) {
  if (!ids.includes(id)) throw new Error(`'${id}' is named in render.mjs but not in package.json`);
}

const typefaces = [];
const dropped = [];
for (const id of ids) {
  if (EXCLUDED[id]) {
    dropped.push([id, EXCLUDED[id]]);
    continue;
  }
  const about = JSON.parse(readFileSync(join(HERE, 'node_modules/@fontsource', id, 'package.json'), 'utf8'));
  const { family: name, category } = JSON.parse(
    readFileSync(join(HERE, 'node_modules/@fontsource', id, 'metadata.json'), 'utf8'),
  );
  const licence = LICENCES[about.license];
  if (!licence) throw new Error(`${id}: licence '${about.license}' is not on the list`);
  const { letters, reason } = outlines(styleFile(id, '400-normal'));
  if (!letters) {
    dropped.push([id, reason]);
    continue;
  }
  const ink = inkShare(letters);
  if (ink > 0.85 || ink < 0.04) {
    dropped.push([id, `ink covers ${(100 * ink).toFixed(0)} % of the letters' boxes`]);
    continue;
  }
  const drawing = signature(letters);
  const twin = typefaces.find((other) => similarity(drawing, other.drawing) > SAME_DRAWING);
  if (twin) {
    dropped.push([id, `same capitals as ${twin.id}`]);
    continue;
  }
  const family = FAMILIES.find((names) => names.includes(id))?.[0] ?? id;
  const split = fraction('split', family) < TEST_SHARE ? 'test' : 'train';
  typefaces.push({ id, name, category, version: about.version, licence, family, split, drawing, letters });
}

// One entry for each 26 images, in the order of the images.
const rows = { train: [], test: [] };
for (const { id, split, letters } of typefaces) {
  rows[split].push({ id, style: '400-normal', letters });
  if (split === 'test' || fraction('extra', id) >= EXTRA_SHARE) continue;
  const styles = ['700-normal', '400-italic', '300-normal'].filter((style) => existsSync(styleFile(id, style)));
  const style = styles[Math.floor(fraction('style', id) * styles.length)];
  const extra = style && outlines(styleFile(id, style)).letters;
  if (extra) rows[split].push({ id, style, letters: extra });
}

function idx(dimensions, data) {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header.writeUInt32BE(0x0800 + dimensions.length, 0);
  for (const [i, n] of dimensions.entries()) header.writeUInt32BE(n, 4 + 4 * i);
  const file = gzipSync(Buffer.concat([header, ...data]), { level: 9, memLevel: 9 });
  file[9] = 255; // The system that packed it: 'unknown', so that the file does not tell one from another.
  return file;
}

const out = resolve(options.out);
mkdirSync(out, { recursive: true });
let total = 0;
function save(name, content) {
  writeFileSync(join(out, name), content);
  total += Buffer.byteLength(content);
}

const images = {};
for (const split of ['train', 'test']) {
  images[split] = rows[split].map(({ id, style, letters }) =>
    letters.map((letter, i) => draw(letter, placement(id, style, LETTERS[i]))),
  );
  const count = rows[split].length * LETTERS.length;
  save(`${split}-images-idx3-ubyte.gz`, idx([count, SIZE, SIZE], images[split].flat()));
  save(
    `${split}-labels-idx1-ubyte.gz`,
    idx([count], [Uint8Array.from({ length: count }, (_, i) => i % LETTERS.length)]),
  );
}

const listing = (split) =>
  rows[split].map(({ id, style }) => {
    const { name, family, category } = typefaces.find((typeface) => typeface.id === id);
    return `    ${JSON.stringify({ name, package: `@fontsource/${id}`, style, family, category })}`;
  });
save(
  'typefaces.json',
  `{\n${['train', 'test'].map((split) => `  "${split}": [\n${listing(split).join(',\n')}\n  ]`).join(',\n')}\n}\n`,
);

const byLicence = {};
for (const { licence } of typefaces) byLicence[licence] = (byLicence[licence] ?? 0) + 1;
save(
  'LICENCES.md',
  `# Typefaces and their licences

The images in this folder are pictures of letters from the ${typefaces.length} typefaces below; no font file is part of
the project. \`tools/letters/render.mjs\` made them, and this list, from the npm packages named here. The licences bind
the fonts, not what is written with them (OFL 1.1, condition 5: "does not apply to any document created using the Font
Software").

Licences (SPDX): ${Object.entries(byLicence)
    .sort((a, b) => b[1] - a[1])
    .map(([licence, n]) => `${licence} (${n})`)
    .join(', ')}.

| typeface | npm package | version | licence | split |
| --- | --- | --- | --- | --- |
${typefaces.map((t) => `| ${t.name} | @fontsource/${t.id} | ${t.version} | ${t.licence} | ${t.split} |`).join('\n')}
`,
);

if (options.sheets) {
  mkdirSync(options.sheets, { recursive: true });
  const perSheet = 40;
  const labelWidth = 190;
  for (const split of ['train', 'test']) {
    for (let first = 0; first < rows[split].length; first += perSheet) {
      const part = rows[split].slice(first, first + perSheet);
      const sheet = createCanvas(labelWidth + LETTERS.length * (SIZE + 1), part.length * (SIZE + 1));
      const pen = sheet.getContext('2d');
      pen.fillStyle = '#444';
      pen.fillRect(0, 0, sheet.width, sheet.height);
      pen.fillStyle = '#fff';
      pen.font = '13px sans-serif';
      part.forEach(({ id, style }, row) => {
        pen.fillText(`${id} ${style}`, 4, row * (SIZE + 1) + 18, labelWidth - 8);
        images[split][first + row].forEach((image, column) => {
          const picture = pen.createImageData(SIZE, SIZE);
          for (let k = 0; k < image.length; k++) picture.data.set([image[k], image[k], image[k], 255], 4 * k);
          pen.putImageData(picture, labelWidth + column * (SIZE + 1), row * (SIZE + 1));
        });
      });
      const number = String(first / perSheet).padStart(2, '0');
      writeFileSync(join(options.sheets, `${split}-${number}.png`), sheet.toBuffer('image/png'));
    }
  }
}

for (const [id, reason] of dropped) console.log(`left out ${id}: ${reason}`);
for (const split of ['train', 'test']) {
  const own = typefaces.filter((typeface) => typeface.split === split);
  const families = new Set(own.map((typeface) => typeface.family)).size;
  const count = rows[split].length * LETTERS.length;
  console.log(`${split}: ${count} images, ${own.length} typefaces of ${families} families`);
}
console.log(`${total} bytes in ${out}`);
