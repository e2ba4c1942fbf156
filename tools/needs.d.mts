export function need(
  name:
    | 'api'
    | 'browser'
    | 'bundlers'
    | 'images'
    | 'jax'
    | 'lint'
    | 'naga'
    | 'ort'
    | 'publish'
    | 'site'
    | 'tfjs'
    | 'three'
    | 'typegpu',
): Promise<NodeJS.Require>;
