// One execution as it is read from the server: what it is, its definition, and the index of its
// events, which grows page by page. Payloads are read when a state is looked at.
import { batch, signal } from '@preact/signals';
import { call } from './api';
import { containerOf, statesByName, type Container, type StateNode } from './model/definition';
import { HistoryReader, type HistoryEvent, type Model } from './model/history';
import type { Described } from './states';

const PAGE = 1000;
const SHOW_EACH = 500; // Milliseconds between two showings of what is read so far.
const KEPT_PAGES_MAX = 8; // With payloads.

interface HistoryReply {
  readonly events: HistoryEvent[];
  readonly nextToken?: string;
}

interface PageOf {
  readonly token: string | undefined;
  readonly first: number; // Id of its first event.
}

export class ExecutionStore {
  readonly described = signal<Described | undefined>(undefined);
  readonly definition = signal<Container | undefined>(undefined);
  readonly model = signal<Model>({ visits: [], failed: undefined, redrives: [] });
  readonly events = signal<readonly HistoryEvent[]>([]); // Without payloads.
  readonly whole = signal(false); // All events that there are were read.
  readonly error = signal<unknown>(undefined);
  states: ReadonlyMap<string, StateNode> = new Map();

  private reader: HistoryReader | undefined;
  private readonly pages: PageOf[] = [];
  private readonly payloads = new Map<number, Promise<HistoryEvent[]>>();
  private busy: Promise<void> | undefined;
  private again = false;
  private unshown: HistoryEvent[] = [];
  private shownAt = 0;
  private stopped = false;

  constructor(readonly arn: string) {}

  stop(): void {
    this.stopped = true;
  }

  /** Reads what is new. Calls during one are one more, after it. */
  refresh(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return this.busy;
    }
    this.busy = this.readAll()
      .then(() => (this.error.value = undefined))
      .catch((error: unknown) => (this.error.value = error))
      .then(() => {
        this.busy = undefined;
        if (!this.again || this.stopped) return undefined;
        this.again = false;
        return this.refresh();
      });
    return this.busy;
  }

  private async readAll(): Promise<void> {
    const described = await call<Described>('states', 'DescribeExecution', { executionArn: this.arn });
    if (!this.definition.value) {
      const reply = await call<{ definition: string }>('states', 'DescribeStateMachineForExecution', { executionArn: this.arn });
      const definition = containerOf(JSON.parse(reply.definition) as Record<string, unknown>);
      this.states = statesByName(definition);
      this.reader = new HistoryReader(this.states);
      this.definition.value = definition;
    }
    this.described.value = described;
    await this.readEvents();
  }

  private async readEvents(): Promise<void> {
    let token = this.pages.at(-1)?.token;
    while (!this.stopped) {
      const page: HistoryReply = await this.readPage(token, false);
      this.takePage(page.events, token);
      if (!page.nextToken || performance.now() - this.shownAt > SHOW_EACH) this.show();
      if (!page.nextToken) break;
      token = page.nextToken;
      this.pages.push({ token, first: (page.events.at(-1)?.id ?? 0) + 1 });
    }
    this.whole.value = true;
  }

  private readPage(token: string | undefined, includeExecutionData: boolean): Promise<HistoryReply> {
    const input = { executionArn: this.arn, maxResults: PAGE, includeExecutionData, ...(token ? { nextToken: token } : {}) };
    return call('states', 'GetExecutionHistory', input);
  }

  private takePage(events: readonly HistoryEvent[], token: string | undefined): void {
    const known = this.unshown.at(-1)?.id ?? this.events.value.at(-1)?.id ?? 0;
    const fresh = events.filter((event) => event.id > known);
    if (this.pages.length === 0) this.pages.push({ token, first: 1 });
    if (fresh.length === 0 || !this.reader) return;
    this.reader.take(fresh);
    this.unshown.push(...fresh);
  }

  private show(): void {
    this.shownAt = performance.now();
    const fresh = this.unshown;
    if (fresh.length === 0) return;
    this.unshown = [];
    batch(() => {
      this.events.value = [...this.events.value, ...fresh];
      if (this.reader) this.model.value = this.reader.model();
    });
  }

  visitOf(eventId: number) {
    return this.reader?.visitOf(eventId);
  }

  /** The event with its payload. */
  async payloadOf(id: number): Promise<HistoryEvent | undefined> {
    const at = this.pages.findLastIndex((page) => page.first <= id);
    const page = this.pages[at];
    if (!page) return undefined;
    let kept = this.payloads.get(at);
    let found = (await kept?.catch(() => []))?.find((event) => event.id === id);
    if (found) return found;
    kept = this.readPage(page.token, true).then((reply) => reply.events); // Also a page that has grown.
    this.payloads.set(at, kept);
    const oldest = this.payloads.keys().next().value;
    if (this.payloads.size > KEPT_PAGES_MAX && oldest !== undefined) this.payloads.delete(oldest);
    found = (await kept).find((event) => event.id === id);
    return found;
  }
}
