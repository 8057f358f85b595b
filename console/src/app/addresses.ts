/** The addresses of the screens, which can be kept and sent on. */
export const addresses = {
  overview: () => '#/',
  connection: (id: string) => `#/connections/${encodeURIComponent(id)}`,
  runs: (id: string, run?: string) =>
    `#/connections/${encodeURIComponent(id)}/runs${run ? `/${encodeURIComponent(run)}` : ''}`,
  people: (id: string) => `#/connections/${encodeURIComponent(id)}/people`,
  files: (id: string) => `#/connections/${encodeURIComponent(id)}/files`,
  file: (id: string, file: string) => `#/connections/${encodeURIComponent(id)}/files/${encodeURIComponent(file)}`,
  problems: (id: string) => `#/connections/${encodeURIComponent(id)}/problems`,
  verification: (id: string, verification: string) =>
    `#/connections/${encodeURIComponent(id)}/problems/verifications/${encodeURIComponent(verification)}`,
  create: () => '#/new',
  edit: (id: string) => `#/connections/${encodeURIComponent(id)}/edit`,
  alerts: (id: string) => `#/connections/${encodeURIComponent(id)}/alerts`,
  labels: (id: string) => `#/connections/${encodeURIComponent(id)}/labels`,
  governance: () => '#/governance',
  audit: () => '#/audit',
  migration: () => '#/migration',
} as const;
