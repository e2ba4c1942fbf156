export function need(
  name: 'browser' | 'bundlers' | 'images' | 'lint' | 'naga' | 'publish' | 'tfjs',
): Promise<NodeJS.Require>;
