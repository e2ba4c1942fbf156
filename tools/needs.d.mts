export function need(
  name: 'api' | 'browser' | 'bundlers' | 'images' | 'jax' | 'lint' | 'naga' | 'ort' | 'publish' | 'tfjs' | 'typegpu',
): Promise<NodeJS.Require>;
