import { alignment } from './alignment.ts';
import { angle } from './angle.ts';
import { arcFace } from './arcFace.ts';
import { barlowTwins } from './barlowTwins.ts';
import { byol } from './byol.ts';
import { circle } from './circle.ts';
import { cka } from './cka.ts';
import { clip } from './clip.ts';
import { clusterLoss } from './clusterLoss.ts';
import { contrastive } from './contrastive.ts';
import { contrastiveClustering } from './contrastiveClustering.ts';
import { cosent } from './cosent.ts';
import { cosFace } from './cosFace.ts';
import { dcl } from './dcl.ts';
import { dino } from './dino.ts';
import { froSSL } from './froSSL.ts';
import { gramAnchoring } from './gramAnchoring.ts';
import { hcl } from './hcl.ts';
import { ibot } from './ibot.ts';
import { infoNCE } from './infoNCE.ts';
import { koLeo } from './koLeo.ts';
import { leJEPA } from './leJEPA.ts';
import { megaBatch } from './megaBatch.ts';
import { mocoV3 } from './mocoV3.ts';
import { multipleNegatives } from './multipleNegatives.ts';
import { multiSimilarity } from './multiSimilarity.ts';
import { nnclr } from './nnclr.ts';
import { ntXent } from './ntXent.ts';
import { orthogonality } from './orthogonality.ts';
import { protoNCE } from './protoNCE.ts';
import { proxyAnchor } from './proxyAnchor.ts';
import { proxyNCA } from './proxyNCA.ts';
import { sigLip } from './sigLip.ts';
import { sigReg } from './sigReg.ts';
import { simSiam } from './simSiam.ts';
import { sinkhornDivergence } from './sinkhornDivergence.ts';
import { spectralContrastive } from './spectralContrastive.ts';
import { supCon } from './supCon.ts';
import { swav } from './swav.ts';
import { uniformity } from './uniformity.ts';
import { covarianceTerm, varianceTerm, vicReg } from './vicReg.ts';

/**
 * Every loss by its name: what adapters offer in tensors of other frameworks. A bundle that asks for none of them lacks it.
 * `matryoshka` is none: it makes a loss of another.
 */
export const LOSSES = {
  alignment,
  angle,
  arcFace,
  barlowTwins,
  byol,
  circle,
  cka,
  clip,
  clusterLoss,
  contrastive,
  contrastiveClustering,
  cosent,
  cosFace,
  covarianceTerm,
  dcl,
  dino,
  froSSL,
  gramAnchoring,
  hcl,
  ibot,
  infoNCE,
  koLeo,
  leJEPA,
  megaBatch,
  mocoV3,
  multipleNegatives,
  multiSimilarity,
  nnclr,
  ntXent,
  orthogonality,
  protoNCE,
  proxyAnchor,
  proxyNCA,
  sigLip,
  sigReg,
  simSiam,
  sinkhornDivergence,
  spectralContrastive,
  supCon,
  swav,
  uniformity,
  varianceTerm,
  vicReg,
};
