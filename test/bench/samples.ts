import { CASES, type Case } from '../../bench/works/index.ts';

export const caseOf = (name: string): Case => CASES.find((each) => each.name === name) as Case;

export const environment = {
  date: '2026-11-25T03:00:00',
  commit: 'abc1234',
  adapter: 'an adapter',
  driver: 'a driver, "quoted"',
  runtime: 'node 20',
  profile: 'default' as const,
  tune: 'cached' as const,
};
export const roofline = {
  flops: 1e12,
  bandwidth: 1e11,
  exps: 1e10,
  dispatch: 0.001,
  submit: 0.1,
  flopsF16: null,
  matrix: null,
};
