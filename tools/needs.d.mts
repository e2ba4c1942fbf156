export function need(
  name: 'api' | 'browser' | 'bundlers' | 'images' | 'jax' | 'lint' | 'naga' | 'publish' | 'tfjs',
): Promise<NodeJS.Require>;
