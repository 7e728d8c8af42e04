type Child = Node | string | number | false | null | undefined;

/** What {@link h} takes beside a tag: attributes, listeners as `onclick`, and properties that are no attribute (`value`, `checked`, `disabled`, `hidden`). */
export interface Props {
  readonly [name: string]: unknown;
}

const properties = new Set(['value', 'checked', 'disabled', 'hidden', 'indeterminate', 'readOnly', 'selected', 'textContent']);

/**
 * Makes an element: `h('button', {class: 'quiet', onclick: run}, 'Run')`. Text is
 * always text, never markup. An attribute that is `false`, `null` or
 * `undefined` is left out, `true` is an empty one.
 */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props?: Props | null, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setProps(element, props ?? {});
  element.append(...present(children));
  return element;
}

/** The same for SVG: `svg('path', {d: '...'})`. */
export function svg<K extends keyof SVGElementTagNameMap>(tag: K, props?: Props | null, ...children: readonly Child[]): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setProps(element, props ?? {});
  element.append(...present(children));
  return element;
}

/** Sets the same things on an element that is there. */
export function setProps(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on') && typeof value === 'function') {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (properties.has(name)) {
      (element as unknown as Record<string, unknown>)[name] = value;
    } else if (value === false || value === null || value === undefined) {
      element.removeAttribute(name);
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
}

/** Sets the text when it is another one: a page that writes the same again makes screen readers repeat it. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** A symbol of 16 by 16, drawn with the colour of the text; hidden from screen readers. */
export function icon(path: string): SVGSVGElement {
  return svg('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: path }));
}

/** An id that no other element has. */
export function freshId(name: string): string {
  return `${name}-${++ids}`;
}

let ids = 0;

function present(children: readonly Child[]): (Node | string)[] {
  return children.filter((c) => c !== false && c !== null && c !== undefined).map((c) => (typeof c === 'number' ? String(c) : (c as Node | string)));
}
