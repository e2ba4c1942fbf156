/// <reference lib="dom" />

/** Draws into the element of that id, again whenever its width changes. */
export function mount(id: string, draw: (width: number) => Element): void {
  const place = document.getElementById(id);
  if (!place) return;
  let drawn = 0;
  const redraw = () => {
    const width = Math.floor(place.clientWidth);
    if (width === 0 || width === drawn) return;
    drawn = width;
    place.replaceChildren(draw(width));
  };
  redraw();
  new ResizeObserver(redraw).observe(place);
}

export function note(text: string): Element {
  const element = document.createElement('p');
  element.textContent = text;
  return element;
}
