/** Figures and views as SVG and PNG files. */

/** On a white ground, in the ink of light mode, so that a document shows it as it is. */
const INK = '#222222';

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A drawing as a document of its own. */
function standing(drawing: SVGSVGElement, title: string): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('role', 'img');
  copy.setAttribute('aria-label', title);
  copy.style.cssText = `color:${INK};background:#ffffff;font-family:system-ui,sans-serif`;
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const [key, value] of Object.entries({ width: '100%', height: '100%', fill: '#ffffff' }))
    ground.setAttribute(key, value);
  const first = [...copy.children].find(({ tagName }) => tagName !== 'style');
  copy.insertBefore(ground, first ?? null);
  return new XMLSerializer().serializeToString(copy);
}

/** What is on the page under `element`, with the page's style, as a drawing. */
function viewAsDrawing(element: HTMLElement): string {
  const { width, height } = element.getBoundingClientRect();
  const styles = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules].map(({ cssText }) => cssText));
  const box = document.createElement('div');
  box.className = 'exported';
  box.append(element.cloneNode(true));
  const markup = new XMLSerializer().serializeToString(box);
  const style = new XMLSerializer().serializeToString(
    Object.assign(document.createElementNS('http://www.w3.org/2000/svg', 'style'), { textContent: styles.join('\n') }),
  );
  const size = `width="${Math.ceil(width)}" height="${Math.ceil(height)}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} class="light">${style}<rect width="100%" height="100%" fill="#ffffff"/><foreignObject ${size}>${markup}</foreignObject></svg>`;
}

async function asPng(svg: string): Promise<Blob> {
  const picture = new Image();
  // A data address: from a blob, browsers do not let a drawing with a text in it be read back.
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await picture.decode();
  const scale = 2;
  const canvas = document.createElement('canvas');
  canvas.width = picture.width * scale;
  canvas.height = picture.height * scale;
  canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The browser cannot write a PNG of this.'))));
  });
}

/** @param what a figure, or a part of the page */
export async function saveFigure(what: SVGSVGElement | HTMLElement, name: string, kind: 'svg' | 'png'): Promise<void> {
  const svg = what instanceof SVGSVGElement ? standing(what, name) : viewAsDrawing(what);
  const file = name.replaceAll(/[^\p{L}\p{N}.-]+/gu, '-').replaceAll(/^-|-$/g, '');
  const blob = kind === 'svg' ? new Blob([svg], { type: 'image/svg+xml' }) : await asPng(svg);
  save(blob, `${file}.${kind}`);
}
