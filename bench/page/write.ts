import { htmlPage } from '../../src/report/document.ts';

const MAIN = `<header>
<h1>Losses and ops, measured in this browser</h1>
<p>Each is compared with f64 before it is timed; shares are of what this adapter itself can do at most. Times are what
JavaScript sees, until the GPU has finished.</p>
</header>
<form id="form" class="card">
<p><label>cases <input id="cases" value="ntXent clip barlowTwins sinkhorn matmul" size="60"></label></p>
<p id="own" hidden><label>work of yours <input id="work" placeholder="/my-works.mjs" size="40"></label></p>
<p><label>sizes <input id="sizes" placeholder="n=512,2048 d=128"></label>
<label>repeats <input id="repeats" type="number" min="1" value="20"></label>
<label><input id="quick" type="checkbox" checked> small sizes</label></p>
<p><button id="run">Run</button> <button id="numerics" type="button">Numbers in kernels</button> <button id="stop" type="button" disabled>Stop</button> <span id="status"></span></p>
<p>There are: all, <span id="names"></span>. Numbers in kernels: how this adapter rounds, folds, flushes and treats NaN, half a minute at most.</p>
</form>
<div id="results" class="cards"></div>`;

/**
 * dist/bench.html: the whole benchmark in one file.
 * @param imports the package's modules, as they lie beside it: what work of a user's imports
 */
export function renderBenchPage(script: string, imports?: Readonly<Record<string, string>>): string {
  return htmlPage({ title: 'gramian bench', main: MAIN, data: null, script, imports });
}
