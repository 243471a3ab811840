// Where in a JSON text the value of a path lies, as diagnostics name it: "/States/Wait/Seconds".

export interface Range {
  readonly from: number;
  readonly to: number;
}

const SPACE = /\s/;

/** Reads JSON as far as it goes; what is not JSON ends it. */
class Scanner {
  at = 0;

  constructor(private readonly text: string) {}

  private skip(): void {
    while (this.at < this.text.length && SPACE.test(this.text[this.at] as string)) ++this.at;
  }

  private take(letter: string): boolean {
    this.skip();
    if (this.text[this.at] !== letter) return false;
    ++this.at;
    return true;
  }

  private string(): string | undefined {
    this.skip();
    const from = this.at;
    if (this.text[this.at] !== '"') return undefined;
    for (++this.at; this.at < this.text.length && this.text[this.at] !== '"'; ++this.at) if (this.text[this.at] === '\\') ++this.at;
    ++this.at;
    try {
      return JSON.parse(this.text.slice(from, this.at)) as string;
    } catch {
      return undefined;
    }
  }

  private pass(): void {
    this.skip();
    const letter = this.text[this.at];
    if (letter === '"') this.string();
    else if (letter === '{' || letter === '[') this.passBox();
    else while (this.at < this.text.length && !/[\s,\]}]/.test(this.text[this.at] as string)) ++this.at;
  }

  private passBox(): void {
    let depth = 0;
    for (; this.at < this.text.length; ++this.at) {
      const letter = this.text[this.at];
      if (letter === '"') {
        this.string();
        --this.at;
      } else if (letter === '{' || letter === '[') ++depth;
      else if ((letter === '}' || letter === ']') && --depth === 0) {
        ++this.at;
        return;
      }
    }
  }

  /** The value behind these names; of a member with its name. */
  find(names: readonly string[]): Range | undefined {
    const [name, ...rest] = names;
    this.skip();
    const from = this.at;
    if (name === undefined) {
      this.pass();
      return { from, to: this.at };
    }
    if (this.take('{')) return this.findMember(name, rest);
    if (this.take('[')) return this.findElement(Number(name), rest);
    return undefined;
  }

  private findMember(name: string, rest: readonly string[]): Range | undefined {
    do {
      this.skip();
      const from = this.at;
      const key = this.string();
      const to = this.at;
      if (key === undefined || !this.take(':')) return undefined;
      if (key === name) {
        const inner = this.find(rest);
        if (rest.length > 0) return inner ?? { from, to };
        return inner && { from, to: inner.to };
      }
      this.pass();
    } while (this.take(','));
    return undefined;
  }

  private findElement(index: number, rest: readonly string[]): Range | undefined {
    for (let i = 0; ; ++i) {
      if (i === index) return this.find(rest);
      this.pass();
      if (!this.take(',')) return undefined;
    }
  }
}

/** The value, or the name of the nearest one around it. Names with "/" are written "~1", "~" as "~0". */
export function locate(text: string, path: string): Range | undefined {
  const names = path
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    .filter((name) => name !== '');
  return names.length === 0 ? undefined : new Scanner(text).find(names);
}

/** The path of a state's value in a definition, given the states that it lies in. */
export function pathOfState(source: unknown, name: string): string | undefined {
  const states = (source as { States?: Record<string, Record<string, unknown>> } | undefined)?.States ?? {};
  const encoded = (text: string) => text.replaceAll('~', '~0').replaceAll('/', '~1');
  if (states[name]) return `/States/${encoded(name)}`;
  for (const [outer, state] of Object.entries(states)) {
    const inner: [string, unknown][] = [
      ...((state.Branches as unknown[] | undefined) ?? []).map((branch, i): [string, unknown] => [`Branches/${i}`, branch]),
      ...(['ItemProcessor', 'Iterator'] as const).map((field): [string, unknown] => [field, state[field]]),
    ];
    for (const [field, value] of inner) {
      const found = value ? pathOfState(value, name) : undefined;
      if (found) return `/States/${encoded(outer)}/${field}${found}`;
    }
  }
  return undefined;
}
