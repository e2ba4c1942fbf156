/** By what the command line calls them; `OPTIMIZERS` makes them. */
export const OPTIMIZER_NAMES = ['adamW', 'sgd', 'lars', 'lars-inside'] as const;

export type OptimizerName = (typeof OPTIMIZER_NAMES)[number];
