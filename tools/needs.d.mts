export function need(name: 'browser' | 'images' | 'lint' | 'naga' | 'publish'): Promise<NodeJS.Require>;
