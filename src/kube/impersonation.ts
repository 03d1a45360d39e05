/**
 * The headers of a kubeconfig user who acts as another. client-node knows only `as`; without the groups a user would
 * act with other rights than kubectl's (its issue 2355).
 */
export function impersonationHeaders(user: Readonly<Record<string, unknown>>): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  if (typeof user['as'] === 'string' && user['as'] !== '') headers['Impersonate-User'] = user['as'];
  if (typeof user['as-uid'] === 'string' && user['as-uid'] !== '') headers['Impersonate-Uid'] = user['as-uid'];
  if (Array.isArray(user['as-groups'])) headers['Impersonate-Group'] = user['as-groups'] as string[];
  for (const [key, values] of Object.entries((user['as-user-extra'] ?? {}) as Record<string, string[]>)) {
    // Not every character of a key may stand in a header's name.
    headers[`Impersonate-Extra-${encodeURIComponent(key)}`] = values;
  }
  return headers;
}
