// RunEvents → JSON lines for programs; the last carries the result digest.
import { StringDecoder } from 'node:string_decoder';
import type { Emit, LogStream, RunEvent } from '../model/event.ts';

/** Log events carry `text` (invalid UTF-8 as U+FFFD) in place of their bytes; a character cut by a chunk's end comes with the next. */
export function createJsonReporter(write: (text: string) => void | Promise<void>): Emit {
  const decoders = new Map<string, StringDecoder>();
  const logLine = (job: string, step: number, stream: LogStream, text: string): string =>
    text === '' ? '' : `${JSON.stringify({ type: 'log', job, step, stream, text })}\n`;

  const render = (event: RunEvent): string => {
    if (event.type === 'log') {
      const { job, step, stream, chunk } = event;
      const key = JSON.stringify([job, step, stream]);
      const decoder = decoders.get(key) ?? new StringDecoder('utf8');
      decoders.set(key, decoder);
      return logLine(job, step, stream, decoder.write(chunk));
    }
    let cut = '';
    if (event.type === 'step-finished') {
      for (const stream of ['stdout', 'stderr'] as const) {
        const key = JSON.stringify([event.job, event.step, stream]);
        cut += logLine(event.job, event.step, stream, decoders.get(key)?.end() ?? '');
        decoders.delete(key);
      }
    }
    return `${cut}${JSON.stringify(event)}\n`;
  };
  return (event) => {
    const lines = render(event);
    return lines === '' ? undefined : write(lines);
  };
}
