/// <reference lib="dom" />
// What becomes of numbers in the kernels of this browser's adapter: a table, and the same to take along.
import { openAdapter } from '../../src/gpu/platform.browser.ts';
import { escapeHtml } from '../../src/report/document.ts';
import { browserName } from '../host.browser.ts';
import { answer, asMarkdown, type NumericsReport, reportOf, verdict } from '../probe/numerics/report.ts';

export async function numericsOfPage(say: (text: string) => void): Promise<NumericsReport> {
  const { adapter } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
  const browser = browserName(navigator.userAgent);
  return reportOf(adapter, {
    host: browser.replace(/^HeadlessChrome/, 'Chromium').split(' ')[0],
    runtime: browser,
    command: 'dist/bench.html, "Numbers in kernels"',
    say,
  });
}

export function numericsCard(report: NumericsReport): string {
  const rows = report.findings.map((finding) => {
    const cells = [answer(finding), verdict(finding), finding.means].map((text) => `<td>${escapeHtml(text)}</td>`);
    return `<tr><th>${escapeHtml(finding.group)}</th><th>${escapeHtml(finding.name)}</th>${cells.join('')}</tr>`;
  });
  const link = (name: string, type: string, text: string, label: string): string =>
    `<a id="${name}" download="gramian-${name}" href="${URL.createObjectURL(new Blob([text], { type }))}">${label}</a>`;
  return `<section class="card wide"><h2>Numbers in kernels</h2><p>${escapeHtml(`${report.adapter}: ${report.driver}`)}</p>
    <div class="scroll"><table class="findings">${rows.join('')}</table></div>
    <p>${link('numerics.json', 'application/json', JSON.stringify(report, null, 2), 'JSON')},
    ${link('numerics.md', 'text/markdown', asMarkdown(report), 'Markdown for docs/adapters.md')}</p></section>`;
}
