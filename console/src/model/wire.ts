// What services say that speak no JSON: forms of the query protocol, and XML. The reader needs no
// DOM: the XML is the server's own, without DTD, comments or processing instructions but the first.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html

export type Tree = string | Tree[] | { [name: string]: Tree };

/** Name and value pairs of a form: lists as name.member.N. */
export function formOf(input: Readonly<Record<string, unknown>>): string {
  const form = new URLSearchParams();
  const add = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    if (Array.isArray(value)) value.forEach((each, i) => add(`${name}.member.${i + 1}`, each));
    else if (typeof value === 'object') for (const [key, each] of Object.entries(value)) add(`${name}.${key}`, each);
    else form.append(name, String(value));
  };
  for (const [name, value] of Object.entries(input)) add(name, value);
  return form.toString();
}

/** A query as the signature wants it: percent-encoded, no plus signs. */
export function queryOf(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

const plain = (text: string): string =>
  text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)));
    return ENTITIES[name] ?? whole;
  });

interface Open {
  readonly name: string;
  readonly children: [string, Tree][];
  text: string;
}

function closed(element: Open): Tree {
  const { children } = element;
  if (children.length === 0) return element.text.trim() === '' ? '' : element.text;
  if (children.every(([name]) => name === 'member')) return children.map(([, value]) => value);
  const tree: { [name: string]: Tree } = {};
  const repeated = new Set<string>();
  for (const [name, value] of children) {
    const before = tree[name];
    if (before === undefined) tree[name] = value;
    else if (repeated.has(name)) (before as Tree[]).push(value);
    else {
      tree[name] = [before, value];
      repeated.add(name);
    }
  }
  return tree;
}

/** An XML document as a tree: <member> lists and repeated elements are lists. `within`: that element alone. */
export function treeOf(xml: string, within = ''): Tree {
  const root: Open = { name: '', children: [], text: '' };
  const stack: Open[] = [root];
  let found: Tree | undefined;
  for (const [, text, tag] of xml.matchAll(/([^<]*)<([^>]*)>/g)) {
    const top = stack.at(-1) as Open;
    top.text += plain(text ?? '');
    if (tag === undefined || tag.startsWith('?') || tag.startsWith('!')) continue;
    const name = (/^\/?([^\s/]+)/.exec(tag)?.[1] ?? '').replace(/^.*:/, '');
    if (tag.startsWith('/')) {
      const value = closed(top);
      if (stack.length > 1) stack.pop();
      if (top.name === within) found ??= value;
      stack.at(-1)?.children.push([top.name, value]);
    } else if (tag.endsWith('/')) {
      top.children.push([name, '']);
    } else {
      stack.push({ name, children: [], text: '' });
    }
  }
  return found ?? root.children[0]?.[1] ?? '';
}

/** The member of a tree; an empty text where it is absent. */
export function at(tree: Tree | undefined, ...names: readonly string[]): Tree {
  let value: Tree | undefined = tree;
  for (const name of names) value = typeof value === 'object' && !Array.isArray(value) ? value[name] : undefined;
  return value ?? '';
}

export const textAt = (tree: Tree | undefined, ...names: readonly string[]): string => {
  const value = at(tree, ...names);
  return typeof value === 'string' ? value : '';
};

/** The elements of a list, which the protocol writes as none, one or several. */
export function listAt(tree: Tree | undefined, ...names: readonly string[]): Tree[] {
  const value = at(tree, ...names);
  return value === '' ? [] : Array.isArray(value) ? value : [value];
}

/** The code and the message of an error in JSON or XML. */
export function errorOf(body: string, status: number): { code: string; message: string } {
  if (body.trimStart().startsWith('<')) {
    const tree = treeOf(body);
    const error = at(tree, 'Error') === '' ? tree : at(tree, 'Error');
    return { code: textAt(error, 'Code') || `HTTP ${status}`, message: textAt(error, 'Message') };
  }
  let read: Record<string, unknown> = {};
  try {
    read = JSON.parse(body) as Record<string, unknown>;
  } catch {
    // Neither: the status has to do.
  }
  return {
    code: String(read.__type ?? read.code ?? `HTTP ${status}`).replace(/^.*#/, ''),
    message: String(read.message ?? read.Message ?? ''),
  };
}
