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
    | 'transformers'
    | 'typegpu',
): Promise<NodeJS.Require>;
