/// <reference lib="dom" />
// Runs inside the report, where the file's own policy keeps it off the network.

import { mount } from '../../report/mount.ts';
import { drawAccuracy, drawCompared, drawHistory, drawLoss, drawRate } from './charts.ts';
import type { ComparisonData } from './comparison.ts';
import type { ReportData } from './data.ts';
import { embeddingChart } from './scatter.ts';

const data: ReportData | ComparisonData = JSON.parse(document.getElementById('report-data')?.textContent ?? '{}');

if ('runs' in data) {
  mount('compared', (width) => drawCompared(data, width));
  data.runs.forEach((run, i) => {
    mount(`loss-${i}`, (width) => drawLoss(run.loss, width));
    mount(`embeddings-${i}`, embeddingChart(run.embeddings));
  });
} else {
  mount('accuracy', (width) => drawAccuracy(data.accuracy, width));
  mount('history', (width) => drawHistory(data.accuracy, width));
  mount('loss', (width) => drawLoss(data.loss, width));
  mount('rate', (width) => drawRate(data.loss, width));
  mount('embeddings', embeddingChart(data.embeddings));
}
document.documentElement.dataset.ready = 'true';
