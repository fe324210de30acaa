/** Subtitles: SubRip (.srt) and WebVTT (.vtt). The words alone; when they are said is their place. */
import type { PlacedText } from '../places.js';

const TIMES = /^\s*((?:\d+:)?\d{1,2}:\d{2})[.,]\d{1,3}\s*-->/;

/** Each cue on lines of its own, with the time at which it begins: "00:01:20". */
export function subtitleText(text: string): PlacedText {
  const places: PlacedText['places'][number][] = [];
  let words = '';
  let last = '';
  for (const block of text.split(/(?:\r?\n|\r)[ \t]*(?:\r?\n|\r)\s*/)) {
    const lines = block.split(/\r?\n|\r/);
    const at = lines.findIndex((line) => TIMES.test(line));
    // Headers, remarks and styles have no time.
    if (at < 0) continue;
    const cue = lines
      .slice(at + 1)
      .map(plain)
      .filter((line) => line !== '')
      .join('\n');
    // Subtitles that scroll repeat the line before.
    if (cue === '' || cue === last) continue;
    last = cue;
    const time = TIMES.exec(lines[at])![1];
    places.push({ at: words.length, label: time.split(':').length === 2 ? `00:${time.padStart(5, '0')}` : time });
    words += `${cue}\n`;
  }
  return { text: words, places };
}

/** Without marks of type and place; who speaks is kept. */
function plain(line: string): string {
  return line
    .replaceAll(/<v(?:\.[^\s>]*)?\s+([^>]+)>/g, '$1: ')
    .replaceAll(/<[^<>]*>|\{\\[^{}]*\}/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&nbsp;', ' ')
    .replaceAll('&amp;', '&')
    .trim();
}
