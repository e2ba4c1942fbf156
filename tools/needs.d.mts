export function need(
  name: 'browser' | 'bundlers' | 'images' | 'jax' | 'lint' | 'naga' | 'publish' | 'tfjs',
): Promise<NodeJS.Require>;
