export function need(
  name: 'api' | 'browser' | 'bundlers' | 'images' | 'jax' | 'lint' | 'naga' | 'publish' | 'tfjs' | 'typegpu',
): Promise<NodeJS.Require>;
