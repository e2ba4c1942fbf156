import {
  barlowTwins,
  clusterLoss,
  contrastiveClustering,
  covariance,
  covarianceTerm,
  crossCorrelation,
  varianceTerm,
  vicReg,
} from '../../src/index.ts';
import { any, type BadInputs } from './row.ts';

/** Second-order statistics and clusters. */
export const SECOND_ORDER: BadInputs = ({ ones }) => ({
  'barlowTwins: one row': [
    () => barlowTwins(ones(1, 4), ones(1, 4)),
    'barlowTwins: z0 has 1 row, expected at least 2 to take a variance.',
  ],
  'barlowTwins: views of two shapes': [
    () => barlowTwins(ones(4, 3), ones(4, 2)),
    'barlowTwins: z1 is [4, 2], expected [4, 3] to match z0.',
  ],
  'barlowTwins: a negative lambda': [
    () => barlowTwins(ones(4, 3), ones(4, 3), { lambda: -1 }),
    'barlowTwins: lambda = -1, expected a finite number, 0 or above.',
  ],
  'barlowTwins: no epsilon': [
    () => barlowTwins(ones(4, 3), ones(4, 3), { epsilon: 0 }),
    'barlowTwins: epsilon = 0, expected a finite number above 0.',
  ],
  'vicReg: one row': [
    () => vicReg(ones(1, 4), ones(1, 4)),
    'vicReg: z0 has 1 row, expected at least 2 to take a variance.',
  ],
  'vicReg: a weight that is none': [
    () => vicReg(ones(4, 3), ones(4, 3), { variance: Number.NaN }),
    'vicReg: variance = NaN, expected a finite number, 0 or above.',
  ],
  'vicReg: an unknown convention': [
    () => vicReg(ones(4, 3), ones(4, 3), { convention: any('code') }),
    'vicReg: convention = "code", expected "official" or "paper".',
  ],
  'vicReg: a misspelt option': [
    () => vicReg(ones(4, 3), ones(4, 3), any({ invarance: 1 })),
    'vicReg: unknown option "invarance"; did you mean "invariance"?',
  ],
  'varianceTerm: one row': [
    () => varianceTerm(ones(1, 4)),
    'varianceTerm: z has 1 row, expected at least 2 to take a variance.',
  ],
  'covarianceTerm: one row': [
    () => covarianceTerm(ones(1, 4)),
    'covarianceTerm: z has 1 row, expected at least 2 to take a variance.',
  ],
  'covariance: one row': [
    () => covariance(ones(1, 4)),
    'covariance: z has 1 row, expected at least 2 to take a variance.',
  ],
  'crossCorrelation: views of two shapes': [
    () => crossCorrelation(ones(4, 3), ones(5, 3)),
    'crossCorrelation: z1 is [5, 3], expected [4, 3] to match z0.',
  ],
  'clusterLoss: views of two shapes': [
    () => clusterLoss(ones(4, 3), ones(4, 2)),
    'clusterLoss: logits1 is [4, 2], expected [4, 3] to match logits0.',
  ],
  'clusterLoss: a temperature of 0': [
    () => clusterLoss(ones(4, 3), ones(4, 3), { temperature: 0 }),
    'clusterLoss: temperature = 0, expected a finite number above 0.',
  ],
  'contrastiveClustering: one view': [
    () => contrastiveClustering(any({ instances: [ones(4, 3)], clusters: [ones(4, 2), ones(4, 2)] })),
    'contrastiveClustering: instances is an Array, expected the two views as [Tensor, Tensor].',
  ],
  'contrastiveClustering: no clusters': [
    () => contrastiveClustering(any({ instances: [ones(4, 3), ones(4, 3)] })),
    'contrastiveClustering: clusters is missing, expected the two views as [Tensor, Tensor].',
  ],
  'contrastiveClustering: no Tensor': [
    () => contrastiveClustering({ instances: [ones(4, 3), any(1)], clusters: [ones(4, 2), ones(4, 2)] }),
    'contrastiveClustering: instances[1] is 1, expected a Tensor.',
  ],
  'contrastiveClustering: a cluster temperature below 0': [
    () =>
      contrastiveClustering(
        { instances: [ones(4, 3), ones(4, 3)], clusters: [ones(4, 2), ones(4, 2)] },
        { clusterTemperature: -1 },
      ),
    'contrastiveClustering: clusterTemperature = -1, expected a finite number above 0.',
  ],
});
