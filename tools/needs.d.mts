export function need(name: 'browser' | 'naga' | 'lint' | 'images'): Promise<NodeJS.Require>;
