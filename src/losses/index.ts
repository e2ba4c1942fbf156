import { alignment } from './alignment.ts';
import { barlowTwins } from './barlowTwins.ts';
import { byol } from './byol.ts';
import { clip } from './clip.ts';
import { clusterLoss } from './clusterLoss.ts';
import { contrastiveClustering } from './contrastiveClustering.ts';
import { dcl } from './dcl.ts';
import { hcl } from './hcl.ts';
import { infoNCE } from './infoNCE.ts';
import { koLeo } from './koLeo.ts';
import { mocoV3 } from './mocoV3.ts';
import { ntXent } from './ntXent.ts';
import { protoNCE } from './protoNCE.ts';
import { sigLip } from './sigLip.ts';
import { simSiam } from './simSiam.ts';
import { sinkhornDivergence } from './sinkhornDivergence.ts';
import { supCon } from './supCon.ts';
import { swav } from './swav.ts';
import { uniformity } from './uniformity.ts';
import { covarianceTerm, varianceTerm, vicReg } from './vicReg.ts';

/** Every loss by its name: what adapters offer in tensors of other frameworks. A bundle that asks for none of them lacks it. */
export const LOSSES = {
  alignment,
  barlowTwins,
  byol,
  clip,
  clusterLoss,
  contrastiveClustering,
  covarianceTerm,
  dcl,
  hcl,
  infoNCE,
  koLeo,
  mocoV3,
  ntXent,
  protoNCE,
  sigLip,
  simSiam,
  sinkhornDivergence,
  supCon,
  swav,
  uniformity,
  varianceTerm,
  vicReg,
};
