import { METHODS } from '../src/cli/methods.ts';
import { escapeHtml } from '../src/report/document.ts';

const systems = Object.entries(METHODS)
  .filter(([name]) => name !== 'classifier') // no system, but what BA2M is compared with
  .map(([name, { title }]) => `<option value="${name}">${escapeHtml(title)}</option>`)
  .join('\n');

const lengths = [150, 400, 1200].map((steps) => `<option>${steps}</option>`).join('');

/** The main part of the page on which a system trains. */
export const TRAIN_MAIN = `<section class="hero">
<h1>Train in this tab.</h1>
<p class="lead">An encoder learns letters of 415 typefaces without being told which letter is which (SupCon and BA2M are told).
Each point is a picture that it has not been trained on; colours and letters are only for you.</p>
</section>

<section class="panel" aria-labelledby="run">
<div class="panel-head"><h2 id="run">Training</h2><p id="adapter" class="soft">looking for an adapter ...</p></div>
<form id="form" class="controls">
<p class="field"><label for="method">System</label><select id="method">${systems}</select></p>
<p class="field"><label for="classes">Letters</label>
<select id="classes"><option value="10">A to J</option><option value="26">A to Z</option></select></p>
<p class="field"><label for="steps">Steps</label><select id="steps">${lengths}</select></p>
<p class="actions"><button id="train" class="primary">Train</button>
<button id="stop" type="button" disabled>Stop</button></p>
</form>
<progress id="progress" max="1" value="0" aria-label="Steps done"></progress>
<p id="status" class="status" role="status"></p>
<div class="training">
<figure class="picture"><canvas id="picture" role="img" aria-label="The embedding of test letters in two dimensions: nothing yet"></canvas>
<figcaption id="caption" class="soft">The plane in which the embeddings of the test letters differ most (PCA).</figcaption></figure>
<div class="curves">
<dl class="figures">
<div><dt>k-NN accuracy</dt><dd id="accuracy">–</dd></div>
<div><dt>loss</dt><dd id="loss">–</dd></div>
<div><dt>images a second</dt><dd id="speed">–</dd></div>
</dl>
<h3>k-NN accuracy</h3><p class="soft small">Of test letters, by their nearest neighbours among <span id="known">some</span> training letters. Dashed: raw pixels.</p>
<div class="chart" id="accuracies"></div>
<h3>Loss</h3>
<div class="chart" id="losses"></div>
</div>
</div>
</section>

<section id="without" class="panel" hidden>
<p class="soft">A system trains here in a browser with WebGPU; in Node the same is <code>npm start</code>, which needs no GPU.</p>
</section>`;
