// Where the boxes and arrows of a definition go. Each container is laid out alone by dagre, from the
// inside out: a state with containers is a box as large as these need.
import { graphlib, layout as dagre } from '@dagrejs/dagre';
import { END, START, type Container, type Edge, type StateNode } from './definition';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number; // x and y are the upper left corner's.
  readonly height: number;
}

export interface PlacedState extends Box {
  readonly state: StateNode;
  readonly inner: readonly Placed[];
}

export interface PlacedEdge extends Edge {
  readonly points: readonly Point[];
  readonly labelAt: Point; // The label's left end.
}

export interface Placed extends Box {
  readonly states: readonly PlacedState[];
  readonly edges: readonly PlacedEdge[];
  readonly ends: readonly (Point & { readonly name: string })[]; // START and END, by their centres.
}

const NODE_HEIGHT = 46;
const HEAD_HEIGHT = 40; // Of a box with containers.
const PADDING = 12;
const END_SIZE = 20;
export const LABEL_WIDTH = 130; // At most; longer ones are cut.

/** Of a label in the graph's font, near enough. */
export function textWidth(text: string): number {
  let width = 0;
  for (const letter of text) width += (letter.codePointAt(0) ?? 0) > 0x2e7f ? 13.5 : /[A-ZMW@%]/.test(letter) ? 9.4 : 7.9;
  return width;
}

const nodeWidth = (name: string) => Math.min(260, Math.max(128, textWidth(name) + 50));

function sizeOf(state: StateNode, inner: readonly Placed[]): { width: number; height: number } {
  if (inner.length === 0) return { width: nodeWidth(state.name), height: NODE_HEIGHT };
  const wide = inner.reduce((sum, each) => sum + each.width + PADDING, PADDING);
  const high = Math.max(...inner.map((each) => each.height));
  return { width: Math.max(nodeWidth(state.name), wide), height: HEAD_HEIGHT + high + PADDING };
}

function placeInner(inner: readonly Placed[], box: Box): Placed[] {
  const wide = inner.reduce((sum, each) => sum + each.width + PADDING, -PADDING);
  let x = box.x + (box.width - wide) / 2;
  return inner.map((each) => {
    const placed = { ...each, x, y: box.y + HEAD_HEIGHT };
    x += each.width + PADDING;
    return placed;
  });
}

/** `depth` 0 has START and END; inner containers have none. */
export function layOut(container: Container, depth = 0): Placed {
  const graph = new graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'TB', nodesep: 28, ranksep: 38, marginx: PADDING, marginy: PADDING });
  graph.setDefaultEdgeLabel(() => ({}));
  const inner = new Map(container.states.map((state) => [state.name, state.containers.map((each) => layOut(each, depth + 1))]));
  for (const state of container.states) graph.setNode(state.name, sizeOf(state, inner.get(state.name) ?? []));
  const ends = depth === 0 ? [START, END] : [];
  for (const name of ends) graph.setNode(name, { width: END_SIZE, height: END_SIZE });
  const edges = container.edges.filter((edge) => graph.hasNode(edge.from) && graph.hasNode(edge.to));
  edges.forEach((edge, i) => {
    const label = edge.label ? { width: Math.min(LABEL_WIDTH, textWidth(edge.label) * 0.8) + 8, height: 14, labelpos: 'r' } : {};
    graph.setEdge(edge.from, edge.to, { weight: edge.kind === 'catch' ? 1 : 3, minlen: 1, ...label }, String(i));
  });
  dagre(graph);
  const corner = (name: string): Box => {
    const node = graph.node(name) as Box;
    return { x: node.x - node.width / 2, y: node.y - node.height / 2, width: node.width, height: node.height };
  };
  const size = graph.graph() as { width?: number; height?: number };
  return {
    x: 0,
    y: 0,
    width: Math.max(size.width ?? 0, 60),
    height: Math.max(size.height ?? 0, 40),
    states: container.states.map((state) => {
      const box = corner(state.name);
      return { ...box, state, inner: placeInner(inner.get(state.name) ?? [], box) };
    }),
    edges: edges.map((edge, i) => {
      const line = graph.edge({ v: edge.from, w: edge.to, name: String(i) }) as { points: Point[]; x?: number; y?: number; width?: number };
      return { ...edge, points: line.points, labelAt: { x: (line.x ?? 0) - (line.width ?? 0) / 2 + 6, y: line.y ?? 0 } };
    }),
    ends: ends.filter((name) => graph.node(name)).map((name) => ({ ...(graph.node(name) as Point), name })),
  };
}
