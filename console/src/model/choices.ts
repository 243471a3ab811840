// What the command palette offers.

export interface Choice {
  readonly kind: string;
  readonly name: string;
  readonly to: string; // A URL.
}

/** Those whose name has all the words; a name that begins with the text comes first. */
export function matching(all: readonly Choice[], text: string): Choice[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = (choice: Choice) => (choice.name.toLowerCase().startsWith(text.toLowerCase()) ? 0 : 1);
  return all.filter((choice) => words.every((word) => choice.name.toLowerCase().includes(word))).sort((a, b) => rank(a) - rank(b));
}
