/// <reference lib="dom" />
// Runs inside the report, where the file's own policy keeps it off the network.
import { drawAccuracy, drawHistory, drawLoss, drawRate } from './charts.ts';
import type { ReportData } from './data.ts';
import { mount } from './mount.ts';
import { embeddingChart } from './scatter.ts';

const data: ReportData = JSON.parse(document.getElementById('report-data')?.textContent ?? '{}');

mount('accuracy', (width) => drawAccuracy(data.accuracy, width));
mount('history', (width) => drawHistory(data.accuracy, width));
mount('loss', (width) => drawLoss(data.loss, width));
mount('rate', (width) => drawRate(data.loss, width));
mount('embeddings', embeddingChart(data.embeddings));
document.documentElement.dataset.ready = 'true';
