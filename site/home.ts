import { escapeHtml } from '../src/report/document.ts';
import { PLAYED } from './losses.ts';

const options = Object.entries(PLAYED)
  .map(([name, { title }]) => `<option value="${name}">${escapeHtml(title)}</option>`)
  .join('\n');

const slider = (id: string, label: string, low: number, high: number): string =>
  `<p class="field"><label for="${id}">${label}</label><output id="${id}-value" for="${id}"></output>
<input id="${id}" type="range" min="${low}" max="${high}" step="1"></p>`;

/** The main part of the first page: what gramian is, and the playground. */
export function homeMain(program: string, has: (path: string) => boolean): string {
  const ways = [
    [
      'train.html',
      'Train in this tab',
      'Eleven systems, from SimCLR to BA2M, on pictures of letters: watch the embedding take shape.',
    ],
    [
      'bench.html',
      'Benchmark',
      'Every loss and op, compared with f64 and then timed against what your adapter can do.',
    ],
    ['docs/index.html', 'Documentation', 'From the first program to kernels of your own.'],
  ].filter(([to]) => has(to));
  return `<section class="hero">
<h1>Losses between the samples of a batch, with gradients, as fused WebGPU kernels.</h1>
<p class="lead">SimCLR and its relatives compare every row of a batch with every other. gramian sweeps that Gram matrix tile
by tile, in browsers and in Node, so that memory grows with the batch and not with its square.</p>
</section>

<section id="without" class="panel" hidden>
<h2>Nothing can be measured here</h2>
<p id="why" class="soft"></p>
<figure class="scroll"><img src="bench.svg" width="930" height="300" alt="Time and GPU memory of ntXent against the number of rows, for gramian and other libraries: gramian is the lowest line of both."></figure>
</section>

<section class="panel" aria-labelledby="play">
<div class="panel-head"><h2 id="play">Try it on your own GPU</h2><p id="adapter" class="soft">looking for an adapter ...</p></div>
<form id="form" class="controls">
<p class="field"><label for="loss">Loss</label>
<select id="loss">${options}</select></p>
${slider('n', 'Rows N', 6, 14)}
${slider('d', 'Features D', 4, 12)}
<p class="actions"><button id="measure" class="primary">Measure</button>
<button id="stop" type="button" disabled>Stop</button></p>
</form>
<p id="says" class="soft"></p>
<div class="bars" aria-live="off">
<div class="measure"><span>The matrix alone</span><b id="matrix"></b><div class="track"><i id="matrix-bar" class="other"></i></div>
<small id="shape"></small></div>
<div class="measure"><span>gramian, everything</span><b id="peak">not measured yet</b><div class="track"><i id="peak-bar"></i></div>
<small>inputs, gradients and all that is needed in between</small></div>
</div>
<dl class="figures">
<div><dt>loss + gradient</dt><dd id="time">–</dd></div>
<div><dt>of the matrix</dt><dd id="share">–</dd></div>
<div><dt>first call, with compiling</dt><dd id="first">–</dd></div>
</dl>
<p id="status" class="status" role="status"></p>
<div id="history" hidden><h3>Measured so far</h3><div class="scroll"><table class="numbers"><thead>
<tr><th>loss</th><th>N</th><th>D</th><th>loss + gradient</th><th>matrix</th><th>gramian</th></tr></thead><tbody id="rows"></tbody></table></div></div>
</section>

<section class="ways">
${ways.map(([to, title, text]) => `<a class="way" href="${to}"><b>${title}</b><span>${text}</span></a>`).join('\n')}
</section>

<section class="panel">
<h2>In your own program</h2>
<div class="scroll"><pre><code>${escapeHtml(program.trim())}</code></pre></div>
</section>`;
}
