import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { ImageSet } from '../data/dataset.ts';
import { GramianError } from '../gpu/errors.ts';
import { exists } from './checkpoint.ts';
import { numbered } from './directory.ts';
import { writeWhole } from './files.ts';
import { logLine } from './logLine.ts';
import { writeNpy } from './npy.ts';

/** Where embeddings go: the numbers, and what their rows are of. */
export interface EmbeddingFiles {
  readonly table: string;
  readonly names: string;
}

const HEADER = 'index,file,label';

/** Free names beside the checkpoint: RUN-DATA-PART, RUN-DATA-PART-2 ... */
export async function freeFiles(checkpoint: string, data: string, part: string): Promise<EmbeddingFiles> {
  const directory = dirname(checkpoint);
  const stem = join(directory, `${basename(resolve(directory))}-${basename(resolve(data))}-${part}`);
  for (let n = 1; ; n++) {
    const files = { table: `${numbered(stem, n)}.npy`, names: `${numbered(stem, n)}.csv` };
    if (!(await exists(files.table)) && !(await exists(files.names))) return files;
  }
}

/**
 * The files that were asked for.
 * @throws GramianError where one is there already and is none of ours
 */
export async function givenFiles(table: string): Promise<EmbeddingFiles> {
  if (/\.csv$/i.test(table))
    throw new GramianError(
      `embed: --out ${table}, expected a name that ends in .npy; the table of files and labels is written beside it.`,
    );
  const names = `${table.replace(/\.npy$/, '')}.csv`;
  const [numbers, rows] = [await head(table, 6), await head(names, HEADER.length)];
  if (numbers === null && rows === null) return { table, names };
  // Embeddings of an earlier call make room for those of this one; anything else stays.
  const [foreign] = [
    ...(numbers !== null && numbers !== '\x93NUMPY' ? [table] : []),
    ...(rows !== HEADER ? [rows === null ? table : names] : []),
  ];
  if (foreign !== undefined)
    throw new GramianError(`embed: ${foreign} is there already, expected a new name; give another --out.`);
  logLine(`${table} is written anew`);
  return { table, names };
}

/** The first bytes of a file; null where there is none. */
async function head(path: string, length: number): Promise<string | null> {
  if (!(await exists(path))) return null;
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  return bytes.toString('latin1', 0, length);
}

/** @param set the images of the rows */
export async function writeEmbeddings(
  { table, names }: EmbeddingFiles,
  rows: Float32Array,
  shape: readonly number[],
  { count, files, labels, classes }: ImageSet,
): Promise<void> {
  const lines = Array.from({ length: count }, (_, i) => {
    const label = labels ? (classes?.[labels[i]] ?? String(labels[i])) : '';
    return `${i},${cell(files?.[i] ?? '')},${cell(label)}\n`;
  });
  await writeWhole('embed', table, writeNpy(rows, shape));
  await writeWhole('embed', names, `${HEADER}\n${lines.join('')}`);
}

/** RFC 4180. */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
