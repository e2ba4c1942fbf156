import { STYLE } from './style.ts';

// The page may draw and nothing else: no address is allowed, so that a report can be mailed and opened anywhere.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
// One that imports may load what lies beside it besides.
const IMPORTING = POLICY.replace('script-src', "connect-src 'self'; script-src 'self'");

export interface HtmlPage {
  readonly title: string;
  /** HTML of the page's main part. */
  readonly main: string;
  /** What the script reads from the element `report-data`. */
  readonly data: unknown;
  /** A classic script (esbuild: `bundle`, `format: 'iife'`). */
  readonly script: string;
  /** Modules that lie beside the page, by the names that imports have for them; without, it loads nothing. */
  readonly imports?: Readonly<Record<string, string>>;
}

/** One HTML file with its numbers, style and script inside; it never uses the network, but for `imports`. */
export function htmlPage({ title, main, data, script, imports }: HtmlPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${imports ? IMPORTING : POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${main}
<footer>Made by gramian. This file holds all it shows and loads nothing${imports ? ', but for work of yours' : ''}.</footer>
</main>${imports ? `\n<script type="importmap">${escapeJson(JSON.stringify({ imports }))}</script>` : ''}
<script type="application/json" id="report-data">${escapeJson(JSON.stringify(data))}</script>
<script>${escapeScript(script)}</script>
</body>
</html>
`;
}

/** A titled box in which the script draws a chart. */
export const card = (id: string, title: string, note: string, wide = false): string =>
  `<section class="card${wide ? ' wide' : ''}"><h2>${escapeHtml(title)}</h2><p>${escapeHtml(note)}</p>` +
  `<div class="chart" id="${id}"></div></section>`;

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** JSON for a script element: without `<` no text of a user can end the element or open a comment in it. */
const escapeJson = (json: string): string =>
  json.replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');

/** Inside strings, templates and patterns, the only places where code holds these, the backslash changes nothing. */
const escapeScript = (script: string): string => script.replace(/<(\/script|!--)/gi, '<\\$1');
