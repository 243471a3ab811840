// A JSON editor with diagnostics: CodeMirror, loaded when one opens. It lives in a shadow root, where
// its styles are adopted sheets, which the content security policy admits.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, linter, lintKeymap, type Diagnostic } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export type { Diagnostic };

export interface Editor {
  setText(text: string): void;
  /** Selects a range and scrolls it into view. */
  reveal(from: number, to: number): void;
  destroy(): void;
}

const theme = EditorView.theme({
  '&': { fontSize: '12.5px', height: '100%', color: 'var(--text)', backgroundColor: 'var(--panel)' },
  '.cm-scroller': { fontFamily: 'var(--mono)', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--faint)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent-back) 45%, transparent)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': { backgroundColor: 'var(--accent-back)' },
  '.cm-tooltip': { backgroundColor: 'var(--panel)', color: 'var(--text)', border: '1px solid var(--line)' },
  // The linter's own marks are pictures in data: URLs, which the policy refuses.
  '.cm-lintRange-error': { backgroundImage: 'none', borderBottom: '2px dotted var(--failed)', paddingBottom: '0' },
  '.cm-lintRange-warning': { backgroundImage: 'none', borderBottom: '2px dotted var(--caught)', paddingBottom: '0' },
  '.cm-lint-marker': { content: 'normal !important', width: '0.7em', height: '0.7em', borderRadius: '50%', margin: '0.35em 0.15em' },
  '.cm-lint-marker-error': { backgroundColor: 'var(--failed)' },
  '.cm-lint-marker-warning': { backgroundColor: 'var(--caught)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--failed)' },
  '.cm-foldPlaceholder': { backgroundColor: 'var(--code)', color: 'var(--faint)', border: 'none' },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--accent)' },
  { tag: tags.string, color: 'var(--succeeded)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--caught)' },
]);

/** `check` is asked a little after the last key; `onText` hears every change. */
export function openEditor(host: HTMLElement, text: string, label: string, onText: (text: string) => void, check: (text: string) => Promise<Diagnostic[]>): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const frame = document.createElement('div');
  frame.style.height = '100%';
  root.replaceChildren(frame);
  const view = new EditorView({
    root,
    parent: frame,
    state: EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        foldGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        bracketMatching(),
        highlightActiveLine(),
        syntaxHighlighting(colours),
        json(),
        lintGutter(),
        linter((of) => check(of.state.doc.toString()), { delay: 400 }),
        keymap.of([...defaultKeymap, ...historyKeymap, ...foldKeymap, ...lintKeymap, indentWithTab]),
        EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onText(update.state.doc.toString());
        }),
        theme,
      ],
    }),
  });
  return {
    setText(next) {
      if (next !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
    },
    reveal(from, to) {
      view.dispatch({ selection: { anchor: from, head: Math.min(to, view.state.doc.length) }, effects: EditorView.scrollIntoView(from, { y: 'start', yMargin: 40 }) });
    },
    destroy: () => view.destroy(),
  };
}
