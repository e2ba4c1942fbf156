/// <reference lib="dom" />
// Runs inside the report, where the file's own policy keeps it off the network.
import { mount } from '../../src/report/mount.ts';
import type { Session } from '../results.ts';
import { drawMemory, drawRoofline, drawTimes } from './charts.ts';

const data: { sessions: Session[] } = JSON.parse(document.getElementById('report-data')?.textContent ?? '{}');

data.sessions.forEach(({ rows, roofline }, s) => {
  if (roofline) mount(`roofline-${s}`, (width) => drawRoofline(rows, roofline, width));
  [...new Set(rows.map((row) => row.case))].forEach((name, c) => {
    const own = rows.filter((row) => row.case === name);
    mount(`time-${s}-${c}`, (width) => drawTimes(own, width));
    mount(`memory-${s}-${c}`, (width) => drawMemory(own, width));
  });
});
document.documentElement.dataset.ready = 'true';
