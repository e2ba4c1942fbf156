// Documents of the repository as pages: their Markdown, and where their links lead on the site.
import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import { escapeHtml } from '../src/report/document.ts';
import { need } from '../tools/needs.mjs';
import { rootFrom } from './shell.ts';

/** The part of `marked` that is used. */
interface Marked {
  use(extension: object): void;
  parse(text: string): string;
}
interface Rendering {
  readonly parser: { parseInline(tokens: readonly unknown[]): string };
}
interface Heading {
  readonly tokens: readonly unknown[];
  readonly depth: number;
  readonly text: string;
}

/** Names in a repository that are pages of the site: `docs/methods/README.md` is `docs/methods/index.html`. */
export function pageOf(file: string): string {
  if (file === 'README.md') return 'docs/index.html';
  if (file === 'docs/README.md') return 'docs/contents.html';
  const inDocs = file.startsWith('docs/') ? file : `docs/${file}`;
  return inDocs.replace(/README\.md$/, 'index.html').replace(/\.md$/, '.html');
}

/** The page of a file that is shown as it is: a kernel, an example, a licence. */
export const sourcePageOf = (file: string): string => `docs/files/${file}.html`;

/** As GitHub makes them, so that `#links` of the documents hold: lower case, dashes, no punctuation. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/<[^>]*>/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

/**
 * A function that renders documents.
 * @param targetOf the site's address of a file or folder of the repository; null where the site has none
 */
export async function markdownRenderer(
  targetOf: (file: string) => string | null,
): Promise<(file: string, text: string) => string> {
  const path = (await need('site')).resolve('marked');
  const { Marked: Maker } = (await import(pathToFileURL(path).href)) as { Marked: new () => Marked };
  return (file, text) => {
    const root = rootFrom(pageOf(file));
    const address = (href: string): string => {
      if (/^[a-z]+:|^#/.test(href)) return href;
      const [to, anchor] = href.split('#');
      const target = targetOf(posix.join(posix.dirname(file), to).replace(/\/$/, ''));
      if (target === null) throw new Error(`site: ${file} links to ${to}, which is no file of the repository.`);
      return root + target + (anchor === undefined ? '' : `#${anchor}`);
    };
    const marked = new Maker();
    marked.use({
      renderer: {
        heading(this: Rendering, { tokens, depth, text: title }: Heading) {
          return `<h${depth} id="${escapeHtml(anchorOf(title))}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
        },
      },
      walkTokens(token: { type: string; href: string }) {
        if (token.type === 'link' || token.type === 'image') token.href = address(token.href);
      },
      hooks: {
        // Tables and programs are wider than a phone: they scroll by themselves.
        postprocess: (html: string) =>
          html
            .replaceAll('<table>', '<div class="scroll" tabindex="0"><table>')
            .replaceAll('</table>', '</table></div>')
            .replaceAll('<pre>', '<pre tabindex="0">'),
      },
    });
    return marked.parse(text);
  };
}
