/**
 * A text of somebody else's (a server's, another node's, a name) for a terminal: control characters, with which it could
 * rewrite what is on the screen, become visible. Newlines and tabs stay.
 */
export function escapeControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, '\uFFFD');
}
