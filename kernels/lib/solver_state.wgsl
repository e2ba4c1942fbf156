// state: where an iteration stands, kept on the GPU so that nobody waits for it; all zeros is an iteration that goes on
const STOPPED: u32 = 0; // 1: passes and updates do nothing any more
const EXTRA: u32 = 1; // over-relaxation: updates go 1 + this times their way
const ITERATIONS: u32 = 2;
const END: u32 = 3; // the iteration to stop after, 0 while the error is above the tolerance
const SINCE: u32 = 4; // iterations since EXTRA changed
const BEST: u32 = 5; // lowest error since then
const START: u32 = 6; // the error just after that
const HISTORY: u32 = 7; // the last six errors, newest first
const REMEMBERED: u32 = 6;
