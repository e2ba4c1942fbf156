export function idle(code: string): string;
