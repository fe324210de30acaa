/** PowerPoint presentations, by ECMA-376 part 1: the text of each slide, and the speaker's notes to it. */
import type { PlacedText } from '../places.js';
import type { Archive } from './archive.js';
import { HtmlText } from './html.js';
import { leftOut, relationsOf } from './ooxml.js';
import { escaped, readXml, type XmlEvents } from './xml.js';

export const SLIDES_PART = 'ppt/presentation.xml';

const TABLE_TAGS: Readonly<Record<string, string>> = { tbl: 'table', tr: 'tr', tc: 'td' };

/** @throws ReaderError `input` for a damaged presentation. */
export async function* pptxText(
  archive: Archive,
  name: string,
  onNote: ((note: string) => void) | undefined,
): AsyncGenerator<PlacedText> {
  const relations = await relationsOf(archive, SLIDES_PART, name);
  const slides: string[] = [];
  await readXml(archive.stream(SLIDES_PART), name, {
    // Without its prefix, the relation's id overwrites the slide's own, which comes before it.
    open(tag, { id }) {
      const path = tag === 'sldId' ? relations.get(id)?.path : undefined;
      if (path !== undefined) slides.push(path);
    },
  });
  for (const [at, slide] of slides.entries()) {
    const text = await slideText(archive, slide, name);
    const notes = [...(await relationsOf(archive, slide, name)).values()].find(({ type }) => type === 'notesSlide');
    const said = notes && archive.has(notes.path) ? await slideText(archive, notes.path, name) : '';
    const parts = [text, said === '' ? '' : `Notes: ${said}`].filter((part) => part !== '');
    if (parts.length === 0) continue;
    const label = `slide ${at + 1}`;
    yield { text: `Slide ${at + 1}\n\n${parts.join('\n\n')}\n\n`, places: [{ at: 0, label }] };
  }
  const left = leftOut(archive, 'ppt/');
  if (left !== undefined) onNote?.(`${name}: ${left} left out`);
}

async function slideText(archive: Archive, part: string, name: string): Promise<string> {
  const html = new SlideHtml();
  await readXml(archive.stream(part), name, html);
  const text = new HtmlText(name, { title: false });
  return (text.write(html.html).text + text.end().text).trim();
}

class SlideHtml implements XmlEvents {
  html = '';
  #inText = 0;
  /** Within what is filled in by the program: the slide's number, the date. */
  #fields = 0;
  #fallbacks = 0;
  #tables = 0;

  open(tag: string): void {
    if (tag === 'tbl') this.#tables++;
    if (tag === 'Fallback') this.#fallbacks++;
    if (tag === 'fld') this.#fields++;
    else if (tag === 't') this.#inText++;
    else if (tag === 'p') this.html += this.#tables > 0 ? '<div>' : '<p>';
    else if (tag === 'br') this.html += '<br>';
    else if (tag === 'tab') this.html += ' ';
    else if (TABLE_TAGS[tag]) this.html += `<${TABLE_TAGS[tag]}>`;
  }

  close(tag: string): void {
    if (tag === 'Fallback') this.#fallbacks--;
    if (tag === 'tbl') this.#tables--;
    if (tag === 'fld') this.#fields--;
    else if (tag === 't') this.#inText--;
    else if (tag === 'p') this.html += this.#tables > 0 ? '</div>' : '</p>';
    else if (TABLE_TAGS[tag]) this.html += `</${TABLE_TAGS[tag]}>`;
  }

  text(text: string): void {
    if (this.#inText > 0 && this.#fields === 0 && this.#fallbacks === 0) this.html += escaped(text);
  }
}
