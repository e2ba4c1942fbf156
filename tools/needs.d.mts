export function need(name: 'browser' | 'bundlers' | 'images' | 'lint' | 'naga' | 'publish'): Promise<NodeJS.Require>;
