/** A line for people, on stderr: stdout is for results. */
export function logLine(text: string): void {
  process.stderr.write(`${text}\n`);
}
