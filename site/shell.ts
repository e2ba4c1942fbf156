// What all pages of the site have around them.
import { escapeHtml } from '../src/report/document.ts';

export interface SitePage {
  /** Its address from the site's root: `docs/tuning.html`. */
  readonly path: string;
  readonly title: string;
  /** HTML of the page's main part. */
  readonly main: string;
  /** Its module, from the site's root. */
  readonly script?: string;
}

/** Tiles of a symmetric matrix, of which each is walked over once. */
const MARK = `<svg viewBox="0 0 16 16" width="22" height="22" aria-hidden="true">${[0, 1, 2]
  .flatMap((row) =>
    [0, 1, 2].map(
      (column) =>
        `<rect x="${5.5 * column}" y="${5.5 * row}" width="4.5" height="4.5" rx="1" fill="#5b7cf0" opacity="${column < row ? 0.25 : 1}"/>`,
    ),
  )
  .join('')}</svg>`;

const ICON = `data:image/svg+xml,${encodeURIComponent(MARK.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"'))}`;

const NAVIGATION = [
  ['index.html', 'Playground'],
  ['train.html', 'Training'],
  ['bench.html', 'Benchmark'],
  ['docs/index.html', 'Docs'],
  ['api/index.html', 'API'],
] as const;

/** The way from a page to the site's root: `../` for each folder. */
export const rootFrom = (path: string): string => '../'.repeat(path.split('/').length - 1);

/**
 * A page as HTML.
 * @param has whether the site has a page of that address: the navigation leads nowhere else
 */
export function renderSitePage({ path, title, main, script }: SitePage, has: (path: string) => boolean): string {
  const root = rootFrom(path);
  const links = NAVIGATION.filter(([to]) => has(to)).map(([to, name]) => {
    const here = to === path || (to.startsWith('docs/') && path.startsWith('docs/'));
    return `<a href="${root}${to}"${here ? ' aria-current="page"' : ''}>${name}</a>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="${root}style.css">
${script ? `<script type="module" src="${root}${script}"></script>` : ''}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="bar"><nav aria-label="Site">
<a class="brand" href="${root}index.html">${MARK}gramian</a>
<span class="links">${links.join('\n')}</span>
</nav></header>
<main id="main">
${main}
</main>
<footer class="foot">gramian: MIT licence. Everything on this page is computed in your browser, and nothing is sent anywhere.</footer>
</body>
</html>
`;
}
