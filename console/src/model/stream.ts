// Server-sent events, as far as the server writes them.

export interface Change {
  readonly kind: string; // "execution", "task", …, or "reset": read everything anew.
  readonly region: string;
  readonly id: string;
}

export interface Read {
  readonly changes: Change[];
  readonly lastId: string; // Empty: the text had none.
  readonly retry: number; // Milliseconds.
}

export function parseEvents(text: string): Read {
  const changes: Change[] = [];
  let lastId = '';
  let retry = 250;
  for (const block of text.split('\n\n')) {
    const fields = new Map(
      block.split('\n').flatMap((line) => {
        const colon = line.indexOf(': ');
        return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 2)] as const];
      }),
    );
    retry = Number(fields.get('retry') ?? retry);
    lastId = fields.get('id') ?? lastId;
    if (fields.get('event') === 'reset') changes.push({ kind: 'reset', region: '', id: '' });
    else if (fields.get('event') === 'change') changes.push(JSON.parse(fields.get('data') ?? '{}') as Change);
  }
  return { changes, lastId, retry };
}
