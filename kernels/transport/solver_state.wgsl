// state: where an iteration stands, kept on the GPU so that nobody waits for it; all zeros is an iteration that goes on
const STOPPED: u32 = 0; // 1: passes and updates do nothing any more
const EXTRA: u32 = 1; // over-relaxation: updates go 1 + this times their way
const ITERATIONS: u32 = 2;
const END: u32 = 3; // the iteration to stop after, 0 while the error is above the tolerance
const SINCE: u32 = 4; // iterations since EXTRA changed
const PEAK: u32 = 5; // highest error of the current window of iterations
const PEAK_BEFORE: u32 = 6; // that of the window before, 0 without one
const HISTORY: u32 = 7; // the last six errors, newest first
const HISTORY_LENGTH: u32 = 6;
const BEST: u32 = 13; // an error that none since fell well below
const BEST_AT: u32 = 14; // its iteration
const SMALL_COSTS: u32 = 15; // 1: all costs are so small against epsilon that sums are of what powers are above 1
