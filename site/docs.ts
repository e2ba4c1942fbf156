// The documentation's pages, the files that they link to, and the list of pages beside each.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { escapeHtml } from '../src/report/document.ts';
import { markdownRenderer, pageOf, sourcePageOf } from './markdown.ts';
import { rootFrom, type SitePage } from './shell.ts';

const root = join(import.meta.dirname, '..');
const text = (file: string): string => readFileSync(join(root, file), 'utf8');

interface Group {
  readonly title: string;
  readonly files: readonly string[];
}

const within = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)
    .sort((a, b) => Number(b.endsWith('README.md')) - Number(a.endsWith('README.md')) || a.localeCompare(b));

const groups = (): Group[] => [
  { title: 'Start', files: ['README.md', 'docs/README.md'] },
  { title: 'Guides', files: within('docs').filter((file) => file !== 'docs/README.md') },
  { title: 'Losses', files: within('docs/losses') },
  { title: 'Systems', files: within('docs/methods') },
  { title: 'Decisions', files: within('docs/decisions') },
  { title: 'Project', files: ['CONTRIBUTING.md', 'CHANGELOG.md', 'data/letters/LICENCES.md'] },
];

/** A document's own first heading. */
const titleOf = (file: string): string =>
  /^# (.+)$/m.exec(text(file))?.[1].replaceAll('`', '') ?? basename(file, '.md');

/** The list of all pages, that of `file` marked; on a phone it is folded. */
function contents(list: readonly Group[], file: string | null, from: string): string {
  const up = rootFrom(from);
  const entries = list.map(({ title, files }) => {
    const links = files.map((each) => {
      const here = each === file ? ' aria-current="page"' : '';
      return `<li><a href="${up}${pageOf(each)}"${here}>${escapeHtml(titleOf(each))}</a></li>`;
    });
    return `<h2 id="contents-${title.toLowerCase()}">${title}</h2><ul>${links.join('')}</ul>`;
  });
  return `<nav class="contents" aria-label="Documentation"><details><summary>All pages</summary>${entries.join('\n')}</details>
<script>document.querySelector('.contents details').open = matchMedia('(min-width: 60rem)').matches;</script></nav>`;
}

export interface Documentation {
  readonly pages: readonly SitePage[];
  /** Pictures and tables that pages link to, by their addresses. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** README is the first page; what pages link to comes along. */
export async function documentation(): Promise<Documentation> {
  const list = groups();
  const documents = list.flatMap(({ files }) => files);
  const sources = new Set<string>();
  const files: Record<string, Uint8Array> = {};
  const targetOf = (file: string): string | null => {
    if (documents.includes(file)) return pageOf(file);
    if (documents.includes(`${file}/README.md`)) return pageOf(`${file}/README.md`);
    if (!existsSync(join(root, file))) return null;
    if (statSync(join(root, file)).isDirectory()) return `${pageOf('docs/README.md')}#contents-${basename(file)}`;
    if (/\.(svg|png|csv)$/.test(file)) {
      files[`docs/files/${file}`] = readFileSync(join(root, file));
      return `docs/files/${file}`;
    }
    sources.add(file);
    return sourcePageOf(file);
  };
  const render = await markdownRenderer(targetOf);
  const article = (file: string | null, path: string, html: string): string =>
    `<div class="documents">${contents(list, file, path)}<article class="prose">${html}</article></div>`;
  const pages: SitePage[] = documents.map((file) => {
    const path = pageOf(file);
    return { path, title: `${titleOf(file)} - gramian`, main: article(file, path, render(file, text(file))) };
  });
  for (const file of sources) {
    const path = sourcePageOf(file);
    const html = `<h1>${escapeHtml(file)}</h1><pre tabindex="0"><code>${escapeHtml(text(file))}</code></pre>`;
    pages.push({ path, title: `${file} - gramian`, main: article(null, path, html) });
  }
  return { pages, files };
}
