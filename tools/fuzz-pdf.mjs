// Reads PDFs as the reader does, in a thread that is ended after the same time, but starts one only after it was ended.
import { Worker } from 'node:worker_threads';
import { Refused, tamtrl } from './fuzz-inputs.mjs';

/** Milliseconds between two looks at the clock. */
const WATCH = 50;

export async function pdfReader() {
  const { limitAfter } = await tamtrl('reader/files/pdf.js');
  let thread;

  return async (input) => {
    thread ??= new Worker(new URL('fuzz-pdf-thread.mjs', import.meta.url), { stdout: true, stderr: true });
    let watch;
    try {
      await new Promise((resolve, reject) => {
        let latest;
        let since = performance.now();
        const refuse = (why) => reject(new Refused(why));
        const end = async () => {
          clearInterval(watch);
          await thread.terminate();
          thread = undefined;
          refuse('time');
        };
        watch = setInterval(() => {
          if (performance.now() - since > limitAfter(latest, input.length)) end();
        }, WATCH);
        thread.on('error', (error) => {
          thread = undefined;
          refuse(error.message);
        });
        thread.on('message', (message) => {
          latest = message;
          since = performance.now();
          if ('failure' in message) refuse(message.failure);
          else if ('end' in message) resolve();
        });
        thread.postMessage(new Uint8Array(input));
      });
    } finally {
      clearInterval(watch);
      thread?.removeAllListeners('message');
      thread?.removeAllListeners('error');
    }
  };
}
