/** The look of a report: one column on a phone, two on a desk, light or dark as the reader's system is. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1b1f27; --soft: #5d6675; --line: #e1e5eb;
  --accent: #3257d5; --faint: #a9b8ec; --quiet: #b4bcc9; --good: #0b7d57;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1216; --card: #181c22; --ink: #e7eaef; --soft: #98a2b1; --line: #2a303a;
    --accent: #84a3ff; --faint: #3d4d80; --quiet: #566073; --good: #45c795;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1rem 3rem; }
h1, h2, p { overflow-wrap: anywhere; }
h1 { margin: 0; font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; letter-spacing: -0.02em; }
h2 { margin: 0; font-size: 1.05rem; }
p { margin: 0.2rem 0 0; color: var(--soft); font-size: 0.9rem; }
pre { margin: 1rem 0 0; padding: 0.7rem 0.9rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; font-size: 0.85rem; }
pre span { display: inline-block; max-width: 100%; }
header { margin-bottom: 1.2rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.4rem, 1fr)); gap: 0.8rem; margin: 1.2rem 0; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.tile { padding: 0.8rem 0.9rem; }
.tile b { display: block; font-size: 1.3rem; line-height: 1.3; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tile span { display: block; color: var(--soft); font-size: 0.8rem; line-height: 1.35; }
.tile .gain { color: var(--good); font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.8rem; }
.card { padding: 1rem; min-width: 0; }
.wide { grid-column: 1 / -1; }
.chart { position: relative; margin-top: 0.6rem; min-height: 4rem; }
.chart figure, .chart svg { display: block; margin: 0; max-width: 100%; overflow: visible; }
.chart svg { --plot-background: var(--card); font: 12px system-ui, sans-serif; touch-action: pan-y; }
.legend { display: flex; flex-wrap: wrap; gap: 0.3rem; margin-top: 0.7rem; }
.legend button { display: inline-flex; align-items: center; gap: 0.35rem; padding: 0.1rem 0.55rem; cursor: pointer;
  color: inherit; background: none; border: 1px solid var(--line); border-radius: 99px; font: inherit; font-size: 0.8rem; }
.legend button[aria-pressed=true] { border-color: var(--ink); background: var(--ground); }
.legend i { width: 0.65rem; height: 0.65rem; border-radius: 50%; }
.peek { position: absolute; top: 0; right: 0; padding: 0.4rem; text-align: center; font-size: 0.8rem;
  pointer-events: none; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.peek canvas { display: block; width: 84px; height: 84px; image-rendering: pixelated; border-radius: 4px; }
table { width: 100%; border-collapse: collapse; margin-top: 0.6rem; font-size: 0.9rem; }
th, td { padding: 0.3rem 0; border-top: 1px solid var(--line); text-align: left; font-weight: 400; overflow-wrap: anywhere; }
th { color: var(--soft); padding-right: 1rem; }
td { text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
.numbers th, .numbers td { padding-right: 0.9rem; overflow-wrap: normal; white-space: nowrap; }
.findings th, .findings td { padding-right: 0.9rem; min-width: 8rem; text-align: left; vertical-align: top; overflow-wrap: break-word; }
.findings td { color: inherit; }
.warning { margin: 1.2rem 0; border-color: var(--ink); }
input, button { max-width: 100%; font: inherit; }
footer { margin-top: 1.5rem; color: var(--soft); font-size: 0.8rem; }
@media (max-width: 44rem) { .cards { grid-template-columns: minmax(0, 1fr); } main { padding: 1.2rem 0.7rem 2rem; } .card { padding: 0.8rem; } }
`;
